"""Build the fuzz targets and run them, each for so many inputs or seconds.

A run for --runs starts from the seeds in tests/fuzz/corpus alone. A run for --seconds keeps the
inputs that reached something new in build/fuzz/corpus and goes on from them next time. An input
that breaks a target is kept in build/fuzz/crashes.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "fuzz"
CRASHES = BUILD / "crashes"
SUFFIX = "_fuzz"

DONE = re.compile(r"^Done (\d+) runs in \d+ second", re.MULTILINE)
STORED = re.compile(r"Test unit written to (\S+)")
COVERED = re.compile(r"\bcov: (\d+)")


@dataclass
class Outcome:
    """What became of one target."""

    unit: str
    executions: int  # 0 when it did not come to its end
    seconds: float
    covered: int  # edges, as the compiler counts them
    log: str

    @property
    def passed(self) -> bool:
        """Whether the target ran to its end."""
        return self.executions > 0


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument("--runs", type=int, default=30_000, help="inputs a target (%(default)s)")
    limit.add_argument("--seconds", type=int, help="seconds a target, instead of --runs")
    parser.add_argument("--seed", type=int, default=1, help="of the random inputs (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at the same time")
    parser.add_argument("--compiler", default="clang++", help="a clang with libFuzzer")
    parser.add_argument("units", nargs="*", metavar="UNIT", help="such as xml_reader; default: all")
    return parser.parse_args()


def build(compiler: str, jobs: int) -> None:
    """Configure and build the targets."""
    commands: list[list[str | Path]] = [
        ["cmake", "-S", HERE, "-B", BUILD, "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={compiler}"],
        ["cmake", "--build", BUILD, "--parallel", str(jobs)],
    ]
    for command in commands:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{done.stdout}\nerror: the fuzz targets did not build")


def command_line(unit: str, options: argparse.Namespace, found: Path) -> list[str | Path]:
    """Return the command that fuzzes a unit and writes what it finds into a folder."""
    command: list[str | Path] = [
        BUILD / f"{unit}{SUFFIX}",
        f"-seed={options.seed}",
        f"-artifact_prefix={CRASHES}/{unit}-",
        "-max_len=4096",
        "-timeout=10",
    ]
    if options.seconds is None:
        command.append(f"-runs={options.runs}")
    else:
        command.append(f"-max_total_time={options.seconds}")
    dictionary = HERE / f"{unit}.dict"
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    return [*command, found, HERE / "corpus" / unit]


def fuzz(unit: str, options: argparse.Namespace) -> Outcome:
    """Run one target and say how it went."""
    kept = BUILD / "corpus" / unit
    with tempfile.TemporaryDirectory() as scratch:
        if options.seconds is not None:
            kept.mkdir(parents=True, exist_ok=True)
        found = Path(scratch) if options.seconds is None else kept
        started = time.monotonic()
        done = subprocess.run(
            command_line(unit, options, found),
            cwd=scratch,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        seconds = time.monotonic() - started
    finished = DONE.search(done.stdout)
    executions = int(finished[1]) if finished and done.returncode == 0 else 0
    covered = max((int(count) for count in COVERED.findall(done.stdout)), default=0)
    return Outcome(unit, executions, seconds, covered, done.stdout)


def report(outcome: Outcome) -> None:
    """Print a line about a target that passed, and what helps about one that did not."""
    if outcome.passed:
        speed = outcome.executions / outcome.seconds
        print(
            f"{outcome.unit:17} {outcome.executions:10} executions {outcome.seconds:7.1f} s "
            f"{speed:8.0f}/s {outcome.covered:6} edges",
            flush=True,
        )
        return
    stored = STORED.search(outcome.log)
    print("\n".join(outcome.log.splitlines()[-60:]))
    print(f"{outcome.unit}: failed")
    if stored:
        print(f"  the input: {stored[1]}")
        print(f"  again:     {BUILD / (outcome.unit + SUFFIX)} {stored[1]}", flush=True)


def main() -> int:
    """Build, run and sum up."""
    options = arguments()
    known = [path.stem.removesuffix(SUFFIX) for path in sorted(HERE.glob(f"*{SUFFIX}.cc"))]
    if unknown := set(options.units) - set(known):
        sys.exit(f"error: no such unit: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    build(options.compiler, options.jobs)
    CRASHES.mkdir(parents=True, exist_ok=True)
    outcomes = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for outcome in pool.map(lambda unit: fuzz(unit, options), options.units or known):
            report(outcome)
            outcomes.append(outcome)
    failed = [outcome.unit for outcome in outcomes if not outcome.passed]
    total = sum(outcome.executions for outcome in outcomes)
    print(f"fuzzing: {len(outcomes)} targets, {total} executions, {len(failed)} failed")
    return bool(failed) or not outcomes


if __name__ == "__main__":
    sys.exit(main())

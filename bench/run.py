"""The benchmark: s3native beside the raw socket loop and other clients, on servers of its own.

Nothing leaves this machine. GB are 1e9 bytes, CPU is user + system time of the client's process.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "server"))

from commands import CommandLine
from jobs import make_job, verifier
from loops import LoopProgram
from report import render, to_json
from s3native.bench.clients import is_installed
from s3native.bench.protocol import LIMIT, Job
from s3native.bench.results import environment, last_line
from s3native.bench.runner import Course, Result, Row, Runner, fit_together, measure, start_client
from stage import STAGE_ERRORS, Stage
from workloads import COMMANDS, FULL, QUICK, S3NATIVE, Entry, Workload


def main() -> int:
    """Run the chosen workloads; 1 when s3native failed in one of them."""
    options = _parse()
    chosen = _choose(options)
    failed = False
    report = []
    machine = environment()
    print(
        f"{machine['cpus']} CPUs, {machine['system']}, load {machine['load_average']}\n", flush=True
    )
    with Stage(sum(workload.stored_bytes for workload in chosen)) as stage:
        for workload in chosen:
            try:
                results = _measure(workload, stage, options.row)
            except STAGE_ERRORS as error:
                print(f"{workload.name}: left out, {error}\n", flush=True)
                continue
            print(render(workload, results), flush=True)
            for result in filter(lambda result: result.error, results):
                told = result.error if result.client == S3NATIVE else last_line(result.error)
                print(f"  {result.label} failed: {told}\n", flush=True)
            failed |= any(result.error for result in results if result.label.startswith(S3NATIVE))
            report.append(to_json(workload, results))
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "workloads": report}, indent=1))
    return int(failed)


def _measure(workload: Workload, stage: Stage, wanted: list[str] | None) -> list[Result]:
    entries = [entry for entry in workload.entries if _is_here(entry)]
    entries = [entry for entry in entries if not wanted or entry.label in wanted]
    if not entries:
        return []
    job = make_job(workload, stage)
    course = Course(
        workload.rounds,
        0 if workload.fresh_process else 1,
        keep=not workload.fresh_process and fit_together(entries, job),
        verify=verifier(workload, stage),
        tell=lambda _label, _what: None,
        start=_start,
    )
    return measure(entries, job, course)


def _is_here(entry: Entry) -> bool:
    return bool(entry.program) or entry.client == LIMIT or is_installed(entry.client)


def _start(row: Row, job: Job) -> Runner:
    if isinstance(row, Entry) and row.program:
        return LoopProgram(row.program, job)
    if job.operation in COMMANDS:
        return CommandLine(row.client, job)
    return start_client(row, job)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small sizes, about a minute (default)")
    size.add_argument("--full", action="store_true", help="every workload, about half an hour")
    parser.add_argument(
        "--only", metavar="PATTERN", action="append", help="only these, full size; repeatable"
    )
    parser.add_argument("--row", metavar="LABEL", action="append", help="only this; repeatable")
    parser.add_argument(
        "--json", metavar="FILE", type=Path, help="write all that was measured here"
    )
    return parser.parse_args()


def _choose(options: argparse.Namespace) -> list[Workload]:
    if not options.only:
        return FULL if options.full else QUICK
    known = {workload.name: workload for workload in (QUICK if options.quick else FULL)}
    found = {pattern: fnmatch.filter(known, pattern) for pattern in options.only}
    unknown = sorted(pattern for pattern, names in found.items() if not names)
    if unknown:
        sys.exit(f"unknown workload {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for names in found.values() for name in names]


if __name__ == "__main__":
    sys.exit(main())

"""The benchmark: s3native beside the raw socket loop and other clients, on servers of its own.

Nothing leaves this machine. GB are 1e9 bytes, CPU is user + system time of the client's process.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "server"))

from harness import machine, run_workload
from report import render, to_json
from stage import STAGE_ERRORS, Stage
from workloads import FULL, QUICK, S3NATIVE, Workload


def main() -> int:
    """Run the chosen workloads; 1 when s3native failed in one of them."""
    options = _parse()
    chosen = _choose(options)
    failed = False
    report = []
    print(f"{_here()}\n", flush=True)
    with Stage(sum(workload.stored_bytes for workload in chosen)) as stage:
        for workload in chosen:
            try:
                results = run_workload(workload, stage, _say)
            except STAGE_ERRORS as error:
                print(f"{workload.name}: left out, {error}\n", flush=True)
                continue
            print(render(workload, results), flush=True)
            failed |= any(result.error for result in results if result.label.startswith(S3NATIVE))
            report.append(to_json(workload, results))
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "workloads": report}, indent=1))
    return int(failed)


def _here() -> str:
    """Tell what may explain the figures: the machine, and whether somebody else is using it."""
    told = machine()
    return f"{told['cpus']} CPUs, {told['system']}, load average {os.getloadavg()[0]:.1f}"


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small sizes, about a minute (default)")
    size.add_argument("--full", action="store_true", help="every workload, about half an hour")
    parser.add_argument(
        "--only", metavar="WORKLOAD", action="append", help="only this one, full size; repeatable"
    )
    parser.add_argument(
        "--json", metavar="FILE", type=Path, help="write all that was measured here"
    )
    return parser.parse_args()


def _choose(options: argparse.Namespace) -> list[Workload]:
    if not options.only:
        return FULL if options.full else QUICK
    known = {workload.name: workload for workload in (QUICK if options.quick else FULL)}
    unknown = sorted(set(options.only) - set(known))
    if unknown:
        sys.exit(f"unknown workload {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in options.only]


if __name__ == "__main__":
    sys.exit(main())

"""Writes the tables of docs/reliability.md from the tests, so that they cannot drift.

The first names each fault of the storm (tests/python/faults.py) and how often the soak run on
record (tests/python/soak.json) did it. The others name the tests of the files below, and their
cases.
`--check` only tells whether the document is up to date.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import io
import json
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
from generated import bring

PROJECT = Path(__file__).resolve().parents[1]
TESTS = PROJECT / "tests" / "python"
DOCUMENT = PROJECT / "docs" / "reliability.md"
FILES = (
    "test_errors.py",
    "test_connection_faults.py",
    "test_connection_heads.py",
    "test_connection_stalls.py",
    "test_connection_driven.py",
    "test_connection_puts.py",
    "test_connection_documents.py",
    "test_toxiproxy.py",
    "test_connection.py",
    "test_retry_budget.py",
    "test_clock.py",
    "test_credentials.py",
    "test_tls.py",
    "test_tls_records.py",
    "test_proxy.py",
    "test_interrupt.py",
    "test_threads.py",
    "test_processes.py",
    "test_fork.py",
    "test_file_reader.py",
    "test_file_writer.py",
)


class Collected:
    """A pytest plugin that keeps the tests' modules and how many cases each function has."""

    def __init__(self) -> None:
        self.modules: dict[str, ModuleType] = {}
        self.cases: dict[str, Counter[str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            assert isinstance(item, pytest.Function)
            self.modules[item.path.name] = item.module
            self.cases.setdefault(item.path.name, Counter())[item.originalname] += 1


def collect() -> Collected:
    """What pytest finds in the files."""
    collected = Collected()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        paths = [str(TESTS / name) for name in FILES]
        code = pytest.main(["--collect-only", "-q", *paths], plugins=[collected])
    if code != pytest.ExitCode.OK or set(collected.cases) != set(FILES):
        raise SystemExit(f"the tests could not be collected:\n{printed.getvalue()}")
    return collected


def fault_table() -> list[str]:
    """A row for each fault of the storm."""
    from faults import FAULTS  # found because pytest collected its neighbours

    soak = json.loads((TESTS / "soak.json").read_text())
    counts: dict[str, int] = soak["faults"]
    if set(counts) != set(FAULTS):
        unlike = sorted(set(counts) ^ set(FAULTS))
        raise SystemExit(f"soak.json is of other faults: {unlike}; run `make soak`")
    rows = ["| fault | how it is injected | what the user sees | runs |", "|---|---|---|---:|"]
    rows += [
        f"| {name} | {fault.how} | {fault.seen} | {grouped(counts[name])} |"
        for name, fault in FAULTS.items()
    ]
    rows += [
        "",
        f"{grouped(sum(counts.values()))} faults in one run of `make soak` (seed {soak['seed']}), "
        f"which then forked {grouped(soak['forks'])} times with transfers under way.",
    ]
    return rows


def grouped(number: int) -> str:
    """In groups of three digits."""
    return f"{number:,}".replace(",", " ")


def test_tables(collected: Collected) -> list[str]:
    """A table for each file of tests."""
    lines: list[str] = []
    for name in FILES:
        purpose = inspect.getdoc(collected.modules[name]) or ""
        lines += [f"### {purpose.splitlines()[0].rstrip('.')}", ""]
        lines += [f"`tests/python/{name}`", "", "| test | cases |", "|---|---:|"]
        for test, count in collected.cases[name].items():
            words = test.removeprefix("test_").replace("_", " ")
            lines.append(f"| {words} | {count} |")
        lines.append("")
    return lines[:-1]


def main() -> int:
    """Write the document, or check it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    collected = collect()
    parts = {"faults": fault_table(), "tests": test_tables(collected)}
    if not bring(DOCUMENT, parts, check=options.check):
        return 1
    count = sum(cases.total() for cases in collected.cases.values())
    print(f"{DOCUMENT.name}: {count} cases of {len(FILES)} files of tests, and the storm's faults")
    return 0


if __name__ == "__main__":
    sys.exit(main())

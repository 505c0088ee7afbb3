"""Figures, tables, comparisons, JSON: from rounds that were not measured."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.console import Console
from s3native.bench import compare, figures, latency, results, tables
from s3native.bench.protocol import LIMIT, Round
from s3native.bench.results import Measured, Report, ReportError, Settings
from s3native.bench.runner import Result
from s3native.bench.workloads import MIB, WORKLOADS


def rounds(*seconds: float, **more: Any) -> list[Round]:
    values: dict[str, Any] = {
        "user_s": 0.1,
        "system_s": 0.1,
        "moved_bytes": 10**9,
        "count": 1000,
        "peak_rss_bytes": 50 * MIB,
        "latencies_us": [float(each) for each in range(1, 1001)],
        **more,
    }
    return [Round(seconds=each, **values) for each in seconds]


def report(workload: str, rows: Sequence[Result]) -> Report:
    return Report(
        results.environment(),
        "a server",
        Settings("quick", 3, 1),
        [Measured(WORKLOADS[workload], rows)],
    )


ROWS = [
    Result("s3native", "s3native", "1", "in a way", rounds(0.5, 1.0, 0.4), verified=True),
    Result("boto3", "boto3", "2", "in another", rounds(2.0, 2.2, 1.8, retries=3), verified=True),
    Result("obstore", "obstore", "3", error="Traceback\nValueError: no <such> luck"),
    Result("s5cmd", "s5cmd", "4", cannot="it has no such operation"),
    Result(LIMIT, LIMIT, rounds=rounds(0.4, 0.4, 0.4)),
]


def cells(shown: figures.Table, row: int) -> dict[str, str]:
    values = tables.cells(shown, shown.results[row])
    return dict(zip(tables.headings(shown)[1:], values, strict=True))


def test_a_bulk_table_is_in_bytes() -> None:
    shown = figures.table(Measured(WORKLOADS["get"], ROWS))
    own = cells(shown, 0)
    assert own["GB/s"] == "2.00"
    assert own["± %"] == "38"  # from 1.0 to 2.5: half of it, of 2.0
    assert (own["CPU s/GB"], own["user"], own["system"]) == ("0.200", "0.100", "0.100")
    assert own["RSS MiB"] == "50"
    assert own["retries"] == "-"  # not told
    assert own["share of limit"] == "80 %"
    assert cells(shown, 1)["retries"] == "9"
    assert cells(shown, 4)["share of limit"] == "100 %"
    assert not shown.has_latencies


def test_a_table_of_small_objects_is_in_calls_with_their_latencies() -> None:
    shown = figures.table(Measured(WORKLOADS["small-get"], ROWS))
    own = cells(shown, 0)
    assert own["per s"] == "2 000"
    assert own["CPU us each"] == "200"
    assert own["p50 ms"] == "0.50"
    assert own["p99 ms"] == "0.99"
    assert own["p99.9 ms"] == "1.00"
    assert shown.has_latencies


def test_training_is_in_the_accelerators_time() -> None:
    row = Result("s3native", "s3native", rounds=rounds(2.5, 2.5, accelerator_s=1.0, training_s=2.0))
    own = cells(figures.table(Measured(WORKLOADS["train-unet3d"], [row])), 0)
    assert own["accelerator %"] == "50"
    assert own["per core"] == "5.0"  # a second of it for 0.2 of a core
    assert own["share of limit"] == "50 %"


def test_rows_that_failed_have_no_figures_and_say_why() -> None:
    shown = figures.table(Measured(WORKLOADS["get"], ROWS))
    failed = cells(shown, 2)
    assert failed.pop("errors") == "0"
    assert set(failed.values()) == {"-"}
    assert list(tables.notes(shown)) == [
        "obstore 3 failed: ValueError: no <such> luck",
        "s5cmd 4: left out, it has no such operation",
    ]
    assert [row.label for row in tables.rows(shown)] == ["s3native", "boto3", "obstore", LIMIT]


def test_calls_that_failed_are_counted() -> None:
    row = Result("boto3", "boto3", error="x", rounds=rounds(1.0, errors=2, first_error="x"))
    shown = cells(figures.table(Measured(WORKLOADS["small-get"], [row])), 0)
    assert shown["errors"] == "2"
    assert shown["per s"] == "-"


def test_tables_are_printed_and_written() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    tables.show(report("get", ROWS), console)
    text = console.export_text()
    assert "GET of 1 x 1 GiB, into memory" in text
    assert "obstore 3 failed: ValueError: no <such> luck" in text
    lines = tables.markdown(report("get", ROWS)).splitlines()
    assert lines[2:9] == [
        "|  | get, GB/s | get, CPU s/GB |",
        "| --- | ---: | ---: |",
        "| s3native 1 | 2.00 | 0.200 |",
        "| boto3 2 | 0.50 | 0.200 |",
        "| obstore 3 | - | - |",
        "| limit | 2.50 | 0.200 |",
        "",
    ]
    assert lines[9] == "**GET of 1 x 1 GiB, into memory**"
    assert lines[13].startswith("| s3native 1 | 2.00 | 38 | 0.200 |")
    assert {line.count("|") for line in lines[9:] if line.startswith("|")} == {11}


# ---- latencies ----


def test_histograms_survive() -> None:
    measured = [float(each) for each in range(100, 100_000, 37)]
    back = latency.decoded(latency.encoded(measured))
    assert len(back) == len(measured)
    assert back == pytest.approx(measured, rel=1e-3)
    assert latency.encoded([]) == ""
    assert latency.decoded("") == []


def test_what_no_histogram_holds_is_at_its_end() -> None:
    made = latency.histogram([0.0, 1e15])
    assert latency.percentile_us(made, 1) == pytest.approx(0.001)
    assert latency.percentile_us(made, 100) == pytest.approx(3600e6, rel=1e-3)


# ---- JSON ----


@pytest.mark.parametrize("name", WORKLOADS)
def test_reports_are_as_their_schema_says_and_come_back(name: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    results.write(report(name, ROWS), path)
    jsonschema.validate(json.loads(path.read_text()), results.schema())
    back = results.read(path)
    assert back.measured[0].workload.described == WORKLOADS[name].described
    assert [row.label for row in back.measured[0].results] == [row.label for row in ROWS]
    before, after = (figures.table(each.measured[0]) for each in (report(name, ROWS), back))
    assert cells(before, 1) == cells(after, 1)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema": 1}', "\x00", '{"schema": 99}', '{"schema": 1, "workloads": [1]}'],
)
def test_what_is_no_report_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(ReportError, match=r"report\.json"):
        results.read(path)


def test_failures_are_told_in_a_line_each() -> None:
    assert report("get", ROWS).failures == ["get: obstore: ValueError: no <such> luck"]


# ---- comparing ----


def test_changes_are_noise_where_the_rounds_overlap() -> None:
    before = report("get", [Result("s3native", "s3native", rounds=rounds(1.0, 1.1, 1.2))])
    cases = {(1.15, 1.3, 1.4): True, (2.0, 2.1, 2.2): False, (0.5, 0.4, 0.6): False}
    for seconds, is_noise in cases.items():
        after = report("get", [Result("s3native", "s3native", rounds=rounds(*seconds))])
        rate, cost = compare.changes(before, after)
        assert rate.is_noise is is_noise
        assert cost.is_noise  # the same in all
        assert rate.ratio == pytest.approx(1.1 / sorted(seconds)[1])
        slower = seconds == (2.0, 2.1, 2.2)
        assert rate.worse_percent == (pytest.approx(47.6, abs=0.1) if slower else 0)


def test_two_rounds_tell_nothing() -> None:
    before = report("get", [Result("s3native", "s3native", rounds=rounds(1.0, 1.1))])
    after = report("get", [Result("s3native", "s3native", rounds=rounds(9.0, 9.1, 9.2))])
    assert all(change.is_noise for change in compare.changes(before, after))


def test_only_what_both_have_is_compared() -> None:
    before, after = report("get", ROWS), report("get", ROWS[1:])
    assert {change.client for change in compare.changes(before, after)} == {"boto3"}
    assert not list(compare.changes(before, report("put", ROWS)))


def test_differences_of_machine_and_sizes_are_told() -> None:
    before = report("get", ROWS)
    after = replace(
        before,
        environment={**before.environment, "cpus": 999},
        settings=replace(before.settings, repeat=9),
        measured=[Measured(WORKLOADS["get"].changed(size=MIB), ROWS)],
    )
    assert compare.differences(before, before) == []
    told = compare.differences(before, after)
    assert [line.split(":")[0] for line in told] == ["cpus", "repeat", "get"]
    other = replace(before, measured=[Measured(WORKLOADS["get"], [replace(ROWS[0], version="9")])])
    assert compare.differences(before, other) == ["s3native: 1 before, 9 after"]

"""Turns results into tables: one row a client, then s3native's ratios beside what is demanded."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from s3native.bench import figures
from workloads import MIB, S3NATIVE

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3native.bench.protocol import Round
    from s3native.bench.runner import Result
    from workloads import Workload


@dataclass(frozen=True)
class Column:
    """A figure of a round, with its unit as the heading."""

    heading: str
    value: Callable[[Round], float]
    digits: int


def _p(share: float) -> Callable[[Round], float]:
    def value(round_: Round) -> float:
        ordered = sorted(round_.latencies_us)
        return ordered[int(share * (len(ordered) - 1))]

    return value


_GB_S = Column("GB/s", figures.gb_per_s, 2)
_CPU_S_PER_GB = Column("CPU s/GB", figures.cpu_s_per_gb, 3)
_PER_SECOND = Column("per s", figures.calls_per_s, 0)
_CPU_US = Column("CPU us each", figures.cpu_us_each, 1)
_PEAK_RSS = Column("peak RSS MiB", lambda r: r.peak_rss_bytes / MIB, 0)
_RSS_GROWTH = Column("RSS growth MiB", lambda r: r.rss_growth_bytes / MIB, 1)

# The first column is the rate and the second the cost that ratios are made of.
_COLUMNS = {
    "get_many": [_PER_SECOND, _CPU_US, _GB_S],
    "put_many": [_PER_SECOND, _CPU_US, _GB_S],
    "load_state": [_GB_S, _CPU_S_PER_GB, _RSS_GROWTH],
    "load_safetensors": [_GB_S, _CPU_S_PER_GB, _RSS_GROWTH],
    "list": [_PER_SECOND, Column("CPU us each", _CPU_US.value, 2), _RSS_GROWTH],
    "help": [_PER_SECOND, Column("ms", lambda r: r.seconds * 1000, 0)],
    "load_dataset": [_PER_SECOND, Column("ms", lambda r: r.seconds * 1000, 0)],
    "match_files": [_PER_SECOND, _CPU_US],
    "first_sample": [_PER_SECOND, Column("ms", lambda r: r.seconds * 1000, 0)],
    "sync_down": [_PER_SECOND, _CPU_US],
    "sync_up": [_PER_SECOND, _CPU_US],
    "sync_same": [_PER_SECOND, _CPU_US],
    "random_read": [
        _PER_SECOND,
        _CPU_US,
        Column("p50 us", _p(0.5), 0),
        Column("p99 us", _p(0.99), 0),
    ],
}


def columns(workload: Workload) -> list[Column]:
    """Return the figures that a workload shows."""
    if workload.memory_limit:
        return [_GB_S, _CPU_S_PER_GB, _PEAK_RSS, _RSS_GROWTH]
    return _COLUMNS.get(workload.operation, [_GB_S, _CPU_S_PER_GB])


def render(workload: Workload, results: list[Result]) -> str:
    """Return the workload's table and ratios as text."""
    shown = columns(workload)
    rows = [["", *(column.heading for column in shown)]]
    for result in results:
        if result.cannot:
            continue
        if result.error or not result.rounds:
            rows.append([result.label, *("failed" for _ in shown)])
            continue
        name = f"{result.label} {result.version}".strip()
        cells = (f"{result.median(column.value):,.{column.digits}f}" for column in shown)
        rows.append([name, *(cell.replace(",", " ") for cell in cells)])
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = [f"{workload.name}: {workload.title}; medians of {workload.rounds}"]
    for row in rows:
        cells_text = "  ".join(
            cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)
        )
        lines.append(f"  {row[0].ljust(widths[0])}  {cells_text}")
    return "\n".join(lines + _ratios(workload, results)) + "\n"


def _ratios(workload: Workload, results: list[Result]) -> list[str]:
    """Compare s3native with the loop and with the best peer of each figure."""
    good = {result.label: result for result in results if result.rounds and not result.error}
    own = good.get(S3NATIVE)
    if own is None:
        return []
    rate, cost = columns(workload)[:2]
    demand, lines = workload.demand, []
    if demand.cost is not None:
        met = own.median(cost.value) <= demand.cost
        lines.append(
            f"  s3native: {cost.heading} demanded at most {demand.cost:.0f}{_told(met=met)}"
        )
    if workload.loop in good:
        loop = good[workload.loop]
        if demand.cost_above_loop is not None:
            above = own.median(cost.value) - loop.median(cost.value)
            met = above <= demand.cost_above_loop
            lines.append(
                f"  s3native: {above:.{cost.digits}f} {cost.heading} above the {loop.label}; "
                f"demanded at most {demand.cost_above_loop}{_told(met=met)}"
            )
        lines.append(
            _ratio(f"rate of the {loop.label}", own, loop, rate, demand.rate_of_loop, least=True)
        )
        lines.append(
            _ratio(f"cost of the {loop.label}", own, loop, cost, demand.cost_of_loop, least=False)
        )
    peers = [result for label, result in good.items() if not label.startswith(S3NATIVE)]
    peers = [result for result in peers if result.label != workload.loop]
    if peers:
        fast = max(peers, key=lambda result: result.median(rate.value))
        lean = min(peers, key=lambda result: result.median(cost.value))
        lines.append(
            _ratio(f"rate of {fast.label}", own, fast, rate, demand.rate_of_peer, least=True)
        )
        lines.append(
            _ratio(f"cost of {lean.label}", own, lean, cost, demand.cost_of_peer, least=False)
        )
    return lines


def _ratio(
    name: str, own: Result, other: Result, column: Column, demanded: float | None, *, least: bool
) -> str:
    ratio = own.median(column.value) / max(other.median(column.value), 1e-9)
    line = f"  s3native: {ratio:.2f} x the {name} ({column.heading})"
    if demanded is None:
        return line
    met = ratio >= demanded if least else ratio <= demanded
    bound = "at least" if least else "at most"
    return f"{line}; demanded {bound} {demanded:.2f}{_told(met=met)}"


def _told(*, met: bool) -> str:
    return "" if met else "  <-- missed"


def to_json(workload: Workload, results: list[Result]) -> dict[str, Any]:
    """Return everything measured in a workload as plain values."""
    shown = columns(workload)
    return {
        "name": workload.name,
        "title": workload.title,
        "clients": [
            {
                "label": result.label,
                "version": result.version,
                "verified": result.verified,
                "error": result.error,
                "medians": {c.heading: result.median(c.value) for c in shown if result.is_good},
                "rounds": [
                    {**asdict(round_), "latencies_us": []}  # thousands; their quantiles are above
                    for round_ in result.rounds
                ],
            }
            for result in results
        ],
    }

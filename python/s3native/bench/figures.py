"""The figures of a table, from what was measured. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from hdrh.histogram import HdrHistogram

from s3native.bench import latency
from s3native.bench.protocol import LIMIT, Round
from s3native.bench.results import Measured
from s3native.bench.runner import Result
from s3native.bench.workloads import MIB, Workload

Value = Callable[[Result], float | None]


@dataclass(frozen=True)
class Figure:
    """A column: medians over the rounds, unless it says otherwise."""

    heading: str
    digits: int
    value: Value


@dataclass(frozen=True)
class Table:
    """A workload's figures: `rate` is better when higher, `cost` when lower."""

    title: str
    columns: Sequence[Figure]
    rate: Figure
    cost: Figure
    results: Sequence[Result]
    has_latencies: bool  # that are those of what is counted

    def share_of_limit(self, result: Result) -> float | None:
        """A row's rate as a share of the limit's; of training that of the accelerator's time."""
        mine = self.rate.value(result)
        if self.rate.heading == _UTILISATION:
            return None if mine is None else mine / 100
        limits = (self.rate.value(other) for other in self.results if other.client == LIMIT)
        limit = next(limits, None)
        return mine / limit if mine is not None and limit else None


def table(measured: Measured) -> Table:
    """Return the figures that a workload is about."""
    workload = measured.workload
    rate, cost, unit = _rate_and_cost(workload)
    columns = [rate, _spread(rate), cost, _part("user", unit), _part("system", unit)]
    if unit == "training":
        columns = [rate, _spread(rate), _ACCELERATORS, _GB_S, cost]
    if unit == "each":
        columns += [_percentile(percent) for percent in (50, 90, 99, 99.9)]
    columns += [
        _median("RSS MiB", 0, lambda sample: sample.peak_rss_bytes / MIB),
        Figure("retries", 0, _retries),
        Figure("errors", 0, lambda result: sum(sample.errors for sample in result.rounds)),
    ]
    return Table(workload.described, columns, rate, cost, measured.results, unit == "each")


def gb_per_s(sample: Round) -> float:
    """Rate of a round."""
    return sample.moved_bytes / sample.seconds / 1e9


def calls_per_s(sample: Round) -> float:
    """Rate of a round."""
    return sample.count / sample.seconds


def cpu_s_per_gb(sample: Round) -> float:
    """Cost of a round."""
    return sample.cpu_s * 1e9 / sample.moved_bytes


def cpu_us_each(sample: Round) -> float:
    """Cost of a round."""
    return sample.cpu_s * 1e6 / sample.count


def text_of(figure: Figure, result: Result) -> str:
    """Return a figure to read, or a dash."""
    value = figure.value(result)
    return "-" if value is None else f"{value:,.{figure.digits}f}".replace(",", " ")


def percentiles(result: Result, percents: Sequence[float]) -> list[float]:
    """Return a row's latencies in microseconds, over all its rounds; empty if it has none."""
    histogram = _histogram(result, len(result.rounds))
    if histogram is None:
        return []
    return [latency.percentile_us(histogram, percent) for percent in percents]


@lru_cache(maxsize=256)
def _histogram(result: Result, _rounds: int) -> HdrHistogram | None:
    measured = [each for sample in result.rounds for each in sample.latencies_us]
    return latency.histogram(measured) if measured else None


def samples(figure: Figure, result: Result) -> list[float]:
    """Return a figure's value in each round that has one."""
    each = (Result("", "", rounds=[sample]) for sample in result.rounds if not sample.errors)
    return [value for one in each if (value := figure.value(one)) is not None]


_UTILISATION = "accelerator %"


def _median(heading: str, digits: int, value: Callable[[Round], float]) -> Figure:
    def of(result: Result) -> float | None:
        return result.median(value) if result.is_good else None

    return Figure(heading, digits, of)


def _spread(figure: Figure) -> Figure:
    """Half of what lies between a figure's least and most, in percent of its median."""

    def of(result: Result) -> float | None:
        values = samples(figure, result)
        middle = figure.value(result)
        if len(values) < 2 or not middle:
            return None
        return (max(values) - min(values)) / 2 / middle * 100

    return Figure("± %", 0, of)


_GB_S = _median("GB/s", 2, gb_per_s)
_ACCELERATORS = _median(
    "per core", 1, lambda sample: sample.accelerator_s / max(sample.cpu_s, 1e-9)
)
"""Accelerators that one core of the client keeps busy."""


def _rate_and_cost(workload: Workload) -> tuple[Figure, Figure, str]:
    per_gb = _median("CPU s/GB", 3, cpu_s_per_gb)
    if workload.operation.startswith("train"):
        return (
            _median(
                _UTILISATION, 0, lambda s: min(s.accelerator_s / max(s.training_s, 1e-9), 1) * 100
            ),
            per_gb,
            "training",
        )
    if workload.size >= MIB and workload.operation != "mixed":
        return _GB_S, per_gb, "bulk"
    rate = _median("per s", 0, calls_per_s)
    digits = 1 if workload.operation == "list" else 0
    cost = _median("CPU us each", digits, cpu_us_each)
    return rate, cost, "each"


def _part(name: str, unit: str) -> Figure:
    """Of the CPU time that of the program or the kernel."""

    def of(sample: Round) -> float:
        seconds = sample.user_s if name == "user" else sample.system_s
        if unit == "each":
            return seconds * 1e6 / sample.count
        return seconds * 1e9 / sample.moved_bytes

    return _median(name, 0 if unit == "each" else 3, of)


def _percentile(percent: float) -> Figure:
    def of(result: Result) -> float | None:
        found = percentiles(result, [percent]) if result.is_good else []
        return found[0] / 1000 if found else None

    return Figure(f"p{percent:g} ms", 2, of)


def _retries(result: Result) -> float | None:
    told = [sample.retries for sample in result.rounds if sample.retries is not None]
    return sum(told) if told else None

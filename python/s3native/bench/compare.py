"""Two reports side by side: what became faster or cheaper, and what may only be noise. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from s3native.bench.figures import Figure, samples, table
from s3native.bench.protocol import LIMIT
from s3native.bench.results import Measured, Report
from s3native.bench.runner import Result

_LEAST_ROUNDS = 3
"""Fewer tell nothing."""


@dataclass(frozen=True)
class Change:
    """A figure of the first report and of the second."""

    workload: str
    client: str
    figure: str
    before: float
    after: float
    more_is_better: bool
    is_noise: bool  # the rounds of both overlap, or are too few

    @property
    def ratio(self) -> float:
        """The second as a multiple of the first."""
        return self.after / self.before

    @property
    def worse_percent(self) -> float:
        """By how much the second is worse; 0 when it is better, or may be the same."""
        if self.is_noise:
            return 0.0
        change = 1 - self.ratio if self.more_is_better else self.ratio - 1
        return max(change, 0.0) * 100


def changes(before: Report, after: Report) -> Iterator[Change]:
    """Yield the figures that both reports have."""
    others = {each.workload.name: each for each in after.measured}
    for first in before.measured:
        second = others.get(first.workload.name)
        if second is None:
            continue
        results = {result.label: result for result in second.results}
        for result in first.results:
            other = results.get(result.label)
            if result.client != LIMIT and other and result.is_good and other.is_good:
                yield from _of_client(first, result, other)


def _of_client(measured: Measured, first: Result, second: Result) -> Iterator[Change]:
    shown = table(measured)
    for figure, more_is_better in ((shown.rate, True), (shown.cost, False)):
        before, after = figure.value(first), figure.value(second)
        if before and after:
            yield Change(
                measured.workload.name,
                first.label,
                figure.heading,
                before,
                after,
                more_is_better,
                _overlap(figure, first, second),
            )


def _overlap(figure: Figure, first: Result, second: Result) -> bool:
    one, other = samples(figure, first), samples(figure, second)
    if min(len(one), len(other)) < _LEAST_ROUNDS:
        return True
    return min(one) <= max(other) and min(other) <= max(one)


def differences(before: Report, after: Report) -> list[str]:
    """What makes the two hard to compare: other machines, servers, sizes, settings."""
    told: list[str] = []
    for name in ("cpu", "cpus", "system", "python"):
        told += _differ(name, before.environment.get(name), after.environment.get(name))
    told += _differ("server", before.server, after.server)
    for name in ("repeat", "warmup", "duration_s", "part_size", "seed"):
        told += _differ(name, getattr(before.settings, name), getattr(after.settings, name))
    others = {each.workload.name: each.workload for each in after.measured}
    for each in before.measured:
        other = others.get(each.workload.name)
        if other is not None:
            told += _differ(each.workload.name, each.workload.described, other.described)
    versions, later = _versions(before), _versions(after)
    for client in versions.keys() & later.keys():
        told += _differ(client, versions[client], later[client])
    return told


def _versions(report: Report) -> dict[str, str]:
    return {
        result.label: result.version
        for each in report.measured
        for result in each.results
        if result.version
    }


def _differ(name: str, one: object, other: object) -> Sequence[str]:
    return [] if one == other else [f"{name}: {one} before, {other} after"]

"""Ranges of one object that are fetched together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Span(Protocol):
    """Bytes of an object, half-open."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


S = TypeVar("S", bound=Span)


def coalesced(spans: Iterable[S], gap: int, most: int) -> list[list[S]]:
    """Return spans in groups, by where they are, that are worth one request each.

    Spans may overlap and repeat.

    Args:
        gap: bytes between spans of one group, at most.
        most: bytes of a group, at most, unless a single span has more.
    """
    groups: list[list[S]] = []
    end = 0
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        near = groups and span.start - end <= gap
        if near and max(end, span.end) - groups[-1][0].start <= most:
            groups[-1].append(span)
            end = max(end, span.end)
        else:
            groups.append([span])
            end = span.end
    return groups

"""`coalesced`: which ranges share a request."""

from __future__ import annotations

from dataclasses import dataclass

from frameworks import needs
from hypothesis import given
from hypothesis import strategies as st

needs("torch")

from s3native.torch.fetching import coalesced


@dataclass(frozen=True)
class Span:
    start: int
    end: int


def spans(*pairs: tuple[int, int]) -> list[Span]:
    return [Span(*pair) for pair in pairs]


def test_neighbours_are_together() -> None:
    a, b, c = spans((0, 10), (15, 20), (26, 30))
    assert coalesced([c, a, b], gap=5, most=100) == [[a, b], [c]]
    assert coalesced([c, a, b], gap=6, most=100) == [[a, b, c]]
    assert coalesced([c, a, b], gap=100, most=25) == [[a, b], [c]]


def test_a_large_one_is_alone_and_covers_others() -> None:
    large, inside, behind = spans((0, 1000), (10, 20), (990, 1100))
    assert coalesced([inside, large], gap=0, most=100) == [[large], [inside]]
    assert coalesced([inside, behind, large], gap=0, most=1100) == [[large, inside, behind]]


def test_nothing() -> None:
    assert coalesced([], gap=1, most=1) == []


lengths = st.integers(0, 40)


@given(st.lists(st.tuples(st.integers(0, 300), lengths)), st.integers(0, 30), st.integers(1, 120))
def test_each_is_in_one_group(drawn: list[tuple[int, int]], gap: int, most: int) -> None:
    wanted = spans(*((start, start + length) for start, length in drawn))
    groups = coalesced(wanted, gap, most)
    assert sorted((span.start, span.end) for group in groups for span in group) == sorted(
        (span.start, span.end) for span in wanted
    )
    for group in groups:
        start, end = group[0].start, group[0].end
        for span in group[1:]:
            assert start <= span.start <= end + gap
            end = max(end, span.end)
        assert len(group) == 1 or end - start <= most

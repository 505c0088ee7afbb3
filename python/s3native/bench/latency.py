"""Latencies as HDR histograms: three digits, from a nanosecond to an hour."""

from __future__ import annotations

from collections.abc import Iterable

from hdrh.histogram import HdrHistogram

_LEAST_NS, _MOST_NS, _DIGITS = 1, 3600 * 10**9, 3


def histogram(latencies_us: Iterable[float]) -> HdrHistogram:
    """Return a histogram of latencies, in nanoseconds."""
    made = HdrHistogram(_LEAST_NS, _MOST_NS, _DIGITS)
    for each in latencies_us:
        made.record_value(min(max(round(each * 1000), _LEAST_NS), _MOST_NS))
    return made


def percentile_us(of: HdrHistogram, percent: float) -> float:
    """Return what so many percent of the latencies were within, in microseconds."""
    return float(of.get_value_at_percentile(percent)) / 1000


def encoded(latencies_us: list[float]) -> str:
    """Return the histogram in HDR's own compressed form, base64; empty if there are none."""
    return str(histogram(latencies_us).encode().decode()) if latencies_us else ""


def decoded(text: str) -> list[float]:
    """Return an encoded histogram's latencies in microseconds, in order, to its three digits."""
    if not text:
        return []
    return [
        item.value_iterated_to / 1000
        for item in HdrHistogram.decode(text).get_recorded_iterator()
        for _ in range(item.count_added_in_this_iter_step)
    ]

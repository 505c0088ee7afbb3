"""A report as pictures: throughput and CPU cost of each client, and its latencies."""

from __future__ import annotations

import io
from collections.abc import Sequence
from math import log10
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure as Picture

from s3native.bench.clients import NAMES
from s3native.bench.figures import Figure, Table, percentiles, samples, table
from s3native.bench.protocol import LIMIT
from s3native.bench.results import Report
from s3native.bench.runner import Result
from s3native.bench.tables import about

_PERCENTS = (0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9)
_NINES = (50, 90, 99, 99.9)
_LIMIT_COLOR = "#9aa0a6"
_OWN_COLOR = "#d1495b"
_COLORS = ("#30638e", "#edae49", "#00798c", "#6a994e", "#8d6a9f", "#b08968", "#577590", "#7f7f7f")


def write(report: Report, path: Path) -> None:
    """Write a picture of the kind that the path's ending says; raises ValueError for another."""
    kind = path.suffix.lstrip(".").lower()
    if kind not in ("png", "svg"):
        raise ValueError(f"{path}: a picture's name ends with .png or .svg")
    path.write_bytes(_render(report, kind))


def svg(report: Report) -> str:
    """Return the pictures as an SVG element."""
    text = _render(report, "svg").decode()
    return text[text.index("<svg") :]


def _render(report: Report, kind: str) -> bytes:
    tables = [shown for each in report.measured if _good(shown := table(each))]
    bars = max((len(_good(shown)) for shown in tables), default=1)
    height = 0.75 + 0.28 * bars
    picture = Picture(
        figsize=(13, 0.9 + max(1, len(tables)) * (height + 0.55)), layout="constrained"
    )
    picture.suptitle(about(report), fontsize=8, color="#555555")
    axes = picture.subplots(max(1, len(tables)), 3, squeeze=False)
    for shown, (left, middle, right) in zip(tables, axes, strict=False):
        _bars(left, shown, shown.rate, f"{shown.rate.heading}: more is better")
        _bars(middle, shown, shown.cost, f"{shown.cost.heading}: less is better")
        left.set_title(shown.title, loc="left", fontsize=9, fontweight="bold")
        _latencies(right, _good(shown) if shown.has_latencies else [])
    out = io.BytesIO()
    # Text as text, and nothing of the moment in the file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "s3native"}):
        picture.savefig(out, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else {})
    return out.getvalue()


def _good(shown: Table) -> list[Result]:
    return [result for result in shown.results if result.is_good]


def _bars(axes: Any, shown: Table, figure: Figure, label: str) -> None:
    good = _good(shown)[::-1]
    values = [figure.value(result) or 0 for result in good]
    spans = [samples(figure, result) for result in good]
    errors = [
        [value - min(each, default=value) for value, each in zip(values, spans, strict=True)],
        [max(each, default=value) - value for value, each in zip(values, spans, strict=True)],
    ]
    axes.barh(
        [result.label for result in good],
        values,
        xerr=errors,
        color=[_color(result) for result in good],
        error_kw={"elinewidth": 0.8, "ecolor": "#444444"},
    )
    for number, value in enumerate(values):
        axes.text(
            value + errors[1][number],
            number,
            f"  {value:,.{figure.digits}f}".replace(",", " "),
            va="center",
            fontsize=7,
        )
    axes.margins(x=0.18)
    axes.set_xlim(left=0)
    _plain(axes, label)


def _latencies(axes: Any, good: Sequence[Result]) -> None:
    with_latencies = [
        (result, found) for result in good if len(found := percentiles(result, _PERCENTS)) > 0
    ]
    if not with_latencies:
        axes.axis("off")
        return
    for result, found in with_latencies:
        places = [_place(percent) for percent in _PERCENTS]
        milliseconds = [each / 1000 for each in found]
        axes.plot(places, milliseconds, color=_color(result), label=result.label, linewidth=1.2)
    axes.set_yscale("log")
    axes.set_xticks([_place(percent) for percent in _NINES], [f"{p:g} %" for p in _NINES])
    axes.legend(fontsize=6, frameon=False)
    _plain(axes, "latency in ms: within it, so many calls")


def _place(percent: float) -> float:
    """Each nine as wide as the one before, as HDR plots have it."""
    return -log10(1 - percent / 100)


def _plain(axes: Any, label: str) -> None:
    axes.set_xlabel(label, fontsize=7)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _color(result: Result) -> str:
    if result.client == LIMIT:
        return _LIMIT_COLOR
    if result.client == NAMES[0]:
        return _OWN_COLOR
    place = NAMES.index(result.client) if result.client in NAMES else len(NAMES)
    return _COLORS[(place - 1) % len(_COLORS)]

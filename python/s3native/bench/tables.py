"""Tables of a report, for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable

from s3native.bench.compare import Change
from s3native.bench.figures import Table, table, text_of
from s3native.bench.results import Report, last_line
from s3native.bench.runner import Result

_SHARE = "share of limit"
_WIDTH = 150
"""Of what is no terminal."""


def show(report: Report, console: Console) -> None:
    """Print all tables."""
    console.print(about(report), highlight=False)
    for measured in report.measured:
        shown = table(measured)
        console.print(_rich(shown))
        for note in notes(shown):
            console.print(f"  {note}", highlight=False, markup=False)
        console.print()
    for name, how in usage(report).items():
        console.print(f"{name}: {how}", highlight=False, markup=False, style="dim")


def make_console() -> Console:
    """Return one for standard output."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


def about(report: Report) -> str:
    """Say what was measured where."""
    machine, settings = report.environment, report.settings
    return (
        f"{report.server}; {machine['cpu']}, {machine['cpus']} CPUs, {machine['system']}, "
        f"load {machine['load_average']}; medians of {settings.repeat} rounds that alternate, "
        f"CPU of the client's process"
    )


def usage(report: Report) -> dict[str, str]:
    """Return a line for each client, by its name: how it was used."""
    results = (result for measured in report.measured for result in measured.results)
    return {name_of(result): result.how for result in results if result.how}


def headings(shown: Table) -> list[str]:
    """Return a table's first line."""
    return ["", *(column.heading for column in shown.columns), _SHARE]


def cells(shown: Table, result: Result) -> list[str]:
    """Return a row's texts after its name."""
    share = shown.share_of_limit(result)
    figures = [text_of(column, result) for column in shown.columns]
    return [*figures, "-" if share is None else f"{share * 100:.0f} %"]


def name_of(result: Result) -> str:
    """Return what a row is called."""
    return f"{result.label} {result.version}".strip()


def notes(shown: Table) -> Iterator[str]:
    """Yield what there is to say of rows without figures."""
    for result in shown.results:
        if result.error:
            yield f"{name_of(result)} failed: {last_line(result.error)}"
        elif result.cannot:
            yield f"{name_of(result) or result.label}: left out, {result.cannot}"


def rows(shown: Table) -> list[Result]:
    """Return the rows that have something to show."""
    return [result for result in shown.results if not result.cannot]


def _rich(shown: Table) -> RichTable:
    made = RichTable(
        title=shown.title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False
    )
    for number, heading in enumerate(headings(shown)):
        made.add_column(heading, justify="right" if number else "left", overflow="fold")
    for result in rows(shown):
        failed = "red" if result.error else None
        made.add_row(name_of(result), *cells(shown, result), style=failed)
    return made


def of_changes(found: Sequence[Change]) -> RichTable:
    """Return a table of what changed."""
    made = RichTable()
    for heading in ("workload", "client", "figure", "before", "after", "after / before", ""):
        texts = heading in ("workload", "client", "figure", "")
        made.add_column(heading, justify="left" if texts else "right")
    for change in found:
        better = (change.ratio > 1) == change.more_is_better
        verdict = "noise" if change.is_noise else "better" if better else "worse"
        made.add_row(
            change.workload,
            change.client,
            change.figure,
            f"{change.before:.4g}",
            f"{change.after:.4g}",
            f"{change.ratio:.2f}",
            verdict,
            style={"better": "green", "worse": "red", "noise": None}[verdict],
        )
    return made


def summary(report: Report) -> str:
    """Return one Markdown table of all: a row for each client, rate and cost of each workload."""
    shown = [(each.workload.name, table(each)) for each in report.measured]
    figures = [(name, each, figure) for name, each in shown for figure in (each.rate, each.cost)]
    names = dict.fromkeys(name_of(row) for _, each in shown for row in rows(each))
    lines = [
        _line(["", *(f"{name}, {figure.heading}" for name, _, figure in figures)]),
        _line(["---", *("---:" for _ in figures)]),
    ]
    for name in names:
        texts = [name]
        for _, each, figure in figures:
            of_name = (row for row in rows(each) if name_of(row) == name)
            texts.append("".join(text_of(figure, row) for row in of_name) or "-")
        lines.append(_line(texts))
    return "\n".join(lines) + "\n"


def markdown(report: Report) -> str:
    """Return the summary and all tables as Markdown."""
    lines = [f"{about(report)}.", "", summary(report)]
    for measured in report.measured:
        shown = table(measured)
        names = headings(shown)
        lines += [f"**{shown.title}**", "", _line(names)]
        lines.append(_line(["---", *("---:" for _ in names[1:])]))
        lines += [_line([name_of(each), *cells(shown, each)]) for each in rows(shown)]
        lines += ["", *(f"{note}  " for note in notes(shown)), ""]
    lines += [*(f"- {name}: {how}" for name, how in usage(report).items()), ""]
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip("\n") + "\n"


def _line(texts: list[str]) -> str:
    return "| " + " | ".join(texts) + " |"

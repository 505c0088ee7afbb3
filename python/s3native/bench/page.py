"""A report as one HTML file that needs no other."""

from __future__ import annotations

from html import escape
from pathlib import Path

from s3native.bench import pictures
from s3native.bench.figures import Table, table
from s3native.bench.results import Report
from s3native.bench.tables import about, cells, headings, name_of, notes, rows, usage

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 1200px; padding: 0 1em;
       color: #222; background: #fff; }
h2 { font-size: 1.1em; margin-top: 2em; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2em .7em; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
tr.failed { color: #b00020; }
tr.limit { color: #777; }
svg { max-width: 100%; height: auto; }
dt { font-weight: 600; float: left; clear: left; width: 9em; }
.note { color: #555; }
"""


def write(report: Report, path: Path) -> None:
    """Write the page."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><meta charset="utf-8">',
        "<title>s3native bench</title>",
        f"<style>{_STYLE}</style>",
        "<h1>s3native bench</h1>",
        f"<p>{escape(about(report))}</p>",
        *(_table(table(each)) for each in report.measured),
        "<h2>Pictures</h2>",
        pictures.svg(report),
        "<h2>How each client was used</h2>",
        _list(usage(report)),
        "<h2>Machine</h2>",
        _list({name: str(value) for name, value in report.environment.items()}),
        "</html>",
    ]
    path.write_text("\n".join(parts) + "\n")


def _table(shown: Table) -> str:
    lines = [f"<h2>{escape(shown.title)}</h2>", "<table>"]
    lines.append(_row("th", headings(shown)))
    for result in rows(shown):
        kind = "failed" if result.error else result.client
        lines.append(_row("td", [name_of(result), *cells(shown, result)], kind))
    lines.append("</table>")
    lines += [f'<p class="note">{escape(note)}</p>' for note in notes(shown)]
    return "\n".join(lines)


def _row(tag: str, texts: list[str], kind: str = "") -> str:
    inside = "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts)
    return f'<tr class="{escape(kind)}">{inside}</tr>'


def _list(values: dict[str, str]) -> str:
    items = (f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in values.items())
    return "<dl>" + "\n".join(items) + "</dl>"

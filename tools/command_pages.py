"""Writes the synopsis and the options of docs/commands/*.md from the command itself.

What all verbs have stands in docs/command.md. `--check` only tells whether the pages are up to
date.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from generated import bring
from s3native.cli import VERBS, cli

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = DOCS / "commands"


def contexts(verb: str) -> Iterator[click.Context]:
    """Of a verb, or of those below it, each with its command."""
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    outer = click.Context(cli, info_name="s3native")
    context = click.Context(command, info_name=verb, parent=outer)
    if not isinstance(command, click.Group):
        yield context
        return
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield click.Context(below, info_name=name, parent=context)


def options_of(context: click.Context) -> dict[str, tuple[str, str]]:
    """How each option is written, and what it means."""
    found = {}
    for parameter in context.command.params:
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record:
            names, meaning = (" ".join(text.split()).replace("|", "\\|") for text in record)
            found[str(parameter.name)] = names, meaning
    return found


def synopsis(verb: str) -> list[str]:
    """How a verb is called."""
    usages = [context.command.get_usage(context) for context in contexts(verb)]
    lines = [" ".join(usage.split()).removeprefix("Usage: ") for usage in usages]
    return ["```", *lines, "```"]


def table(options: Iterable[tuple[str, str]]) -> list[str]:
    """A row for each option."""
    rows = [f"| `{names}` | {meaning} |" for names, meaning in options]
    return ["| option | |", "|---|---|", *rows]


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    pages = {path.stem for path in PAGES.glob("*.md")}
    if pages != set(VERBS):
        raise SystemExit(f"pages and verbs differ: {sorted(pages ^ set(VERBS))}")
    known = {verb: [options_of(context) for context in contexts(verb)] for verb in sorted(VERBS)}
    alone = [set(each[0]) for each in known.values() if len(each) == 1]
    shared = set.intersection(*alone)
    of_all = [record for name, record in known["ls"][0].items() if name in shared]
    good = [bring(DOCS / "command.md", {"options": table(of_all)}, check=check)]
    for verb, each in known.items():
        own = [record for one in each for name, record in one.items() if name not in shared]
        none = "None but those of [all verbs](../command.md)." if shared <= {*each[0]} else "None."
        lines = table(own) if own else [none]
        parts = {"synopsis": synopsis(verb), "options": lines}
        good.append(bring(PAGES / f"{verb}.md", parts, check=check))
    print(f"{len(good)} pages of the command, {sum(good)} up to date")
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())

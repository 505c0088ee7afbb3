"""`s3native bench`, and `s3native bench compare`."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

import s3native
from s3native.bench.clients import NAMES, is_installed
from s3native.bench.workloads import PRESETS, WORKLOADS, Preset, chosen
from s3native.cli import common
from s3native.testing import ProgramNotFoundError, ServerStartError
from s3native.transfer.places import S3Place

if TYPE_CHECKING:
    from s3native.bench.results import Report
    from s3native.bench.suite import Estimate

_UNITS = {"": 0, "k": 1, "m": 2, "g": 3}
_EXTRA = "pip install 's3native[bench]'"
_NOT_BY_DEFAULT = {"smart_open"}  # which is boto3


class _Size(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse it; wrong use if it makes no sense."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+)\s*([kmg]?)(i?)b?", value.strip().lower())
        if not found or (found[3] and not found[2]) or not int(found[1]):
            self.fail(f"{value!r} is no size such as 110KB, 64MiB or 1GiB", param, ctx)
        unit = 1024 if found[3] else 1000
        return int(found[1]) * int(unit ** _UNITS[found[2]])


class _Names(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str]:
        """Split them; wrong use if one is unknown, or not installed."""
        names = list(dict.fromkeys(filter(None, (name.strip() for name in value.split(",")))))
        for name in names:
            if name not in NAMES:
                self.fail(f"{name} is none of {', '.join(NAMES)}", param, ctx)
            if not is_installed(name):
                self.fail(f"{name} is not installed here; {_EXTRA} brings the clients", param, ctx)
        if not names:
            self.fail("no client", param, ctx)
        return names


class _RunByDefault(click.Group):
    """`bench` alone is `bench run`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put in the verb that was left out."""
        is_there = args[0] in self.commands if args else ctx.resilient_parsing  # for completion
        return super().parse_args(ctx, args if is_there else ["run", *args])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return verbs, and what may follow `run`."""
        run = self.commands["run"]
        below = run.make_context("run", [], parent=ctx, resilient_parsing=True)
        follows = run if incomplete.startswith("-") else run.params[0]
        return [
            *super().shell_complete(ctx, incomplete),
            *follows.shell_complete(below, incomplete),
        ]


@click.group("bench", cls=_RunByDefault)
def command() -> None:
    """Measure S3 from this machine, with this and other clients."""


_count = click.IntRange(1)
_out = click.Path(dir_okay=False, path_type=Path)


@command.command("run", epilog="Compare two reports: s3native bench compare A.json B.json")
@click.argument(
    "names", nargs=-1, metavar="[WORKLOAD]...", type=click.Choice([*WORKLOADS, *PRESETS])
)
@click.option("--preset", type=click.Choice(list(PRESETS)), default="quick", show_default=True)
@click.option("--clients", type=_Names(), metavar="A,B", help="Default: all that are installed.")
@click.option("--url", type=common.URL, help="Run below this prefix, and remove what was made.")
@click.option("--embedded", is_flag=True, help="On a MinIO of its own, whatever is configured.")
@click.option("--size", type=_Size(), help="Of an object, a read or a state dict: 64MiB, 110KB.")
@click.option("--count", type=_count, help="Objects, reads or calls in a round.")
@click.option("--concurrency", type=_count, help="Of them at once.")
@click.option("--duration", type=click.FloatRange(0.1), help="Seconds of a round; default: once.")
@click.option("--repeat", type=_count, help="Rounds of each client; default: the preset's.")
@click.option("--warmup", type=click.IntRange(0), help="Rounds before, that are not measured.")
@click.option("--part-size", type=_Size(), help="Of multipart transfers, where a client can.")
@click.option("--tls", is_flag=True, help="The MinIO speaks TLS.")
@click.option("--seed", type=int, default=7, show_default=True, help="Of contents and offsets.")
@click.option("--json", "json_file", type=_out, help="Write all that was measured here.")
@click.option("--plot", type=_out, help="Write pictures here: .png or .svg.")
@click.option("--html", type=_out, help="Write a page here that has it all.")
@click.option("--markdown", type=_out, help="Write the tables here.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@common.connection_options
def run_command(client: s3native.Client, names: tuple[str, ...], **options: Any) -> None:
    """Measure throughput, CPU cost and latency of clients side by side, each in its own process.

    Without --url it all happens on this machine: a MinIO is started, filled, and removed. Every
    table ends with the share of what blocking sockets alone bring on the same server.

    \b
    s3native bench
    s3native bench get small-get --clients s3native,boto3 --concurrency 64
    s3native bench --preset full --json report.json --plot report.svg --html report.html
    s3native bench training checkpoint
    s3native bench get --url s3://bucket/prefix --size 1GiB --duration 30
    """
    _need("numpy", "hdrh", *(["matplotlib"] if options["plot"] or options["html"] else []))
    from s3native.bench import place, suite
    from s3native.bench.results import Settings

    preset: Preset = PRESETS[options["preset"]]
    url: S3Place | None = options["url"]
    _check_place(client, url, options)
    for path in (options[name] for name in ("json_file", "plot", "html", "markdown")):
        if path and not path.parent.is_dir():
            raise click.UsageError(f"{path}: there is no folder {path.parent}")
    if options["plot"] and options["plot"].suffix not in (".png", ".svg"):
        raise click.UsageError(f"--plot {options['plot']}: the name ends with .png or .svg")
    given = {name: options[name] for name in ("size", "count", "concurrency")}
    workloads = chosen(names, preset, **given)
    clients = options["clients"] or [
        name for name in NAMES if name not in _NOT_BY_DEFAULT and is_installed(name)
    ]
    settings = Settings(
        preset=options["preset"],
        repeat=options["repeat"] or preset.repeat,
        warmup=preset.warmup if options["warmup"] is None else options["warmup"],
        duration_s=options["duration"] or 0.0,
        part_size=options["part_size"],
        seed=options["seed"],
    )
    planned = suite.estimate(workloads, clients, settings)
    if not options["quiet"]:
        _announce(clients, planned, settings.duration_s, url)
    if url:
        where = place.at(url, client)
    else:
        where = place.embedded(suite.data_size(workloads), tls=options["tls"])
    try:
        with where as here:
            with _display(planned.rounds, quiet=options["quiet"]) as tell:
                report = suite.run(workloads, clients, settings, here, tell)
            _give(report, options)  # before anything can go wrong with removing
    except (ProgramNotFoundError, ServerStartError) as error:
        raise click.ClickException(str(error)) from None
    if report.failures:
        for failure in report.failures:
            print(f"s3native: {failure}", file=sys.stderr)
        raise click.exceptions.Exit(1)


def _announce(
    clients: list[str], planned: Estimate, duration_s: float, url: S3Place | None
) -> None:
    rounds = f", in rounds of {duration_s:g} s as often as they can" if duration_s else ""
    where = url.url if url else "a MinIO on this machine"
    print(f"{', '.join(clients)} move {planned}{rounds}: {where}", file=sys.stderr, flush=True)


@command.command("compare")
@click.argument("before", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("after", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--worse", type=click.FloatRange(0), help="Exit with 1 if one is worse by this many %."
)
def compare_command(before: Path, after: Path, worse: float | None) -> None:
    """Compare two reports of --json: rate and CPU cost of each client in each workload.

    A change is noise where the rounds of both overlap.

    \b
    s3native bench compare before.json after.json
    s3native bench compare before.json after.json --worse 10
    """
    _need("numpy", "hdrh")
    from s3native.bench import compare, results, tables

    one, other = results.read(before), results.read(after)
    console = tables.make_console()
    for difference in compare.differences(one, other):
        console.print(f"differs: {difference}", highlight=False, markup=False)
    found = list(compare.changes(one, other))
    if not found:
        raise click.ClickException("they have no client and workload in common")
    console.print(tables.of_changes(found))
    if worse is not None and any(change.worse_percent > worse for change in found):
        raise click.exceptions.Exit(1)


def _need(*modules: str) -> None:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise click.ClickException(f"{', '.join(missing)} is missing: {_EXTRA}")


def _check_place(client: s3native.Client, url: S3Place | None, options: dict[str, Any]) -> None:
    """Wrong use where it is not clear which server is meant."""
    from s3native.bench import place

    config = client.config
    if url is None:
        if place.own_endpoint(client) and not options["embedded"]:
            raise click.UsageError(
                f"{config.endpoint} is configured: say --url s3://bucket/prefix to run there, or "
                "--embedded to run on a server of its own"
            )
        return
    if options["embedded"] or options["tls"]:
        raise click.UsageError("--url goes neither with --embedded nor with --tls")
    if not config.verify_ssl:
        raise click.UsageError("other clients check certificates: --ca-bundle FILE says which")


@contextlib.contextmanager
def _display(rounds: int, *, quiet: bool) -> Iterator[Callable[[str, str, str], None]]:
    """What is being done: a live line on a terminal, else a line for each workload."""
    if quiet:
        yield lambda workload, client, what: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        line = progress.add_task("", total=rounds)

        def tell(workload: str, client: str, what: str) -> None:
            if not client and not console.is_terminal:
                print(f"  {workload}", file=sys.stderr, flush=True)
            done = what in ("done", "failed", "cannot")
            told = f"{workload}: {client} {what}"
            progress.update(line, advance=int(done), description=f"{told:40.40}")

        yield tell


def _give(report: Report, options: dict[str, Any]) -> None:
    """Write and print what was asked for."""
    from s3native.bench import results, tables

    if options["json_file"]:
        results.write(report, options["json_file"])
    if options["markdown"]:
        options["markdown"].write_text(tables.markdown(report))
    if options["plot"] or options["html"]:
        from s3native.bench import page, pictures

        if options["plot"]:
            pictures.write(report, options["plot"])
        if options["html"]:
            page.write(report, options["html"])
    if not options["quiet"]:
        tables.show(report, tables.make_console())

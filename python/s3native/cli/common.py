"""What several verbs share: options, the client, transfers with their display."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

import s3native
from s3native.transfer.places import LocalPlace, Place, S3Place, parse_place
from s3native.transfer.plan import Filter
from s3native.transfer.run import Outcome, Runner
from s3native.transfer.same import is_needed
from s3native.transfer.tasks import Refuse, Task

Function = TypeVar("Function", bound=Callable[..., Any])

_CONNECTION = (
    click.option("--endpoint", metavar="URL", help="The S3 server; default: the environment's."),
    click.option("--region", metavar="NAME", help="Its region."),
    click.option("--profile", metavar="NAME", help="The AWS profile."),
    click.option("--no-sign-request", is_flag=True, help="Without credentials."),
    click.option("--no-verify-ssl", is_flag=True, help="Without checking certificates."),
    click.option("--ca-bundle", metavar="FILE", help="The certificates to trust."),
)

_TRANSFER = (
    click.option(
        "--concurrency",
        type=click.IntRange(1, 1000),
        default=32,
        show_default=True,
        help="Files at once.",
    ),
    click.option("--include", multiple=True, metavar="PATTERN", help="Only names like this."),
    click.option("--exclude", multiple=True, metavar="PATTERN", help="No names like this."),
    click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done."),
    click.option("-v", "--verbose", is_flag=True, help="Say what is done."),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
)

_STORED = (
    click.option("--storage-class", metavar="NAME", help="Such as INTELLIGENT_TIERING."),
    click.option("--content-type", metavar="TYPE", help="Default: guessed from the name."),
    click.option("--metadata", multiple=True, metavar="NAME=VALUE", help="May be repeated."),
    click.option("--sse", metavar="KIND", help="Encryption by the server: AES256 or aws:kms."),
    click.option("--sse-kms-key-id", metavar="KEY", help="The key for aws:kms."),
)

no_glob_option = click.option(
    "--no-glob", is_flag=True, help="Take *, ? and [ in keys as they are."
)
no_links_option = click.option(
    "--no-follow-symlinks", is_flag=True, help="Leave symbolic links out."
)
human_option = click.option("-H", "--human", is_flag=True, help="Sizes to read: 1.5 GiB.")


def _all(options: Iterable[Callable[[Any], Any]], function: Function) -> Function:
    for option in reversed(list(options)):
        function = option(function)
    return function


def connection_options(function: Function) -> Function:
    """Give a verb the options that say where S3 is, and its client as argument `client`."""

    @functools.wraps(function)
    def with_client(**options: Any) -> Any:
        given = {name: options.pop(name) for name in ("endpoint", "region", "profile", "ca_bundle")}
        settings = {name: value for name, value in given.items() if value is not None}
        if options.pop("no_sign_request"):
            settings["credentials"] = "anonymous"
        if options.pop("no_verify_ssl"):
            settings["verify_ssl"] = False
        with s3native.Client(**settings) as client:
            return function(client=client, **options)

    return _all(_CONNECTION, with_client)  # type: ignore[return-value]


transfer_options = functools.partial(_all, _TRANSFER)
"""Give a verb the options of `transfer`."""

stored_options = functools.partial(_all, _STORED)
"""Give a verb the options of `stored_settings`."""


class PlaceType(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A path or an S3 URL."""

    name = "place"

    def __init__(self, *, s3_only: bool = False) -> None:
        self._s3_only = s3_only

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Place:
        """Parse it; wrong use if it makes no sense."""
        try:
            place = value if isinstance(value, S3Place | LocalPlace) else parse_place(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if self._s3_only and not isinstance(place, S3Place):
            self.fail(f"{value} is no URL such as s3://bucket/key", param, ctx)
        return place

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Paths are completed by the shell."""
        return [] if self._s3_only else [CompletionItem(incomplete, type="file")]


PLACE = PlaceType()
URL = PlaceType(s3_only=True)


def stored_settings(options: dict[str, Any]) -> dict[str, Any]:
    """Take what `stored_options` brought out of a verb's options: settings of `Client.put`."""
    metadata = {}
    for pair in options.pop("metadata"):
        name, sign, value = pair.partition("=")
        if not sign:
            raise click.UsageError(f"--metadata {pair}: NAME=VALUE is needed")
        metadata[name] = value
    settings = {
        "storage_class": options.pop("storage_class"),
        "content_type": options.pop("content_type"),
        "server_side_encryption": options.pop("sse"),
        "sse_kms_key_id": options.pop("sse_kms_key_id"),
        "metadata": metadata,
    }
    return {name: value for name, value in settings.items() if value}


def filter_from(options: dict[str, Any]) -> Filter:
    """Take --include and --exclude out of a verb's options."""
    return Filter(options.pop("include"), options.pop("exclude"))


def human(size: float) -> str:
    """Return a number of bytes to read: "1.5 GiB"."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError


def transfer(
    client: s3native.Client,
    tasks: Callable[[Runner], Iterable[Task]],
    *,
    then: Iterable[Task] = (),
    concurrency: int,
    dry_run: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Do the tasks, or say them, show how it goes, and exit with 1 if one failed.

    When all went well, `then` is done as well.
    """
    runner = Runner(client, concurrency, on_done=print if verbose and not quiet else None)
    outcome = runner.outcome
    with contextlib.ExitStack() as stack:
        stack.callback(_say_failures, outcome)  # also when it ends early
        watch = None
        if not quiet and not dry_run and sys.stderr.isatty():
            watch = stack.enter_context(_display(client))
        for part in (tasks(runner), then):
            if outcome.failures:
                continue
            if dry_run:
                _say(client, part, runner)
            else:
                runner.run(part, watch)
    if not quiet and not dry_run:
        _sum_up(outcome)
    raise click.exceptions.Exit(outcome.exit_code)


def _say(client: s3native.Client, tasks: Iterable[Task], runner: Runner) -> None:
    for task in tasks:
        if isinstance(task, Refuse):
            runner.fail(task.target, task.reason)
        elif is_needed(client, task):
            print(task)


def _say_failures(outcome: Outcome) -> None:
    for failure in outcome.failures:
        say_failure(failure)


def say_failure(failure: str) -> None:
    """Print it where errors go."""
    print(f"s3native: {failure}", file=sys.stderr, flush=True)


def _sum_up(outcome: Outcome) -> None:
    rate = outcome.size / max(outcome.seconds, 1e-9)
    failed = f", {len(outcome.failures)} failed" if outcome.failures else ""
    print(
        f"{outcome.done} done, {human(outcome.size)} in {outcome.seconds:.1f} s, "
        f"{human(rate)}/s{failed}",
        file=sys.stderr,
    )


@contextlib.contextmanager
def _display(client: s3native.Client) -> Iterator[Callable[[Outcome], None]]:
    """A line with what is done, and how fast it goes."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    def moved() -> int:
        stats = client.stats()
        return stats["bytes_received"] + stats["bytes_sent"]

    before = moved()
    columns = (
        TextColumn("{task.fields[files]} done"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True) as progress:
        line = progress.add_task("transfer", total=None, files=0)
        yield lambda outcome: progress.update(
            line,
            # What is under way is part of it; copies by the server move nothing through here.
            completed=outcome.settled_size + max(moved() - before - outcome.size, 0),
            files=outcome.done,
            total=outcome.planned_size if outcome.all_planned else None,
        )


def is_local_folder(place: LocalPlace) -> bool:
    """Whether what is put there goes below it."""
    return place.is_folder or os.path.isdir(place.path)

"""`s3native sync`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any, NoReturn

import click

import s3native
from s3native.cli import common
from s3native.transfer.listing import Links, at_least_one, files_below, objects_below
from s3native.transfer.places import LocalPlace, Place, S3Place
from s3native.transfer.plan import Comparison, Found, as_files, compare
from s3native.transfer.run import Runner
from s3native.transfer.same import Unless, is_same
from s3native.transfer.tasks import Move, Remove, Task, task_of
from s3native.transfer.watch import Watch


@click.command("sync")
@click.argument("source", type=common.PLACE)
@click.argument("target", type=common.PLACE)
@click.option("--delete", is_flag=True, help="Remove what the source does not have.")
@click.option("--size-only", is_flag=True, help="Of the same size is the same.")
@click.option("--checksum", is_flag=True, help="Compare contents where sizes are the same.")
@click.option("--watch", is_flag=True, help="Go on; folders of the source appear whole, in order.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1),
    default=10.0,
    show_default=True,
    help="Seconds from one look of --watch to the next.",
)
@click.option(
    "--last", default="", metavar="NAME", help="With --watch: a folder is whole if it has this."
)
@common.no_links_option
@common.stored_options
@common.transfer_options
@common.connection_options
def command(client: s3native.Client, source: Place, target: Place, **options: Any) -> None:
    """Make a folder or prefix like another: copy what is missing, of another size, or newer.

    Folders and prefixes are meant as a whole, with or without "/" at their end. With --delete what
    only the target has is removed, but nothing that --include and --exclude leave out, and nothing
    at all when something failed, or nothing is at the source. Times are compared by the second.

    \b
    s3native sync data/ s3://bucket/data/
    s3native sync s3://bucket/data/ data/ --delete --exclude '*.tmp'
    s3native sync s3://bucket/data/ s3://other/data/ --dry-run
    s3native sync s3://bucket/models/mnist/ /models/mnist --watch --last saved_model.pb
    """
    settings = common.stored_settings(options)
    names = common.filter_from(options)
    delete = options.pop("delete")
    links: Links = "none" if options.pop("no_follow_symlinks") else "follow"
    by_size, by_checksum = options.pop("size_only"), options.pop("checksum")
    if by_size and by_checksum:
        raise click.UsageError("--size-only and --checksum exclude each other")
    if isinstance(source, LocalPlace) and isinstance(target, LocalPlace):
        raise click.UsageError("one of the places must be an s3:// URL")
    source, target = (p.folder() if isinstance(p, S3Place) else p for p in (source, target))
    if isinstance(source, LocalPlace) and not os.path.isdir(source.path):
        raise click.UsageError(f"{source.path} is no folder")

    watch, interval_s, last = options.pop("watch"), options.pop("interval"), options.pop("last")
    if watch:
        if isinstance(source, LocalPlace) or isinstance(target, S3Place):
            raise click.UsageError("--watch keeps a local folder like an s3:// URL")
        if by_size or by_checksum or settings or options["dry_run"]:
            raise click.UsageError("--watch goes only with filters, --delete and --concurrency")
        watched = Watch(
            client,
            source,
            target,
            names,
            options["concurrency"],
            last=last,
            delete=delete,
            tell=(lambda _what: None) if options["quiet"] else _say,
            fail=common.say_failure,
        )
        _watch(watched, interval_s)
    if last:
        raise click.UsageError("--last goes with --watch")

    removals: list[Task] = []

    def of_source(runner: Runner) -> Iterator[Found]:
        if isinstance(source, S3Place):
            found = objects_below(client, source)
            return at_least_one(found, source) if delete else found
        return files_below(source.path, runner.fail, links)

    def of_target(runner: Runner) -> Iterator[Found]:
        if isinstance(target, S3Place):
            return objects_below(client, target)
        if not os.path.exists(target.path):
            return iter(())
        return files_below(target.path, runner.fail, "files" if links == "follow" else "none")

    def tasks(runner: Runner) -> Iterator[Task]:
        comparison: Comparison = "size" if by_size else "checksum" if by_checksum else "mtime"
        sides = names.of(of_source(runner)), names.of(of_target(runner))
        steps = compare(*sides, comparison, delete=delete)
        if isinstance(target, LocalPlace):
            steps = as_files(steps)
        for step in steps:
            task = task_of(step, source, target, settings)
            if isinstance(task, Remove):
                removals.append(task)
            elif step.action == "check" and isinstance(task, Move):
                yield Unless(task, is_same)
            else:
                yield task

    common.transfer(client, tasks, then=removals, **options)


def _watch(watched: Watch, interval_s: float) -> NoReturn:
    """Until it is interrupted."""
    while True:
        watched.look()
        time.sleep(interval_s)


def _say(what: str) -> None:
    print(what, flush=True)

"""`s3native sync`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import click

import s3native
from s3native.cli import common
from s3native.transfer.listing import files_below, objects_below
from s3native.transfer.places import LocalPlace, Place, S3Place
from s3native.transfer.plan import Comparison, Entry, Found, as_files, compare
from s3native.transfer.run import Runner
from s3native.transfer.same import Unless, is_same
from s3native.transfer.tasks import Refuse, Remove, Task, move


@click.command("sync")
@click.argument("source", type=common.PLACE)
@click.argument("target", type=common.PLACE)
@click.option("--delete", is_flag=True, help="Remove what the source does not have.")
@click.option("--size-only", is_flag=True, help="Of the same size is the same.")
@click.option("--checksum", is_flag=True, help="Compare contents where sizes are the same.")
@common.no_links_option
@common.stored_options
@common.transfer_options
@common.connection_options
def command(client: s3native.Client, source: Place, target: Place, **options: Any) -> None:
    """Make a folder or prefix like another: copy what is missing, of another size, or newer.

    Folders and prefixes are meant as a whole, with or without "/" at their end. With --delete what
    only the target has is removed, but nothing that --include and --exclude leave out, and nothing
    at all when something failed. Times are compared by the second.

    \b
    s3native sync data/ s3://bucket/data/
    s3native sync s3://bucket/data/ data/ --delete --exclude '*.tmp'
    s3native sync s3://bucket/data/ s3://other/data/ --dry-run
    """
    settings = common.stored_settings(options)
    names = common.filter_from(options)
    delete = options.pop("delete")
    follow = not options.pop("no_follow_symlinks")
    by_size, by_checksum = options.pop("size_only"), options.pop("checksum")
    if by_size and by_checksum:
        raise click.UsageError("--size-only and --checksum exclude each other")
    if isinstance(source, LocalPlace) and isinstance(target, LocalPlace):
        raise click.UsageError("one of the places must be an s3:// URL")
    source, target = (p.folder() if isinstance(p, S3Place) else p for p in (source, target))
    if isinstance(source, LocalPlace) and not os.path.isdir(source.path):
        raise click.UsageError(f"{source.path} is no folder")

    removals: list[Task] = []

    def entries(place: Place, runner: Runner) -> Iterator[Found]:
        if isinstance(place, S3Place):
            return names.of(objects_below(client, place))
        if not os.path.exists(place.path):
            return iter(())
        return names.of(files_below(place.path, runner.fail, follow_symlinks=follow))

    def tasks(runner: Runner) -> Iterator[Task]:
        comparison: Comparison = "size" if by_size else "checksum" if by_checksum else "mtime"
        steps = compare(entries(source, runner), entries(target, runner), comparison, delete=delete)
        if isinstance(target, LocalPlace):
            steps = as_files(steps)
        for step in steps:
            if step.action == "delete":
                removals.append(_remove(target, step.entry))
            elif step.action == "refuse":
                assert isinstance(source, S3Place)  # paths are never refused
                yield Refuse(source.below(step.entry.name).url, step.reason)
            else:
                name = step.entry.name
                task = move(source.below(name), target.below(name), step.entry, settings)
                yield Unless(task, is_same) if step.action == "check" else task

    common.transfer(client, tasks, then=removals, **options)


def _remove(target: Place, entry: Entry) -> Task:
    gone = target.below(entry.name)
    return Remove(gone.url if isinstance(gone, S3Place) else gone.path)

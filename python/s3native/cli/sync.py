"""`s3native sync`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import click

import s3native
from s3native.cli import common
from s3native.transfer.listing import Links, at_least_one, files_below, objects_below
from s3native.transfer.places import LocalPlace, Place, S3Place
from s3native.transfer.plan import Comparison, Entry, Found, as_files, compare
from s3native.transfer.run import Runner
from s3native.transfer.same import Unless, is_same
from s3native.transfer.tasks import Refuse, Remove, Task, move_below


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
    at all when something failed, or nothing is at the source. Times are compared by the second.

    \b
    s3native sync data/ s3://bucket/data/
    s3native sync s3://bucket/data/ data/ --delete --exclude '*.tmp'
    s3native sync s3://bucket/data/ s3://other/data/ --dry-run
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
            if step.action == "delete":
                removals.append(_remove(target, step.entry))
            elif step.action == "refuse":
                assert isinstance(source, S3Place)  # paths are never refused
                yield Refuse(source.below(step.entry.name).url, step.reason)
            else:
                task = move_below(source, target, step.entry, settings)
                if step.action == "check" and not isinstance(task, Refuse):
                    yield Unless(task, is_same)
                else:
                    yield task

    common.transfer(client, tasks, then=removals, **options)


def _remove(target: Place, entry: Entry) -> Task:
    gone = target.below(entry.name)
    return Remove(gone.url if isinstance(gone, S3Place) else gone.path)

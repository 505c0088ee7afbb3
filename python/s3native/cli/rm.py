"""`s3native rm`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

import click

import s3native
from s3native.cli import common
from s3native.transfer.listing import objects_meant
from s3native.transfer.places import S3Place
from s3native.transfer.plan import Filter
from s3native.transfer.run import Runner
from s3native.transfer.tasks import Refuse, RemoveMany, Task

_BATCH = 1000
"""Keys in one request, S3's limit."""


@click.command("rm")
@click.argument("urls", nargs=-1, required=True, type=common.URL)
@click.option("-r", "--recursive", is_flag=True, help="All that is below the URLs.")
@click.option("-y", "--yes", is_flag=True, help="Without asking.")
@common.no_glob_option
@common.transfer_options
@common.connection_options
def command(client: s3native.Client, urls: tuple[S3Place, ...], **options: Any) -> None:
    """Remove objects. Asks before it removes all below a prefix, or all that are like a pattern.

    \b
    s3native rm s3://bucket/old.bin
    s3native rm 's3://bucket/tmp/*.part' --yes
    s3native rm -r s3://bucket/tmp/ --dry-run
    """
    names = common.filter_from(options)
    recursive, yes = options.pop("recursive"), options.pop("yes")
    wildcards = not options.pop("no_glob")
    broad = [url.url for url in urls if recursive or (wildcards and url.pattern)]
    if broad and not yes and not options["dry_run"]:
        if not sys.stdin.isatty():
            raise click.UsageError(f"removing all of {broad[0]} needs --yes")
        if not click.confirm(f"Remove all of {', '.join(broad)}?", err=True):
            raise click.ClickException("nothing is removed")

    def tasks(runner: Runner) -> Iterator[Task]:
        for place in urls:
            found = _objects(client, place, names, recursive=recursive, wildcards=wildcards)
            if found is None:
                yield Refuse(place.url, "what is below a prefix is removed with --recursive only")
                continue
            while batch := list(islice(found, _BATCH)):
                yield RemoveMany(tuple(batch))

    common.transfer(client, tasks, **options)


def _objects(
    client: s3native.Client, place: S3Place, names: Filter, *, recursive: bool, wildcards: bool
) -> Iterator[str] | None:
    """The URLs of what is to be removed."""
    meant = objects_meant(client, place, recursive=recursive, wildcards=wildcards)
    if meant is not None:
        root, found = meant
        return (root.below(name).url for name, _, _ in names.of(found))
    if place.is_folder:
        return None
    return iter((place.url,) if names(place.name) else ())

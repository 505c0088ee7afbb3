"""`s3native du`."""

from __future__ import annotations

from collections import Counter

import click

import s3native
from s3native.cli import common
from s3native.transfer.listing import objects_below
from s3native.transfer.places import S3Place


@click.command("du")
@click.argument("urls", nargs=-1, required=True, type=common.URL)
@common.human_option
@click.option(
    "-d", "--depth", type=click.IntRange(0), default=0, help="Also for folders so far below."
)
@common.connection_options
def command(client: s3native.Client, urls: tuple[S3Place, ...], *, human: bool, depth: int) -> None:
    """Add up the sizes of the objects whose keys begin as the URLs': bytes, objects, URL.

    \b
    s3native du --human s3://bucket/data/
    s3native du --depth 1 s3://bucket
    """
    for place in urls:
        sizes: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        for name, size, _ in objects_below(client, place):
            parts = name.split("/")[:-1]
            for level in range(min(depth, len(parts)) + 1):
                folder = "".join(part + "/" for part in parts[:level])
                sizes[folder] += size
                counts[folder] += 1
        for folder in [*sorted(sizes.keys() - {""}), ""]:
            shown = common.human(sizes[folder]) if human else str(sizes[folder])
            print(f"{shown:>14}  {counts[folder]:>9}  {place.url}{folder}")

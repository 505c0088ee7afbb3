"""`s3native mb`."""

from __future__ import annotations

import click

import s3native
from s3native.cli import common
from s3native.transfer.places import S3Place


@click.command("mb")
@click.argument("places", nargs=-1, required=True, metavar="URL...", type=common.URL)
@common.connection_options
def command(client: s3native.Client, places: tuple[S3Place, ...]) -> None:
    """Make buckets.

    \b
    s3native mb s3://new-bucket --region eu-central-1
    """
    for place in places:
        if place.key:
            raise click.UsageError(f"{place.url} has a key; a bucket is s3://{place.bucket}")
        client.create_bucket(place.bucket)
        print(f"s3://{place.bucket}")

"""`s3native stat`."""

from __future__ import annotations

import json

import click

import s3native
from s3native.cli import common
from s3native.cli.ls import described
from s3native.transfer.places import S3Place


@click.command("stat")
@click.argument("urls", nargs=-1, required=True, type=common.URL)
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
@common.connection_options
def command(client: s3native.Client, urls: tuple[S3Place, ...], *, as_json: bool) -> None:
    """Show what S3 knows about objects.

    \b
    s3native stat s3://bucket/model.pt
    s3native stat --json s3://bucket/model.pt | jq -r .etag
    """
    for place in urls:
        values = described(client.head(place.url))
        if as_json:
            print(json.dumps(values))
            continue
        for name, value in values.items():
            shown = f"{value} ({common.human(value)})" if name == "size" else value
            print(f"{name.replace('_', ' '):>18}: {shown}")

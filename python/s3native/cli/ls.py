"""`s3native ls`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

import s3native
from s3native.cli import common
from s3native.transfer.places import S3Place
from s3native.transfer.plan import Filter

_CLASS = len("INTELLIGENT_TIERING")
"""Width of the column of storage classes."""


@click.command("ls")
@click.argument("place", required=False, metavar="[URL]", type=common.URL)
@click.option("-l", "--long", is_flag=True, help="With size, time and storage class.")
@click.option("-r", "--recursive", is_flag=True, help="All that is below, without folders.")
@common.human_option
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line, with all there is.")
@common.connection_options
def command(
    client: s3native.Client,
    place: S3Place | None,
    *,
    long: bool,
    recursive: bool,
    human: bool,
    as_json: bool,
) -> None:
    """List buckets; or objects whose keys begin as the URL's, or are like it if it has wildcards.

    \b
    s3native ls
    s3native ls -l s3://bucket/data/
    s3native ls -r --human 's3://bucket/data/*.parquet'
    s3native ls -r --json s3://bucket | jq .size
    """
    if place is None:
        _buckets(client, as_json=as_json)
        return
    for entry in _entries(client, place, recursive=recursive):
        if as_json:
            print(json.dumps(described(entry) if not isinstance(entry, str) else {"prefix": entry}))
        elif isinstance(entry, str):
            print(f"{'':>{19 + 2 + 14 + 2 + _CLASS}}  {entry}" if long or human else entry)
        else:
            print(_line(entry, long=long or human, human=human))


def _buckets(client: s3native.Client, *, as_json: bool) -> None:
    for bucket in client.list_buckets():
        made = bucket.created.isoformat() if bucket.created else None
        url = f"s3://{bucket.name}"
        print(json.dumps({"bucket": bucket.name, "created": made}) if as_json else url)


def _entries(
    client: s3native.Client, place: S3Place, *, recursive: bool
) -> Iterator[s3native.ObjectInfo | str]:
    """Yield objects, and prefixes as URLs."""
    wanted = Filter([place.pattern] if place.pattern else [])
    root = place.before_wildcards() if place.pattern else place
    delimiter = "" if recursive or place.pattern else "/"
    found = False
    for page in client.list(root.url, delimiter=delimiter):
        for prefix in page.prefixes:
            found = True
            yield f"s3://{place.bucket}/{prefix}"
        for info in page.objects:
            if wanted(info.key):
                found = True
                yield info
    if not found and place.key:
        raise s3native.NotFoundError(f"nothing is at {place.url}")


def _line(info: s3native.ObjectInfo, *, long: bool, human: bool) -> str:
    if not long:
        return info.url
    size = common.human(info.size) if human else str(info.size)
    return f"{_time(info.last_modified)}  {size:>14}  {info.storage_class:<{_CLASS}}  {info.url}"


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}" if moment else f"{'':19}"


def described(info: s3native.ObjectInfo) -> dict[str, Any]:
    """Return what is known of an object as plain values, without what is empty."""
    values = {
        "url": info.url,
        "key": info.key,
        "size": info.size,
        "etag": info.etag.strip('"'),
        "last_modified": info.last_modified.isoformat() if info.last_modified else "",
        "storage_class": info.storage_class,
        "version_id": info.version_id,
        "content_type": info.content_type,
        "content_encoding": info.content_encoding,
        "checksum_crc64nvme": info.checksum_crc64nvme,
        "metadata": info.metadata,
    }
    return {name: value for name, value in values.items() if value or name == "size"}

"""`s3native cat`."""

from __future__ import annotations

import click

import s3native
from s3native.cli import common
from s3native.cli.cp import write_to_stdout
from s3native.transfer.places import S3Place


class _Range(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    name = "range"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int | None]:
        start, sign, end = value.partition("-")
        try:
            parsed = int(start), int(end) if end else None
        except ValueError:
            parsed = (-1, None)
        if not sign or parsed[0] < 0 or (parsed[1] is not None and parsed[1] < parsed[0]):
            self.fail(f"{value}: START-END is needed, or START-", param, ctx)
        return parsed


@click.command("cat")
@click.argument("urls", nargs=-1, required=True, type=common.URL)
@click.option(
    "--range", "span", type=_Range(), help="Bytes START-END, END excluded; START- to the end."
)
@common.connection_options
def command(
    client: s3native.Client, urls: tuple[S3Place, ...], span: tuple[int, int | None] | None
) -> None:
    """Write objects to standard output, one behind the other.

    \b
    s3native cat s3://bucket/notes.txt
    s3native cat s3://bucket/shard.tar --range 0-512 | xxd
    """
    for place in urls:
        write_to_stdout(client, place.url, *(span or (0, None)))

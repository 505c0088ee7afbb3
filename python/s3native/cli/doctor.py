"""`s3native doctor`."""

from __future__ import annotations

import click

import s3native
from s3native.cli import common
from s3native.cli.checkup import Finding, examine
from s3native.transfer.places import S3Place

_TOLD_BY = {"endpoint": "host", "credentials": "credentials_kind"}
_SIGNS = {"ok": "ok  ", "fault": "FAIL", "hint": "note"}


@click.command("doctor")
@click.argument("place", required=False, metavar="[URL]", type=common.URL)
@common.connection_options
def command(client: s3native.Client, place: S3Place | None) -> None:
    """Find out why S3 cannot be reached, or that it can.

    Says where each setting comes from, then tries the server's name, a connection, TLS, its clock,
    the credentials, and the bucket and object of the URL. Changes nothing.

    \b
    s3native doctor
    s3native doctor s3://bucket/key --profile research
    """
    config = client.config
    print("settings")
    for name, value in sorted(config.values.items()):
        print(f"  {name:>24}  {value}  ({config.sources[_TOLD_BY.get(name, name)]})")
    print("checks")
    failed = False
    for finding in examine(client, place):
        _show(finding)
        failed |= finding.kind == "fault"
    raise click.exceptions.Exit(1 if failed else 0)


def _show(finding: Finding) -> None:
    print(f"  {_SIGNS[finding.kind]}  {finding.what}")
    if finding.advice:
        print(f"        {finding.advice}")

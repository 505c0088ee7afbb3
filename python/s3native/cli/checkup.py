"""The checks of `s3native doctor`, each on what the one before has found to work."""

from __future__ import annotations

import email.utils
import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import s3native
from s3native.transfer.places import S3Place

_TIMEOUT_S = 5.0
_MOST_SKEW_S = 15 * 60
"""S3 refuses signatures of clocks that are further off."""


@dataclass(frozen=True)
class Finding:
    """What a check found, in a line, and what to do about it."""

    kind: Literal["ok", "fault", "hint"]
    what: str
    advice: str = ""


def examine(client: s3native.Client, place: S3Place | None) -> Iterator[Finding]:
    """Yield the findings; after a fault that makes the others pointless, no more."""
    values = client.config.values
    address = urlsplit(str(values["endpoint"]))
    host, port = str(address.hostname), address.port or (443 if address.scheme == "https" else 80)
    if values.get("proxy"):
        yield Finding(
            "hint",
            f"requests go through the proxy {values['proxy']}: name, connection "
            "and clock of the server are not checked",
        )
    else:
        for finding in _reach(client, host, port, address.scheme):
            yield finding
            if finding.kind == "fault":
                return
    yield from _access(client, place)


def _reach(client: s3native.Client, host: str, port: int, scheme: str) -> Iterator[Finding]:
    try:
        found = sorted({str(info[4][0]) for info in socket.getaddrinfo(host, port)})
    except OSError as error:
        yield Finding(
            "fault",
            f"the name {host} is not known: {error}",
            "check the endpoint for typing errors, and this machine's DNS",
        )
        return
    yield Finding("ok", f"{host} is {', '.join(found)}")
    try:
        started = time.monotonic()
        line = socket.create_connection((host, port), _TIMEOUT_S)
    except OSError as error:
        yield Finding(
            "fault",
            f"no connection to port {port}: {error}",
            "check the endpoint's port, firewalls, and whether a proxy is needed",
        )
        return
    yield Finding("ok", f"port {port} answers in {(time.monotonic() - started) * 1e3:.1f} ms")
    with line:
        try:
            stream = _secured(client, line, host) if scheme == "https" else line
        except (ssl.SSLError, OSError) as error:
            yield Finding(
                "fault",
                f"no TLS: {error}",
                "a private certificate authority is trusted with --ca-bundle or "
                "AWS_CA_BUNDLE; is this a port for https?",
            )
            return
        if isinstance(stream, ssl.SSLSocket):
            yield Finding("ok", f"{stream.version()}, and the certificate is trusted")
        yield _clock(stream, host)


def _secured(client: s3native.Client, line: socket.socket, host: str) -> ssl.SSLSocket:
    values = client.config.values
    settings = ssl.create_default_context(cafile=str(values["ca_bundle"]) or None)
    if not values["verify_ssl"]:
        settings.check_hostname = False
        settings.verify_mode = ssl.CERT_NONE
    return settings.wrap_socket(line, server_hostname=host)


def _clock(stream: socket.socket, host: str) -> Finding:
    """Of any answer the head tells the server's time."""
    try:
        stream.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = http.client.HTTPResponse(stream)
        answer.begin()
        told = email.utils.parsedate_to_datetime(str(answer.getheader("date"))).timestamp()
    except (OSError, http.client.HTTPException, TypeError, ValueError) as error:
        return Finding(
            "fault",
            f"the server does not speak HTTP: {error}",
            "check the endpoint's scheme and port",
        )
    skew = time.time() - told
    if abs(skew) > _MOST_SKEW_S:
        return Finding(
            "fault",
            f"this machine's clock is {skew:.0f} s off",
            "set it: S3 refuses signatures that are more than 15 minutes off",
        )
    return Finding("ok", f"the clocks differ by {abs(skew):.0f} s")


def _access(client: s3native.Client, place: S3Place | None) -> Iterator[Finding]:
    anonymous = client.config.values["credentials"] == "anonymous"
    if place is None:
        try:
            count = len(client.list_buckets())
        except s3native.S3Error as error:
            yield _refused(error, "list buckets")
            return
        yield Finding("ok", f"the credentials are accepted; they see {count} buckets")
        return
    try:
        page = next(iter(client.list(f"s3://{place.bucket}/", page_size=1)))
    except s3native.S3Error as error:
        yield _refused(error, f"list s3://{place.bucket}")
        if isinstance(error, s3native.CredentialsError | s3native.NotFoundError):
            return
    else:
        who = "anybody" if anonymous else "these credentials"
        what = "has objects" if page.objects else "is empty"
        yield Finding("ok", f"s3://{place.bucket} {what}, and {who} may list it")
    if not place.key:
        return
    try:
        info = client.head(place.url)
    except s3native.S3Error as error:
        yield _refused(error, f"read {place.url}")
    else:
        yield Finding("ok", f"{place.url} has {info.size} bytes, and may be read")


def _refused(error: s3native.S3Error, what: str) -> Finding:
    if isinstance(error, s3native.CredentialsError):
        advice = (
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose a --profile, or use "
            "--no-sign-request for public data"
        )
    elif isinstance(error, s3native.AccessDeniedError):
        advice = (
            "the server knows who asks, or refuses to; ask its owner for the permission, or "
            "check key and secret"
        )
    elif isinstance(error, s3native.NotFoundError):
        advice = "check the name; buckets belong to one region and one server"
    else:
        advice = ""
    return Finding("fault", f"cannot {what}: {error}", advice)

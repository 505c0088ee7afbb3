"""An object as S3 serves it, byte by byte, for tests that spoil the answers of a `RawServer`."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import s3native
from content import content
from raw_server import Line, RawServer, Request, response
from s3native.testing.certificates import Certificates

PART = 64 * 1024  # nothing here needs S3's smallest part
SIZE = 200_001
DATA = content(SIZE)
URL = "s3://bucket/key"
ETAG = '"etag-1"'
RANGE = (1000, 101_000)  # not the whole object, and its start is not 0
BROKEN = (s3native.IntegrityError, s3native.ConnectionFailedError)
_ERROR = b"<Error><Code>%s</Code><Message>scripted</Message><RequestId>%s</RequestId></Error>"


@dataclass(frozen=True)
class Reply:
    """What S3 would answer, before the test spoils it."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def text(self, body: bytes | None = None, /, **changes: str | None) -> bytes:
        """As sent; the length stays that of the right body."""
        headers = {"content_length": str(len(self.body)), **self.headers, **changes}
        return response(self.status, self.body if body is None else body, **headers)


def refusal(status: int, code: str) -> Reply:
    """An error document."""
    headers = {"content_type": "application/xml", "x_amz_request_id": "REQUEST-1"}
    return Reply(status, _ERROR % (code.encode(), b"REQUEST-1"), headers)


def reply_to(request: Request, data: bytes = DATA, etag: str = ETAG) -> Reply:
    """What S3 answers where `data` is stored."""
    if request.method == "PUT":
        return Reply(200, headers={"etag": etag})
    if request.headers.get("if-match", etag) != etag:
        return refusal(412, "PreconditionFailed")
    headers = {"etag": etag, "last_modified": "Sat, 21 Nov 2026 06:00:00 GMT"}
    if request.method == "HEAD":
        return Reply(200, headers=headers | {"content_length": str(len(data))})
    if request.span is None:
        return Reply(200, data, headers)
    start, end = request.span
    end = min(end, len(data))
    if start >= len(data):
        return refusal(416, "InvalidRange")
    headers["content_range"] = f"bytes {start}-{end - 1}/{len(data)}"
    return Reply(206, data[start:end], headers)


def serve(request: Request, line: Line) -> None:
    """Answers as S3 does."""
    line.body()
    line.send(reply_to(request).text())


def connect(server: RawServer, **options: Any) -> s3native.Client:
    """A client that tries once."""
    given: dict[str, Any] = {
        "endpoint": server.endpoint,
        "credentials": s3native.Credentials("key", "secret"),
        "part_size": PART,
        "max_attempts": 1,
    }
    return s3native.Client(**given | options)


@dataclass(frozen=True)
class Transport:
    """Plain or TLS: what a server and its clients need for it."""

    server: dict[str, Any] = field(default_factory=dict)
    client: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def tls(cls, made: Certificates) -> Transport:
        """TLS with a certificate that the client is told to trust."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.certificate, made.private_key)
        return cls({"tls": context}, {"ca_bundle": str(made.ca_bundle)})


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is inside takes no longer."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether `holds` comes true in that time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def stalls_at_once(request: Request, line: Line) -> None:
    """Never answer."""
    line.wait(10)


def stalls_in_the_body(request: Request, line: Line) -> None:
    """Answer with the head and a part of the body, and leave it at that."""
    line.send(reply_to(request).text()[:50_000])
    line.wait(10)

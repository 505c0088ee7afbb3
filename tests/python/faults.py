"""Faults between a client and a real S3 server: what is done to a request, and what comes of it."""

from __future__ import annotations

import contextlib
import http.client
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from raw_server import Line, Request, response
from s3native.testing import MinioServer

_HOP = {"transfer-encoding", "connection", "content-length"}


class Exchange:
    """A request on its way to the server."""

    def __init__(self, request: Request, line: Line, server: MinioServer) -> None:
        self.request = request
        self.line = line
        self.body = b""
        self._server = server

    @property
    def operation(self) -> str:
        """What S3 calls it."""
        method, target = self.request.method, self.request.target
        query = target.partition("?")[2]
        if method == "POST":
            if "uploads" in query:
                return "CreateMultipartUpload"
            return "CompleteMultipartUpload" if "uploadId" in query else "DeleteObjects"
        if method == "PUT":
            if "x-amz-copy-source" in self.request.headers:
                return "CopyObject"
            return "UploadPart" if "partNumber" in query else "PutObject"
        if method == "DELETE":
            return "AbortMultipartUpload" if "uploadId" in query else "DeleteObject"
        if method == "GET" and "list-type" in query:
            return "ListObjectsV2"
        if method == "GET" and "uploadId" in query:
            return "ListParts"
        if method == "GET" and "uploads" in query:
            return "ListMultipartUploads"
        return "HeadObject" if method == "HEAD" else "GetObject"

    def read(self) -> None:
        """The request's body."""
        self.body = self.line.body()

    def ask(self) -> tuple[int, bytes, dict[str, str]]:
        """Hands the request on; the answer's status, body and headers."""
        endpoint = urlsplit(self._server.endpoint)
        connection = http.client.HTTPConnection(endpoint.hostname or "", endpoint.port, timeout=30)
        with contextlib.closing(connection):
            connection.putrequest(
                self.request.method,
                self.request.target,
                skip_host=True,
                skip_accept_encoding=True,
            )
            for name, value in self.request.headers.items():
                connection.putheader(name, value)
            connection.endheaders(self.body or None)
            answer = connection.getresponse()
            body = answer.read()
            headers = {k.lower(): v for k, v in answer.getheaders() if k.lower() not in _HOP}
            if self.request.method == "HEAD":
                headers["content-length"] = answer.headers["content-length"]
            else:
                headers["content-length"] = str(len(body))
            return answer.status, body, headers

    def say(self, status: int, body: bytes, headers: dict[str, str | None]) -> None:
        """Answers with exactly this."""
        self.line.send(
            response(status, body, **{k.replace("-", "_"): v for k, v in headers.items()})
        )

    def refuse(self, status: int, code: str) -> None:
        """Answers with an error document; the server never sees the request."""
        self.read()
        body = (
            b""
            if self.request.method == "HEAD"
            else f"<Error><Code>{code}</Code><Message>storm</Message></Error>".encode()
        )
        self.say(status, body, {"x-amz-request-id": f"storm-{self.request.index}"})


@dataclass(frozen=True)
class Fault:
    """What is done to an exchange, in words for the documentation too."""

    how: str
    seen: str
    do: Callable[[Exchange], None]
    to: Callable[[Exchange], bool] = lambda exchange: True
    weight: float = 1.0


def reset_at_once(exchange: Exchange) -> None:
    exchange.line.reset()


def reset_after_request(exchange: Exchange) -> None:
    exchange.read()
    exchange.line.reset()


def lose_answer(exchange: Exchange) -> None:
    exchange.read()
    exchange.ask()
    exchange.line.reset()


def right_answer(exchange: Exchange) -> tuple[bytes, int]:
    """The right answer as sent, and where its body begins."""
    exchange.read()
    status, body, headers = exchange.ask()
    given = {k.replace("-", "_"): v for k, v in headers.items()}
    text = response(status, body, **given)
    return text, len(text) - len(body)


def reset_in_head(exchange: Exchange) -> None:
    text, head = right_answer(exchange)
    exchange.line.send(text[: head // 2])
    exchange.line.reset()


def reset_in_body(exchange: Exchange) -> None:
    text, head = right_answer(exchange)
    exchange.line.send(text[: (head + len(text)) // 2])
    exchange.line.reset()


def close_in_body(exchange: Exchange) -> None:
    text, head = right_answer(exchange)
    exchange.line.send(text[: (head + len(text)) // 2])
    exchange.line.end()


def stall(exchange: Exchange) -> None:
    text, head = right_answer(exchange)
    exchange.line.send(text[: (head + len(text)) // 2])
    exchange.line.wait_for_end()


def silence(exchange: Exchange) -> None:
    exchange.read()
    exchange.line.wait_for_end()


def drip(exchange: Exchange) -> None:
    text, head = right_answer(exchange)
    exchange.line.send(text[: head + 1])
    with contextlib.suppress(OSError):
        for byte in text[head + 1 :]:
            exchange.line.send(bytes([byte]))
            exchange.line.wait(0.1)


def close_afterwards(exchange: Exchange) -> None:
    exchange.line.send(right_answer(exchange)[0])
    exchange.line.close()


def bytes_too_many(exchange: Exchange) -> None:
    exchange.line.send(right_answer(exchange)[0] + b"stray")


def change(
    edit: Callable[[int, bytes, dict[str, str | None]], tuple[bytes, dict[str, str | None]]],
    exchange: Exchange,
) -> None:
    """Answers with another body or other headers."""
    exchange.read()
    status, body, headers = exchange.ask()
    new_body, new_headers = edit(status, body, {**headers})
    exchange.say(status, new_body, new_headers)


def _longer(status: int, body: bytes, headers: Any) -> Any:
    return body, headers | {"content-length": str(len(body) + 1)}


def _another_range(status: int, body: bytes, headers: Any) -> Any:
    if "content-range" in headers:
        headers["content-range"] = f"bytes 7-{6 + len(body)}/{10 * len(body) + 100}"
    return body, headers


def _another_etag(status: int, body: bytes, headers: Any) -> Any:
    return body, headers | {"etag": '"another"'}


def _no_etag(status: int, body: bytes, headers: Any) -> Any:
    return body, headers | {"etag": None}


def _garbage(status: int, body: bytes, headers: Any) -> Any:
    garbage = bytes(random.Random(len(body)).randbytes(len(body)))
    return garbage, headers


def _cut_document(status: int, body: bytes, headers: Any) -> Any:
    cut = body[: len(body) * 2 // 3]
    return cut, headers | {"content-length": str(len(cut))}


def _late_error(status: int, body: bytes, headers: Any) -> Any:
    late = b"<Error><Code>InternalError</Code><Message>storm</Message></Error>"
    return late, headers | {"content-length": str(len(late))}


def _flip(body: bytes) -> bytes:
    at = len(body) // 2
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def _flipped(status: int, body: bytes, headers: Any) -> Any:
    return _flip(body), headers


def flip_upload(exchange: Exchange) -> None:
    exchange.read()
    exchange.body = _flip(exchange.body)
    status, body, headers = exchange.ask()
    exchange.say(status, body, {**headers})


def _has_body(exchange: Exchange) -> bool:
    return exchange.operation in {
        "GetObject",
        "ListObjectsV2",
        "CreateMultipartUpload",
        "CompleteMultipartUpload",
        "CopyObject",
    }


def _is(*operations: str) -> Callable[[Exchange], bool]:
    return lambda exchange: exchange.operation in operations


_document = _is(
    "ListObjectsV2",
    "ListMultipartUploads",
    "ListParts",
    "CreateMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
)


def _is_large_get(exchange: Exchange) -> bool:
    span = exchange.request.span
    return exchange.operation == "GetObject" and (span is None or span[1] - span[0] > 1)


def _is_checked_get(exchange: Exchange) -> bool:
    return _is_large_get(exchange) and "x-amz-checksum-mode" in exchange.request.headers


def _is_checked_put(exchange: Exchange) -> bool:
    return (
        exchange.operation in {"PutObject", "UploadPart"}
        and "x-amz-checksum-crc64nvme" in exchange.request.headers
        and exchange.request.headers["content-length"] != "0"
    )


_RETRIED = "the right outcome, after a retry"
# Nobody can tidy up who is not allowed to.
_is_tidying = _is("AbortMultipartUpload", "ListParts", "ListMultipartUploads")

FAULTS: dict[str, Fault] = {
    "reset at once": Fault("reset before the request's body is read", _RETRIED, reset_at_once),
    "reset after the request": Fault(
        "reset before the server has seen the request", _RETRIED, reset_after_request
    ),
    "lost answer": Fault(
        "the server has done what was asked; reset before its answer",
        "the right outcome: a repeated request that finds its work done is a success",
        lose_answer,
    ),
    "reset in the head": Fault("reset within the answer's head", _RETRIED, reset_in_head),
    "reset in the body": Fault(
        "reset within the answer's body", _RETRIED, reset_in_body, _has_body
    ),
    "truncated body": Fault("closed within the answer's body", _RETRIED, close_in_body, _has_body),
    "stall": Fault(
        "no byte after half of the body", f"{_RETRIED} of `stall_timeout_s`", stall, _has_body, 0.1
    ),
    "silence": Fault(
        "no byte of an answer",
        f"{_RETRIED} of `first_byte_timeout_s`",
        silence,
        # Where the server has work to do it is given ten times as long.
        lambda exchange: not _is("CopyObject", "CompleteMultipartUpload")(exchange),
        0.1,
    ),
    "slow drip": Fault(
        "ten bytes a second", "the connection is given up; " + _RETRIED, drip, _is_large_get, 0.05
    ),
    "closed afterwards": Fault(
        "closed behind a right answer, without a word", "nothing", close_afterwards
    ),
    "stray bytes": Fault(
        "bytes behind the answer", "nothing: the connection is dropped", bytes_too_many
    ),
    "503 SlowDown": Fault(
        "503, SlowDown", _RETRIED, lambda exchange: exchange.refuse(503, "SlowDown"), weight=2
    ),
    "503 ServiceUnavailable": Fault(
        "503", _RETRIED, lambda exchange: exchange.refuse(503, "ServiceUnavailable")
    ),
    "500 InternalError": Fault(
        "500", _RETRIED, lambda exchange: exchange.refuse(500, "InternalError")
    ),
    "429": Fault("429", _RETRIED, lambda exchange: exchange.refuse(429, "TooManyRequests")),
    "400 RequestTimeout": Fault(
        "400, RequestTimeout",
        _RETRIED,
        lambda exchange: exchange.refuse(400, "RequestTimeout"),
        _is("PutObject", "UploadPart"),
    ),
    "403 AccessDenied": Fault(
        "403",
        "`AccessDeniedError` at once",
        lambda exchange: exchange.refuse(403, "AccessDenied"),
        lambda exchange: not _is_tidying(exchange),
        0.1,
    ),
    "expired credentials": Fault(
        "400, ExpiredToken",
        "`CredentialsError` at once",
        lambda exchange: exchange.refuse(400, "ExpiredToken"),
        lambda exchange: not _is_tidying(exchange) and exchange.operation != "HeadObject",
        0.1,
    ),
    "redirect": Fault(
        "301, PermanentRedirect",
        "`S3Error` naming the region as the cause; nothing is sent to another host",
        lambda exchange: exchange.refuse(301, "PermanentRedirect"),
        lambda exchange: not _is_tidying(exchange),
        0.1,
    ),
    "wrong length": Fault(
        "Content-Length of one byte more, then closed",
        _RETRIED,
        lambda exchange: (change(_longer, exchange), exchange.line.end())[1],
        _is_large_get,
    ),
    "wrong Content-Range": Fault(
        "another Content-Range than asked for",
        _RETRIED,
        partial(change, _another_range),
        lambda exchange: _is_large_get(exchange) and exchange.request.span is not None,
    ),
    "changed ETag": Fault(
        "another ETag than that of the other parts",
        "`PreconditionFailedError`: the object was overwritten during the read",
        partial(change, _another_etag),
        lambda exchange: "if-match" in exchange.request.headers and _is_large_get(exchange),
        0.3,
    ),
    "missing ETag": Fault(
        "no ETag",
        _RETRIED,
        partial(change, _no_etag),
        lambda exchange: _is_large_get(exchange) or _is("PutObject", "UploadPart")(exchange),
    ),
    "garbage for XML": Fault(
        "random bytes for a document",
        "the right outcome, or `IntegrityError`",
        partial(change, _garbage),
        _document,
    ),
    "cut XML": Fault(
        "two thirds of a document, with the length of that",
        "the right outcome, or `IntegrityError`",
        partial(change, _cut_document),
        _document,
    ),
    "200 with Error": Fault(
        "200 whose document is an error",
        _RETRIED,
        partial(change, _late_error),
        _document,
    ),
    "flipped bit received": Fault(
        "one bit of a whole object's body",
        f"{_RETRIED}: the object's CRC64NVME tells",
        partial(change, _flipped),
        _is_checked_get,
    ),
    "flipped bit sent": Fault(
        "one bit of an upload's body",
        f"{_RETRIED}: the server refuses the checksum",
        flip_upload,
        _is_checked_put,
    ),
}

"""A storm of faults between clients and a real MinIO, and what must hold in it and after it.

`StormServer` hands requests on to a MinIO and, at a given rate, does one of `FAULTS` to them.
`Storm` runs every operation against it from several threads and checks each outcome: the right
bytes or the right typed error, never part of an object.
"""

from __future__ import annotations

import contextlib
import gc
import http.client
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import s3native
from content import content
from raw_server import Line, RawServer, Request, response
from s3native.testing import MinioServer

PART = 5 << 20  # S3's smallest
STALL_S = 1
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


# ---- faults ----


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


def _text(exchange: Exchange) -> tuple[bytes, int]:
    """The right answer as sent, and where its body begins."""
    exchange.read()
    status, body, headers = exchange.ask()
    given = {k.replace("-", "_"): v for k, v in headers.items()}
    text = response(status, body, **given)
    return text, len(text) - len(body)


def reset_in_head(exchange: Exchange) -> None:
    text, head = _text(exchange)
    exchange.line.send(text[: head // 2])
    exchange.line.reset()


def reset_in_body(exchange: Exchange) -> None:
    text, head = _text(exchange)
    exchange.line.send(text[: (head + len(text)) // 2])
    exchange.line.reset()


def close_in_body(exchange: Exchange) -> None:
    text, head = _text(exchange)
    exchange.line.send(text[: (head + len(text)) // 2])
    exchange.line.end()


def stall(exchange: Exchange) -> None:
    text, head = _text(exchange)
    exchange.line.send(text[: (head + len(text)) // 2])
    exchange.line.wait_for_end()


def silence(exchange: Exchange) -> None:
    exchange.read()
    exchange.line.wait_for_end()


def drip(exchange: Exchange) -> None:
    text, head = _text(exchange)
    exchange.line.send(text[: head + 1])
    with contextlib.suppress(OSError):
        for byte in text[head + 1 :]:
            exchange.line.send(bytes([byte]))
            exchange.line.wait(0.1)


def close_afterwards(exchange: Exchange) -> None:
    exchange.line.send(_text(exchange)[0])
    exchange.line.close()


def bytes_too_many(exchange: Exchange) -> None:
    exchange.line.send(_text(exchange)[0] + b"stray")


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
        "no byte of an answer", f"{_RETRIED} of `stall_timeout_s`", silence, weight=0.1
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
        lambda exchange: exchange.operation != "AbortMultipartUpload",
        0.1,
    ),
    "expired credentials": Fault(
        "400, ExpiredToken",
        "`CredentialsError` at once",
        lambda exchange: exchange.refuse(400, "ExpiredToken"),
        lambda exchange: exchange.operation not in {"AbortMultipartUpload", "HeadObject"},
        0.1,
    ),
    "redirect": Fault(
        "301, PermanentRedirect",
        "`S3Error` naming the region as the cause; nothing is sent to another host",
        lambda exchange: exchange.refuse(301, "PermanentRedirect"),
        lambda exchange: exchange.operation != "AbortMultipartUpload",
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


class StormServer:
    """A server that is `server`, with faults: `rate` of all requests meet one."""

    def __init__(self, server: MinioServer, *, seed: int, rate: float) -> None:
        self.done: Counter[str] = Counter()
        self.calm = False  # no more faults
        self._server = server
        self._chance = random.Random(seed)
        self._rate = rate
        self._lock = threading.Lock()
        self._raw = RawServer(self._answer)

    @property
    def endpoint(self) -> str:
        """The URL clients connect to."""
        return self._raw.endpoint

    def __enter__(self) -> StormServer:
        self._raw.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._raw.__exit__(*exception)

    @property
    def open_connections(self) -> int:
        """Those that neither side has closed."""
        return self._raw.open_connections

    def _answer(self, request: Request, line: Line) -> None:
        exchange = Exchange(request, line, self._server)
        fault = self._choose(exchange)
        if fault is None:
            line.send(_text(exchange)[0])
        else:
            FAULTS[fault].do(exchange)

    def _choose(self, exchange: Exchange) -> str | None:
        with self._lock:
            if self.calm or self._chance.random() >= self._rate:
                return None
            names = [name for name, fault in FAULTS.items() if fault.to(exchange)]
            weights = [FAULTS[name].weight for name in names]
            name = self._chance.choices(names, weights)[0]
            self.done[name] += 1
            return name


# ---- the work ----


@dataclass(frozen=True)
class Held:
    """What the process holds: it must not grow."""

    threads: int
    descriptors: int
    pool_in_use: int
    memory_reserved: int

    @classmethod
    def now(cls) -> Held:
        """As it is."""
        gc.collect()
        stats = s3native._core.stats()
        return cls(
            len(os.listdir("/proc/self/task")),
            len(os.listdir("/proc/self/fd")),
            stats["pool_in_use"],
            stats["memory_reserved"],
        )

    def exceeds(self, other: Held) -> bool:
        """Whether there is more of anything."""
        return any(vars(self)[name] > vars(other)[name] for name in vars(self))


class Storm:
    """Threads that work on one bucket through a `StormServer` until enough faults were done."""

    def __init__(self, server: MinioServer, bucket: str, storm: StormServer, *, seed: int) -> None:
        self.outcomes: Counter[str] = Counter()
        self._bucket = bucket
        self._storm = storm
        self._seed = seed
        self._lock = threading.Lock()
        options = server.client_options()
        self._calm = s3native.Client(**options, part_size=PART)
        self._client = s3native.Client(
            **options | {"endpoint": storm.endpoint},
            part_size=PART,
            max_connections=8,
            stall_timeout_s=STALL_S,
        )
        self._large = content(2 * PART + 12_345)
        self._small = content(110_000)
        self._calm.put(f"s3://{bucket}/kept/large", self._large)
        for i in range(5):
            self._calm.put(f"s3://{bucket}/kept/{i}", self._small[i:])

    def run(self, faults: int, threads: int = 8) -> None:
        """Works until `faults` were done; raises what any thread found wrong."""
        found: list[BaseException] = []

        def work(number: int) -> None:
            chance = random.Random(self._seed * 1000 + number)
            try:
                while self._storm.done.total() < faults and not found:
                    self._step(chance, number)
            except BaseException as failure:
                found.append(failure)

        workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self._storm.calm = True
        self._client.close()
        if found:
            raise found[0]

    def pending_uploads(self, boto: Any) -> list[str]:
        """Keys of uploads that the server still holds."""
        found = boto.list_multipart_uploads(Bucket=self._bucket)
        return [upload["Key"] for upload in found.get("Uploads", [])]

    def _step(self, chance: random.Random, number: int) -> None:
        steps = [
            (8, self._get_small),
            (3, self._get_range),
            (2, self._get_large),
            (2, self._get_many),
            (2, self._list),
            (3, self._put_small),
            (2, self._put_large),
            (1, self._copy),
            (1, self._delete),
        ]
        (step,) = chance.choices([s for _, s in steps], [w for w, _ in steps])
        try:
            step(chance, number)
            outcome = "right"
        except s3native.S3Error as error:
            self._check_error(error)
            outcome = type(error).__name__
        with self._lock:
            self.outcomes[outcome] += 1

    def _check_error(self, error: s3native.S3Error) -> None:
        text = str(error)
        assert error.operation, text
        assert error.operation in text
        assert self._bucket in text
        assert ";" in text, f"no hint: {text}"
        assert type(error) is not s3native.S3Error or error.http_status == 301, text

    def _url(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def _get_small(self, chance: random.Random, number: int) -> None:
        i = chance.randrange(5)
        assert bytes(self._client.get(self._url(f"kept/{i}"))) == self._small[i:]

    def _get_range(self, chance: random.Random, number: int) -> None:
        start = chance.randrange(len(self._large) - 1)
        end = min(len(self._large), start + chance.choice((2, 1000, 100_000)))
        into = bytearray(end - start)
        assert self._client.get_into(self._url("kept/large"), into, range=(start, end)) == len(into)
        assert into == self._large[start:end]

    def _get_large(self, chance: random.Random, number: int) -> None:
        into = bytearray(len(self._large))
        assert self._client.get_into(self._url("kept/large"), into) == len(into)
        assert into == self._large

    def _get_many(self, chance: random.Random, number: int) -> None:
        numbers = [chance.randrange(5) for _ in range(10)]
        items = self._client.get_many([self._url(f"kept/{i}") for i in numbers])
        for i, item in zip(numbers, items, strict=True):
            if item.error is not None:
                self._check_error(item.error)
            else:
                assert bytes(item.data) == self._small[i:]

    def _list(self, chance: random.Random, number: int) -> None:
        pages = self._client.list(self._url("kept/"))
        keys = [info.key for page in pages for info in page.objects]
        assert keys == ["kept/0", "kept/1", "kept/2", "kept/3", "kept/4", "kept/large"]

    def _put_small(self, chance: random.Random, number: int) -> None:
        self._put(f"mine/{number}/small", chance.randbytes(chance.choice((0, 10, 100_000))))

    def _put_large(self, chance: random.Random, number: int) -> None:
        self._put(f"mine/{number}/large", chance.randbytes(PART + chance.randrange(1, PART)))

    def _put(self, key: str, data: bytes, **options: Any) -> None:
        before = self._content(key)
        try:
            self._client.put(self._url(key), data, **options)
        except s3native.S3Error:
            after = self._content(key)
            assert after in (before, data), f"part of {key} is visible"
            raise
        assert self._content(key) == data, f"{key} is not what was put"

    def _copy(self, chance: random.Random, number: int) -> None:
        key = f"mine/{number}/copy"
        before = self._content(key)
        i = chance.randrange(5)
        try:
            self._client.copy(self._url(f"kept/{i}"), self._url(key))
        except s3native.S3Error:
            assert self._content(key) in (before, self._small[i:])
            raise
        assert self._content(key) == self._small[i:]

    def _delete(self, chance: random.Random, number: int) -> None:
        key = f"mine/{number}/small"
        before = self._content(key)
        try:
            self._client.delete(self._url(key))
        except s3native.S3Error:
            assert self._content(key) in (before, None)
            raise
        assert self._content(key) is None

    def _content(self, key: str) -> bytes | None:
        """What is visible, asked for without faults."""
        try:
            return bytes(self._calm.get(self._url(key)))
        except s3native.NotFoundError:
            return None


def eventually_not_more_than(before: Held, seconds: float = 10) -> Held:
    """What is held once it is no more than before, or after that time."""
    deadline = time.monotonic() + seconds
    while (now := Held.now()).exceeds(before) and time.monotonic() < deadline:
        time.sleep(0.05)
    return now

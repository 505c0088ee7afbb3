"""Operations whose answers are documents, against servers that spoil them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import s3native
from raw_object import BROKEN, DATA, ETAG, URL, connect, refusal, serve
from raw_server import Line, RawServer, Request, chunked, pieces, response

LISTING = (
    b'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><IsTruncated>false</IsTruncated>'
    b"%s</ListBucketResult>"
)
ENTRY = b"<Contents><Key>key-%06d</Key><Size>%d</Size></Contents>"
DOCUMENTS = {
    "list": LISTING % b"".join(ENTRY % (i, i) for i in range(5)),
    "list_buckets": b"<ListAllMyBucketsResult><Buckets><Bucket><Name>bucket</Name>"
    b"</Bucket></Buckets></ListAllMyBucketsResult>",
    "delete_many": b"<DeleteResult></DeleteResult>",
    "copy": b'<CopyObjectResult><ETag>"etag-2"</ETag></CopyObjectResult>',
    "upload": b'<CompleteMultipartUploadResult><ETag>"etag-2"</ETag>'
    b"</CompleteMultipartUploadResult>",
    "delete": b"",
    "create_bucket": b"",
}
OPERATIONS: dict[str, Callable[[s3native.Client], Any]] = {
    "list": lambda client: [
        (o.key, o.size) for page in client.list("s3://bucket/") for o in page.objects
    ],
    "list_buckets": lambda client: [bucket.name for bucket in client.list_buckets()],
    "delete_many": lambda client: client.delete_many(["s3://bucket/a", "s3://bucket/b"]),
    "copy": lambda client: client.copy(URL, "s3://bucket/other").etag,
    "upload": lambda client: client.put(URL, bytes(6 << 20), part_size=5 << 20).etag,
    "delete": lambda client: client.delete(URL),
    "create_bucket": lambda client: client.create_bucket("bucket"),
}
CREATED = (
    b"<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>"
)


def kind_of(request: Request) -> str:
    """The operation whose document is asked for; "" for the requests around it."""
    path, _, query = request.target.partition("?")
    if "list-type=2" in query:
        return "list"
    if query == "delete=":
        return "delete_many"
    if request.method == "POST" and query.startswith("uploadId"):
        return "upload"
    if "x-amz-copy-source" in request.headers:
        return "copy"
    if request.method == "DELETE" and not query:
        return "delete"
    if request.method == "GET" and path == "/":
        return "list_buckets"
    return "create_bucket" if request.method == "PUT" and path.count("/") == 1 else ""


class Server(RawServer):
    """Answers all operations; the first `times` answers with documents are `spoil`'s."""

    def __init__(self, spoil: Callable[[bytes, Line], None], times: int = 1_000_000) -> None:
        super().__init__(self._answer_or_spoil)
        self._spoil = spoil
        self.times = times
        self.documents = 0

    def _answer_or_spoil(self, request: Request, line: Line) -> None:
        kind = kind_of(request)
        if not kind:
            if request.method == "POST":
                line.send(response(200, CREATED))
            elif request.method == "DELETE":  # an upload
                line.send(refusal(404, "NoSuchUpload").text())
            else:
                serve(request, line)
            return
        line.body()
        self.documents += 1
        if self.documents <= self.times:
            self._spoil(DOCUMENTS[kind], line)
        else:
            line.send(response(200, DOCUMENTS[kind]))


def say(make: Callable[[bytes], bytes], *, end: bool = True) -> Callable[[bytes, Line], None]:
    def spoil(document: bytes, line: Line) -> None:
        line.send(make(document))
        if end:
            line.end()

    return spoil


RIGHT: dict[str, Callable[[bytes, Line], None]] = {
    "whole": say(lambda document: response(200, document), end=False),
    "chunked": say(
        lambda document: response(
            200, chunked(document, 7), content_length=None, transfer_encoding="chunked"
        ),
        end=False,
    ),
    "byte-by-byte": lambda document, line: line.send(*pieces(response(200, document), [1] * 5000)),
    "continue-first": say(
        lambda document: response(100, content_length=None) + response(200, document), end=False
    ),
}
WRONG: dict[str, Callable[[bytes, Line], None]] = {
    "nothing": say(lambda document: b""),
    "reset": lambda document, line: line.reset(),
    "half-a-head": say(lambda document: response(200, document)[:25]),
    "half-a-body": say(lambda document: response(200, document + b" " * 100)[:-50]),
    "half-in-chunks": say(
        lambda document: response(
            200, chunked(document + b"  ")[:-3], content_length=None, transfer_encoding="chunked"
        )
    ),
    "garbage": say(lambda document: b"\x00\x01\x02" * 50),
    "500": say(lambda document: refusal(500, "InternalError").text(), end=False),
    "503": say(lambda document: refusal(503, "SlowDown").text(), end=False),
    "429": say(lambda document: refusal(429, "TooManyRequests").text(), end=False),
    "error-after-200": say(
        lambda document: response(200, refusal(500, "InternalError").body), end=False
    ),
    "error-after-200-and-spaces": say(
        lambda document: response(
            200,
            chunked(b" " * 10 + refusal(500, "InternalError").body, 4),
            content_length=None,
            transfer_encoding="chunked",
        ),
        end=False,
    ),
}
WRONG_ERRORS = (*BROKEN, s3native.UnavailableError, s3native.ThrottledError)


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """What the operations return when nothing is wrong."""
    with Server(RIGHT["whole"]) as server:
        client = connect(server)
        return {name: run(client) for name, run in OPERATIONS.items()}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("spoil", RIGHT.values(), ids=RIGHT)
def test_right_answers(
    spoil: Callable[[bytes, Line], None], name: str, expected: dict[str, Any]
) -> None:
    with Server(spoil) as server:
        client = connect(server)
        for _ in range(3):
            assert OPERATIONS[name](client) == expected[name]
        if name != "upload":  # its parts go beside each other
            assert server.connections == 1


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
def test_wrong_answers_are_errors_or_asked_for_again(
    spoil: Callable[[bytes, Line], None], name: str, expected: dict[str, Any]
) -> None:
    with Server(spoil) as server:
        with pytest.raises(WRONG_ERRORS) as caught:
            OPERATIONS[name](connect(server))
        assert caught.value.retryable
        assert caught.value.attempts == 1
        assert caught.value.operation in str(caught.value)
        before = server.documents
        with pytest.raises(WRONG_ERRORS) as caught:
            OPERATIONS[name](connect(server, max_attempts=2))
        assert caught.value.attempts == 2
        assert server.documents == before + 2
        server.times = server.documents + 1
        assert OPERATIONS[name](connect(server, max_attempts=2)) == expected[name]


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("AccessDenied", s3native.AccessDeniedError),
        ("NoSuchUpload", s3native.NotFoundError),
        ("PreconditionFailed", s3native.PreconditionFailedError),
    ],
)
def test_an_error_after_200_has_its_class(code: str, wanted: type[s3native.S3Error]) -> None:
    text = response(200, refusal(400, code).body, x_amz_request_id="REQUEST-1")
    with Server(say(lambda document: text, end=False)) as server:
        with pytest.raises(wanted) as caught:
            OPERATIONS["copy"](connect(server, max_attempts=3))
        assert (caught.value.s3_code, caught.value.http_status) == (code, 200)
        assert caught.value.request_id == "REQUEST-1"
        assert server.documents == 1


@pytest.mark.parametrize("size", [1 << 16, 1 << 30], ids=["small-chunks", "one-chunk"])
def test_a_listing_of_megabytes_in_chunks(size: int) -> None:
    count = 50_000  # 3 MB
    listing = LISTING % b"".join(ENTRY % (i, i) for i in range(count))
    text = response(200, chunked(listing, size), content_length=None, transfer_encoding="chunked")

    def spoil(document: bytes, line: Line) -> None:
        line.send(*pieces(text, [1400] * 3000))

    with Server(spoil) as server:
        client = connect(server)
        assert OPERATIONS["list"](client) == [(f"key-{i:06}", i) for i in range(count)]
        assert len(OPERATIONS["list"](client)) == count


def test_an_endless_document_is_refused() -> None:
    text = response(200, b"", content_length=str(1 << 30))
    endless = Server(say(lambda document: text, end=False))
    with endless as server, pytest.raises(s3native.IntegrityError):
        OPERATIONS["list"](connect(server))


def test_small_requests_overtake_queued_bytes() -> None:
    order: list[str] = []

    def answer(request: Request, line: Line) -> None:
        order.append(request.method)
        line.wait(0.3 if len(order) == 1 else 0)
        serve(request, line)

    with RawServer(answer) as server, ThreadPoolExecutor(12) as pool:
        client = connect(server, max_connections=1, part_size=1 << 20)
        gets = [pool.submit(client.get, URL) for _ in range(10)]
        while not order:
            time.sleep(0.01)
        time.sleep(0.1)  # the others are queued
        assert client.head(URL).etag == ETAG
        assert order[:2] == ["GET", "HEAD"]
        assert [bytes(get.result()) for get in gets] == [DATA] * 10

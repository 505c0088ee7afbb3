"""HEAD over our own connections: heads only, whatever length they tell, and what is no answer."""

from __future__ import annotations

import pytest
import s3native
from raw_object import BROKEN, DATA, ETAG, SIZE, URL, connect, refusal, reply_to, serve
from raw_server import Line, RawServer, Request, response


def test_heads_share_a_connection_with_gets() -> None:
    with RawServer(serve) as server:
        client = connect(server, part_size=1 << 20)
        for _ in range(10):
            info = client.head(URL)
            assert (info.size, info.etag, info.key) == (SIZE, ETAG, "key")
            assert bytes(client.get(URL)) == DATA
        assert server.connections == 1
        assert server.requests[0].headers["x-amz-checksum-mode"] == "ENABLED"


def test_a_length_is_believed_and_not_waited_for() -> None:
    def answer(request: Request, line: Line) -> None:
        line.send(response(200, etag=ETAG, content_length=str(5 << 40)))

    with RawServer(answer) as server:
        assert connect(server).head(URL).size == 5 << 40


@pytest.mark.parametrize(
    ("status", "code", "wanted"),
    [
        (404, "NoSuchKey", s3native.NotFoundError),
        (403, "AccessDenied", s3native.AccessDeniedError),
        (412, "PreconditionFailed", s3native.PreconditionFailedError),
        (503, "SlowDown", s3native.ThrottledError),
    ],
)
def test_a_refusal_has_no_document(status: int, code: str, wanted: type[s3native.S3Error]) -> None:
    def answer(request: Request, line: Line) -> None:
        if request.index == 0:  # the document's length is told, the document is not sent
            line.send(refusal(status, code).text(b""))
        else:
            serve(request, line)

    with RawServer(answer) as server:
        client = connect(server)
        with pytest.raises(wanted) as caught:
            client.head(URL)
        assert caught.value.operation == "HeadObject"
        assert caught.value.request_id == "REQUEST-1"
        assert caught.value.attempts == 1
        assert client.head(URL).size == SIZE
        assert server.connections == 1


NO_ANSWERS = {
    "no-length": response(200, etag=ETAG, content_length=None),
    "chunked": response(200, etag=ETAG, content_length=None, transfer_encoding="chunked"),
    "no-number": response(200, etag=ETAG, content_length="many"),
    "a-body": response(200, DATA[:100], etag=ETAG),
    "half-a-head": response(200, etag=ETAG)[:20],
    "nothing": b"",
    "garbage": b"\x00\xff" * 100,
}


@pytest.mark.parametrize("text", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_no_answer_is_refused_and_asked_for_again(text: bytes) -> None:
    def answer(request: Request, line: Line) -> None:
        if request.index < 2:
            line.send(text)
            line.end()
        else:
            line.send(reply_to(request).text())

    with RawServer(answer) as server:
        with pytest.raises(BROKEN):
            connect(server).head(URL)
        assert connect(server, max_attempts=2).head(URL).size == SIZE
        assert len(server.requests) == 3


def test_a_head_that_stalls_times_out() -> None:
    with RawServer(lambda request, line: line.wait(30)) as server:
        client = connect(server, stall_timeout_s=1)
        with pytest.raises(s3native.RequestTimeoutError):
            client.head(URL)

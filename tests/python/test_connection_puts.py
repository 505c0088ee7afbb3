"""PUT on connections of our own: answers that come early, late, wrong or not at all."""

from __future__ import annotations

import pytest
import s3native
from content import content
from raw_object import (
    BROKEN,
    ETAG,
    URL,
    Transport,
    connect,
    eventually,
    refusal,
    reply_to,
    within,
)
from raw_server import Answer, Line, RawServer, Request, chunked, response

BODY = content(16 << 20)
ONE_PUT = 32 << 20  # the part size with which BODY is no multipart upload


def said_403(line: Line) -> None:
    line.send(refusal(403, "AccessDenied").text(connection="close"))


def refuses_and_ends(request: Request, line: Line) -> None:
    said_403(line)
    line.end()


def refuses_and_closes(request: Request, line: Line) -> None:
    said_403(line)
    line.close()


def refuses_and_closes_later(request: Request, line: Line) -> None:
    said_403(line)
    line.wait(0.1)
    line.close()


def refuses_and_reads_on(request: Request, line: Line) -> None:
    line.send(refusal(403, "AccessDenied").text())


def refuses_and_reads_nothing(request: Request, line: Line) -> None:
    said_403(line)
    line.wait(10)


@pytest.mark.parametrize("attempts", [1, 5])
@pytest.mark.parametrize("size", [100, 1 << 20, len(BODY)])
@pytest.mark.parametrize(
    "answer",
    [
        refuses_and_ends,
        refuses_and_closes_later,
        refuses_and_reads_on,
        refuses_and_reads_nothing,
    ],
)
def test_a_put_refused_before_its_body_is_read(
    transport: Transport, answer: Answer, size: int, attempts: int
) -> None:
    with RawServer(answer, **transport.server) as server:
        client = connect(server, part_size=ONE_PUT, max_attempts=attempts, **transport.client)
        for i in range(3):
            with within(2), pytest.raises(s3native.AccessDeniedError) as caught:
                client.put(URL, memoryview(BODY)[:size])
            assert caught.value.s3_code == "AccessDenied"
            assert caught.value.request_id == "REQUEST-1"
            assert len(server.requests) == i + 1  # this answer is final


@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("size", [100, 1 << 20, len(BODY)])
def test_a_put_refused_with_a_reset(transport: Transport, size: int, attempts: int) -> None:
    """The reset may overtake the answer."""
    with RawServer(refuses_and_closes, **transport.server) as server:
        client = connect(server, part_size=ONE_PUT, max_attempts=attempts, **transport.client)
        for _ in range(3):
            with within(3), pytest.raises(s3native.S3Error) as caught:
                client.put(URL, memoryview(BODY)[:size])
            assert isinstance(
                caught.value, (s3native.AccessDeniedError, s3native.ConnectionFailedError)
            )


def test_a_put_refused_in_the_middle(transport: Transport) -> None:
    def answer(request: Request, line: Line) -> None:
        line.take(len(BODY) // 2)
        refuses_and_ends(request, line)

    with RawServer(answer, **transport.server) as server:
        client = connect(server, part_size=ONE_PUT, **transport.client)
        with within(5), pytest.raises(s3native.AccessDeniedError) as caught:
            client.put(URL, BODY)
        assert caught.value.s3_code == "AccessDenied"


@pytest.mark.parametrize("taken", [0, 1, 1 << 20])
def test_a_put_that_breaks_is_sent_again(transport: Transport, taken: int) -> None:
    bodies = []

    def answer(request: Request, line: Line) -> None:
        if request.index == 0:
            line.take(taken)
            return line.reset()
        bodies.append(line.body())
        return line.send(reply_to(request).text())

    with RawServer(answer, **transport.server) as server:
        options = {"part_size": ONE_PUT, **transport.client}
        assert connect(server, max_attempts=3, **options).put(URL, BODY).etag == ETAG
    assert bodies == [BODY]
    with (
        RawServer(answer, **transport.server) as server,
        pytest.raises(s3native.ConnectionFailedError),
    ):
        connect(server, **options).put(URL, BODY)


@pytest.mark.parametrize("closes", [False, True], ids=["keeps", "closes"])
def test_large_puts_answered_as_soon_as_they_are_there(transport: Transport, closes: bool) -> None:
    """The answer, and the connection's end, may come before the socket has reported all sent."""
    size = 4 << 20

    def answer(request: Request, line: Line) -> None:
        assert line.body() == BODY[:size]
        line.send(reply_to(request).text(**{"connection": "close"} if closes else {}))
        if closes:
            line.close()

    with RawServer(answer, **transport.server) as server:
        client = connect(server, part_size=ONE_PUT, **transport.client)
        for _ in range(20):
            assert client.put(URL, memoryview(BODY)[:size]).etag == ETAG
        assert server.connections == (20 if closes else 1)


def test_a_put_answered_before_its_body_is_read(transport: Transport) -> None:
    bodies = []

    def answer(asked: Request, line: Line) -> None:
        line.send(reply_to(asked).text())
        line.wait(0.05)
        bodies.append(line.body())

    with RawServer(answer, **transport.server) as server:
        client = connect(server, part_size=ONE_PUT, **transport.client)
        for _ in range(3):
            assert client.put(URL, BODY).etag == ETAG
            assert eventually(lambda: bodies == [BODY])
            bodies.clear()


def test_a_put_that_is_read_slowly(transport: Transport) -> None:
    body = BODY[: 6 << 20]

    def answer(request: Request, line: Line) -> None:
        taken = b""
        while len(taken) < len(body):
            taken += line.take(min(200_000, len(body) - len(taken)))
            line.wait(0.002)
        assert taken == body
        line.send(reply_to(request).text())

    with RawServer(answer, **transport.server) as server:
        client = connect(server, part_size=ONE_PUT, **transport.client)
        for _ in range(2):
            assert client.put(URL, body).etag == ETAG
        assert server.connections == 1


@pytest.mark.parametrize(
    "text",
    [
        response(200),
        response(200, b"<Surprise/>", etag=ETAG),
        response(200, etag=ETAG, content_length=None),
        response(200, etag=ETAG)[:-3],
        response(200, etag=ETAG, content_length="5"),
        b"HTTP/1.1 2xx OK\r\n\r\n",
    ],
    ids="no-etag document no-length half-a-head half-a-body garbage".split(),
)
def test_a_put_with_a_wrong_answer(text: bytes) -> None:
    def answer(request: Request, line: Line) -> None:
        line.body()
        if request.index == 0:
            line.send(text)
            return line.end()
        return line.send(reply_to(request).text())

    with RawServer(answer) as server, pytest.raises(BROKEN) as caught:
        connect(server).put(URL, b"body")
    assert caught.value.retryable
    with RawServer(answer) as server:
        assert connect(server, max_attempts=3).put(URL, b"body").etag == ETAG
        assert len(server.requests) == 2


def test_a_put_answered_in_chunks() -> None:
    def answer(request: Request, line: Line) -> None:
        line.body()
        line.send(
            reply_to(request).text(chunked(b""), content_length=None, transfer_encoding="chunked")
        )

    with RawServer(answer) as server:
        client = connect(server)
        for _ in range(3):
            assert client.put(URL, b"body").etag == ETAG
        assert server.connections == 1

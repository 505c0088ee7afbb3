"""Connections on which nothing moves, or little."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import s3native
from content import content
from raw_object import (
    DATA,
    RANGE,
    URL,
    Transport,
    connect,
    eventually,
    refusal,
    reply_to,
    serve,
    stalls_at_once,
    stalls_in_the_body,
    within,
)
from raw_server import Answer, Line, RawServer, Request, chunked, pieces, response


def stalls_in_the_head(request: Request, line: Line) -> None:
    line.send(reply_to(request).text()[:40])
    line.wait(10)


def stalls_in_chunks(request: Request, line: Line) -> None:
    reply = refusal(404, "NoSuchKey")
    body = chunked(reply.body, 10)[:-20]
    line.send(reply.text(body, content_length=None, transfer_encoding="chunked"))
    line.wait(10)


STALLS: list[Answer] = [
    stalls_at_once,
    stalls_in_the_head,
    stalls_in_the_body,
    stalls_in_chunks,
]


def stalled_for(call: Callable[[], object]) -> float:
    begun = time.monotonic()
    with pytest.raises(s3native.RequestTimeoutError) as caught:
        call()
    assert caught.value.retryable
    return time.monotonic() - begun


def test_stalls(transport: Transport) -> None:
    """All at the same time, because each takes a second."""
    body = content(16 << 20)
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(20) as threads:
        calls: list[Callable[[], object]] = []
        for answer in STALLS:
            client = connect(
                stack.enter_context(RawServer(answer, **transport.server)),
                stall_timeout_s=1,
                part_size=32 << 20,
                **transport.client,
            )
            calls.append(partial(client.get, URL, range=RANGE))
            calls.append(partial(client.get, URL))
            if answer is stalls_at_once:
                calls.append(partial(client.put, URL, b"body"))
                calls.append(partial(client.put, URL, body))  # of which not all can be sent
        for waited in threads.map(stalled_for, calls):
            assert 1 <= waited < 2.2


def test_a_tls_handshake_that_stalls() -> None:
    with RawServer(serve, on_connect=lambda line: line.wait(10)) as server:
        client = connect(
            server, endpoint=f"https://127.0.0.1:{server.port}", stall_timeout_s=1, verify_ssl=False
        )
        assert stalled_for(partial(client.get, URL, range=RANGE)) < 2.2


def test_a_stalled_request_is_sent_again() -> None:
    def answer(request: Request, line: Line) -> None:
        return stalls_in_the_body(request, line) if request.index == 0 else serve(request, line)

    with RawServer(answer) as server, within(2.5):
        client = connect(server, stall_timeout_s=1, max_attempts=3, part_size=1 << 20)
        assert bytes(client.get(URL, range=RANGE)) == DATA[slice(*RANGE)]


@pytest.mark.parametrize("method", ["get", "put"])
def test_a_trickle_is_abandoned(transport: Transport, method: str) -> None:
    """Less than 1 KiB a second is as good as nothing: the next connection may be better."""
    body = content(16 << 20)  # more than a socket holds

    def answer(request: Request, line: Line) -> None:
        if request.index != 0:
            return serve(request, line)
        if method == "get":
            return line.send(*pieces(reply_to(request).text(), [60_000, *[20] * 100]), pause=0.05)
        for _ in range(100):
            line.take(20)
            line.wait(0.05)
        return line.reset()

    with RawServer(answer, **transport.server) as server, within(3):
        options = {"stall_timeout_s": 1, "max_attempts": 2, "part_size": 32 << 20}
        client = connect(server, **options, **transport.client)
        if method == "get":
            assert bytes(client.get(URL, range=RANGE)) == DATA[slice(*RANGE)]
        else:
            client.put(URL, body)
        assert len(server.requests) == 2


def test_blanks_before_a_document_are_waited_for() -> None:
    """So servers say that a long copy, say, is still under way."""
    document = b'<CopyObjectResult><ETag>"copied"</ETag></CopyObjectResult>'

    def answer(request: Request, line: Line) -> None:
        if request.method == "HEAD":
            return serve(request, line)
        line.send(response(200, content_length=None, transfer_encoding="chunked"))
        line.send(*[chunked(b" ")[:-5]] * 10, pause=0.3)
        return line.send(chunked(document))

    with RawServer(answer) as server:
        assert connect(server, stall_timeout_s=1).copy(URL, "s3://bucket/copy").etag == '"copied"'


def test_a_server_that_does_not_begin_to_answer() -> None:
    with RawServer(stalls_at_once) as server:
        client = connect(server, first_byte_timeout_s=1)
        assert 1 <= stalled_for(partial(client.get, URL, range=RANGE)) < 2.2
        with pytest.raises(s3native.RequestTimeoutError, match="raise first_byte_timeout_s"):
            client.head(URL)


def test_a_server_may_take_its_time_to_begin() -> None:
    """As long as it is told, and ten times as long for a copy."""

    def answer(request: Request, line: Line) -> None:
        if request.method == "HEAD":
            return serve(request, line)
        line.wait(2.5)
        if request.method == "GET":
            return serve(request, line)
        return line.send(response(200, b'<CopyObjectResult><ETag>"c"</ETag></CopyObjectResult>'))

    with RawServer(answer) as server, ThreadPoolExecutor(2) as threads:
        patient = connect(server, stall_timeout_s=1, first_byte_timeout_s=10)
        got = threads.submit(patient.get, URL, range=RANGE)
        copied = connect(server, stall_timeout_s=1).copy(URL, "s3://bucket/copy")
        assert copied.etag == '"c"'
        assert len(got.result()) == RANGE[1] - RANGE[0]


@pytest.mark.parametrize("size", [4000, 400_000], ids=["short", "long"])
def test_slow_is_not_stalled(transport: Transport, size: int) -> None:
    data = content(size)

    def answer(request: Request, line: Line) -> None:
        text = reply_to(request, data).text()
        line.send(*pieces(text, [len(text) // 8] * 8), pause=0.3)

    with RawServer(answer, **transport.server) as server:
        client = connect(server, stall_timeout_s=1, part_size=1 << 20, **transport.client)
        assert bytes(client.get(URL, range=(0, size))) == data


def test_idle_is_not_stalled() -> None:
    with RawServer(serve) as server:
        client = connect(server, stall_timeout_s=1)
        assert bytes(client.get(URL, range=(0, 500))) == DATA[:500]
        time.sleep(1.6)
        assert bytes(client.get(URL, range=(0, 500))) == DATA[:500]
        assert server.connections == 1


def test_memory_is_not_touched_after_the_end(transport: Transport) -> None:
    proceed, sent = threading.Event(), threading.Event()

    def answer(request: Request, line: Line) -> None:
        text = reply_to(request).text()
        line.send(text[:-50_000])
        proceed.wait(10)
        with contextlib.suppress(OSError):
            line.send(text[-50_000:])
        sent.set()

    with RawServer(answer, **transport.server) as server:
        client = connect(server, total_timeout_s=1, part_size=1 << 20, **transport.client)
        received = bytearray(100_000)
        with within(2), pytest.raises(s3native.RequestTimeoutError):
            client.get_into(URL, received, range=(0, 100_000))
        proceed.set()
        assert sent.wait(10)
        time.sleep(0.05)
        assert received == DATA[:50_000] + bytes(50_000)
        del client
        gc.collect()
        assert eventually(lambda: server.open_connections == 0)

"""Connections that nobody watches: the thread that waits for a small object does their work.

The first request of a client opens one; what follows it is driven.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import s3native
from content import content
from raw_object import (
    BROKEN,
    DATA,
    RANGE,
    SIZE,
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
from raw_server import Answer, Line, RawServer, Request, pieces

PIECE = DATA[slice(*RANGE)]


def after_the_first(answer: Answer) -> Answer:
    """Answers the first request, a HEAD, as S3 does."""

    def answer_all(request: Request, line: Line) -> None:
        return serve(request, line) if request.method == "HEAD" else answer(request, line)

    return answer_all


def driving(server: RawServer, **options: Any) -> s3native.Client:
    """A client whose connection rests, and that asks for `RANGE` at once."""
    client = connect(server, **{"part_size": 32 << 20, **options})
    client.head(URL)
    return client


def event_loop_wakes() -> int:
    """How often the event loops' threads have waited."""
    wakes = 0
    for task in Path("/proc/self/task").iterdir():
        status = (task / "status").read_text()
        if status.startswith("Name:\tAwsEventLoop"):
            wakes += int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return wakes


def test_the_event_loops_have_nothing_to_do(transport: Transport) -> None:
    with RawServer(serve, **transport.server) as server:
        client = driving(server, **transport.client)
        before = event_loop_wakes()
        for _ in range(200):
            assert bytes(client.get(URL, range=RANGE)) == PIECE
            assert client.head(URL).size == SIZE
            client.put(URL, b"body")
        assert event_loop_wakes() - before < 100  # one for each request at least, if they had
        assert server.connections == 1


@pytest.mark.parametrize("sizes", [[1], [100, 1, 5000], [300, 1 << 20]])
def test_answers_in_pieces(transport: Transport, sizes: list[int]) -> None:
    def answer(request: Request, line: Line) -> None:
        line.send(*pieces(reply_to(request).text(), [*sizes, 70_000, 1]), pause=0.01)

    with RawServer(after_the_first(answer), **transport.server) as server:
        client = driving(server, **transport.client)
        assert bytes(client.get(URL, range=RANGE)) == PIECE
        assert bytes(client.get(URL)) == DATA


def test_a_body_that_the_socket_does_not_take_at_once(transport: Transport) -> None:
    body = content(16 << 20)
    received = []

    def answer(request: Request, line: Line) -> None:
        line.wait(0.3)
        received.append(line.body())
        line.send(reply_to(request).text())

    with RawServer(after_the_first(answer), **transport.server) as server:
        client = driving(server, **transport.client)
        client.put(URL, body)
        assert received == [body]
        assert server.connections == 1


def trickles(request: Request, line: Line) -> None:
    line.send(*pieces(reply_to(request).text(), [60_000, *[20] * 100]), pause=0.05)


@pytest.mark.parametrize("answer", [stalls_at_once, stalls_in_the_body, trickles])
def test_stalls(transport: Transport, answer: Answer) -> None:
    with RawServer(after_the_first(answer), **transport.server) as server:
        client = driving(server, stall_timeout_s=1, **transport.client)
        with within(2.5), pytest.raises(s3native.RequestTimeoutError):
            client.get(URL, range=RANGE)


def test_a_total_timeout() -> None:
    with RawServer(after_the_first(stalls_in_the_body)) as server:
        client = driving(server, total_timeout_s=1)
        with within(1.5), pytest.raises(s3native.RequestTimeoutError, match="total_timeout"):
            client.get(URL, range=RANGE)


def test_an_interrupt_ends_it() -> None:
    class Interruption(Exception):
        pass

    def interrupt(*_: object) -> None:
        raise Interruption

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with RawServer(after_the_first(stalls_in_the_body)) as server:
            client = driving(server)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with within(0.4), pytest.raises(Interruption):
                client.get(URL, range=RANGE)
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("cut", [0, 30, 50_000])
@pytest.mark.parametrize("end", [Line.close, Line.reset])
def test_a_server_that_hangs_up(end: Callable[[Line], None], cut: int) -> None:
    """Tried again, on another connection."""

    def answer(request: Request, line: Line) -> None:
        if request.index > 1:
            return serve(request, line)
        line.send(reply_to(request).text()[:cut])
        return end(line)

    with RawServer(after_the_first(answer)) as server:
        assert bytes(driving(server, max_attempts=2).get(URL, range=RANGE)) == PIECE
    with RawServer(after_the_first(lambda request, line: end(line))) as server, within(2):
        client = driving(server)
        with pytest.raises(BROKEN):
            client.get(URL, range=RANGE)


def test_a_server_that_hung_up_meanwhile(transport: Transport) -> None:
    """Costs a connection, but no attempt."""

    def answer(request: Request, line: Line) -> None:
        serve(request, line)
        line.close()

    with RawServer(answer, **transport.server) as server:
        client = driving(server, **transport.client)
        for i in range(5):
            assert eventually(lambda: server.open_connections == 0)
            assert bytes(client.get(URL, range=RANGE)) == PIECE
            assert server.connections == i + 2
        # Nor for those that event loops do.
        assert eventually(lambda: server.open_connections == 0)
        (item,) = client.get_many([(URL, RANGE)])
        assert bytes(item.data) == PIECE


def test_bytes_nobody_asked_for(transport: Transport) -> None:
    """Are no part of the next answer."""

    def answer(request: Request, line: Line) -> None:
        serve(request, line)
        line.wait(0.05)
        line.send(reply_to(request, bytes(SIZE)).text())

    with RawServer(answer, **transport.server) as server:
        client = driving(server, **transport.client)
        for _ in range(3):
            time.sleep(0.1)
            assert bytes(client.get(URL, range=RANGE)) == PIECE
        assert server.connections == 4


def test_errors_and_retries(transport: Transport) -> None:
    def answer(request: Request, line: Line) -> None:
        if request.index in (1, 2):
            return line.send(refusal(503, "SlowDown").text())
        if request.target.endswith("missing"):
            return line.send(refusal(404, "NoSuchKey").text())
        return serve(request, line)

    with RawServer(answer, **transport.server) as server:
        client = driving(server, max_attempts=3, **transport.client)
        assert bytes(client.get(URL, range=RANGE)) == PIECE
        assert len(server.requests) == 4
        for _ in range(3):
            with pytest.raises(s3native.NotFoundError):
                client.get("s3://bucket/missing")
        assert server.connections == 1


@pytest.mark.parametrize("limit", [1, 3])
def test_beside_others(transport: Transport, limit: int) -> None:
    """Connections change hands between event loops and threads."""

    def answer(request: Request, line: Line) -> None:
        line.wait(0.001 * (request.index % 3))
        serve(request, line)

    def read(client: s3native.Client, start: int) -> None:
        for i in range(start, start + 2000, 100):
            assert bytes(client.get(URL, range=(i, i + 1000))) == DATA[i : i + 1000]

    def read_many(client: s3native.Client) -> None:
        spans = [(i, i + 1000) for i in range(0, 20_000, 250)]
        for item in client.get_many([(URL, span) for span in spans], ordered=True):
            assert item.error is None
            start, end = spans[item.index]
            assert bytes(item.data) == DATA[start:end]

    with RawServer(answer, **transport.server) as server:
        client = driving(server, max_connections=limit, **transport.client)
        with ThreadPoolExecutor(10) as threads:
            calls = [partial(read, client, 2000 * i) for i in range(8)]
            calls += [partial(read_many, client)] * 2
            for done in [threads.submit(call) for call in calls]:
                done.result(60)
        assert server.connections == limit


def test_a_connection_that_rests_is_watched_after_a_while() -> None:
    """So that a server that hangs up on it is left, too."""
    hang_up = threading.Event()

    def answer(request: Request, line: Line) -> None:
        serve(request, line)
        hang_up.wait(10)
        line.end()

    with RawServer(answer) as server:
        driving(server)
        hang_up.set()
        assert eventually(lambda: server.open_connections == 0, 6)


def test_connections_that_rest_end_with_their_client(transport: Transport) -> None:
    with RawServer(serve, **transport.server) as server:
        driving(server, **transport.client).close()
        assert eventually(lambda: server.open_connections == 0)

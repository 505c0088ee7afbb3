"""Answers that are wrong: the right bytes when asked again, or an error, but never wrong bytes."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import s3native
from content import content
from raw_object import (
    BROKEN,
    DATA,
    ETAG,
    RANGE,
    SIZE,
    URL,
    Reply,
    Transport,
    connect,
    refusal,
    reply_to,
    serve,
    within,
)
from raw_server import Answer, Line, RawServer, Request, chunked, response

# ---- answers that are wrong ----

Fault = Callable[[Request, Line, Reply], None]


def sends(change: Callable[[Reply], bytes]) -> Fault:
    """An answer, after which the server says no more."""

    def fault(request: Request, line: Line, reply: Reply) -> None:
        line.send(change(reply))
        line.end()

    return fault


def resets(change: Callable[[Reply], bytes]) -> Fault:
    def fault(request: Request, line: Line, reply: Reply) -> None:
        line.send(change(reply))
        line.wait(0.01)
        line.reset()

    return fault


def with_range(first: int, last: int, size: int | str = SIZE) -> Fault:
    return sends(lambda reply: reply.text(content_range=f"bytes {first}-{last}/{size}"))


def chunks(change: Callable[[bytes], bytes]) -> Fault:
    return sends(
        lambda reply: reply.text(
            change(chunked(reply.body[:5000], 999)),
            content_length=None,
            transfer_encoding="chunked",
        )
    )


def length(change: Callable[[int], str]) -> Fault:
    return sends(lambda reply: reply.text(content_length=change(len(reply.body))))


FIRST, LAST = RANGE[0], RANGE[1] - 1

# Whatever is asked for.
FAULTS: dict[str, Fault] = {
    "nothing": sends(lambda reply: b""),
    "half-a-head": sends(lambda reply: reply.text()[:40]),
    "only-a-head": sends(lambda reply: reply.text(b"")),
    "half-a-body": sends(lambda reply: reply.text()[: -len(reply.body) // 2]),
    "one-byte-less": sends(lambda reply: reply.text()[:-1]),
    "reset": resets(lambda reply: b""),
    "reset-in-head": resets(lambda reply: reply.text()[:40]),
    "reset-in-body": resets(lambda reply: reply.text()[: -len(reply.body) // 2]),
    "garbage": sends(lambda reply: random.Random(1).randbytes(3000)),
    "garbage-lines": sends(lambda reply: b"hello\r\n\r\n" + reply.text()),
    "empty-lines": sends(lambda reply: b"\r\n\r\n\r\n"),
    "another-protocol": sends(lambda reply: reply.text().replace(b"HTTP/1.1", b"HTTP/2.0", 1)),
    "no-status": sends(lambda reply: reply.text().replace(b" 20", b" 2x", 1)),
    "no-colon": sends(lambda reply: reply.text(x="y\r\nno colon here")),
    "folded": sends(lambda reply: reply.text(x="y\r\n folded: line")),
    "space-before-colon": sends(lambda reply: reply.text(x="y\r\nContent-Length : 5")),
    "no-length": sends(lambda reply: reply.text(content_length=None)),
    "length-too-large": length(lambda size: str(size + 1)),
    "length-negative": length(lambda size: f"-{size}"),
    "length-signed": length(lambda size: f"+{size}"),
    "length-list": length(lambda size: f"{size}, {size}"),
    "length-hex": length(hex),
    "length-beyond-64-bits": length(lambda size: str(size + 2**64)),
    "length-of-nothing": length(lambda size: ""),
    "two-lengths": length(lambda size: f"{size}\r\nContent-Length: {size - 1}"),
    "two-lengths-reversed": length(lambda size: f"{size - 1}\r\nContent-Length: {size}"),
    "length-and-chunks": sends(
        lambda reply: reply.text(chunked(reply.body), transfer_encoding="chunked")
    ),
    "unknown-coding": sends(
        lambda reply: reply.text(chunked(reply.body), transfer_encoding="gzip, chunked")
    ),
    "chunks-cut-short": chunks(lambda body: body[:-100]),
    "chunks-without-last": chunks(lambda body: body[:-5]),
    "chunks-without-end": chunks(lambda body: body[:-2]),
    "chunks-too-long": chunks(lambda body: body.replace(b"\r\n", b"\r\nx", 1)),
    "chunks-of-no-size": chunks(lambda body: b"\r\n" + body),
    "chunks-of-negative-size": chunks(lambda body: b"-" + body),
    "chunks-of-huge-size": chunks(lambda body: b"fffffffffffffffff" + body),
    "no-etag": sends(lambda reply: reply.text(etag=None)),
    "no-length-half": sends(lambda reply: reply.text(reply.body[:5000], content_length=None)),
    "empty-206": sends(lambda reply: response(206, etag=ETAG)),
    "empty-without-etag": sends(lambda reply: response(200)),
    "202": sends(lambda reply: response(202)),
    "204": sends(lambda reply: response(204, content_length=None, etag=ETAG)),
    "304": sends(lambda reply: response(304, content_length=None, etag=ETAG)),
    "302": sends(lambda reply: response(302, location="http://127.0.0.1:1/")),
    "500": sends(lambda reply: refusal(500, "InternalError").text()),
    "503": sends(lambda reply: refusal(503, "SlowDown").text()),
}
# Of a range.
RANGE_FAULTS: dict[str, Fault] = {
    "length-too-small": length(lambda size: str(size - 1)),
    "less": sends(
        lambda reply: reply.text(reply.body[:-1], content_length=str(len(reply.body) - 1))
    ),
    "more": sends(
        lambda reply: reply.text(reply.body + b"x", content_length=str(len(reply.body) + 1))
    ),
    "no-range": sends(lambda reply: reply.text(content_range=None)),
    "range-in-words": sends(lambda reply: reply.text(content_range="the whole of it")),
    "range-of-lines": sends(lambda reply: reply.text(content_range=f"lines {FIRST}-{LAST}/{SIZE}")),
    "range-before": with_range(FIRST - 1, LAST - 1),
    "range-behind": with_range(FIRST + 1, LAST + 1),
    "range-from-0": with_range(0, LAST - FIRST),
    "range-shorter": with_range(FIRST, LAST - 1),
    "range-longer": with_range(FIRST, LAST + 1),
    "range-reversed": with_range(LAST, FIRST),
    "range-beyond-object": with_range(FIRST, LAST, LAST),
    "range-unsatisfied": sends(lambda reply: reply.text(content_range=f"bytes */{SIZE}")),
    "shorter": sends(
        lambda reply: response(
            206, reply.body[:-9], etag=ETAG, content_range=f"bytes {FIRST}-{LAST - 9}/{SIZE}"
        )
    ),
    "longer": sends(
        lambda reply: response(
            206,
            DATA[FIRST : LAST + 10],
            etag=ETAG,
            content_range=f"bytes {FIRST}-{LAST + 9}/{SIZE}",
        )
    ),
    "whole-object": sends(lambda reply: response(200, DATA, etag=ETAG)),
    "right-bytes-as-whole": sends(lambda reply: response(200, reply.body, etag=ETAG)),
    "empty": sends(lambda reply: response(200, etag=ETAG)),
    "empty-range": sends(lambda reply: reply.text(b"", content_length="0")),
    "chunks-with-less": chunks(lambda body: body),
}
# What asking again would not change.
FINAL = {"302", "304"}


def cases(without: Collection[str] = ()) -> list[Any]:
    """Each fault with a range and, where that makes a difference, with the whole object."""
    out = []
    for name, fault in (FAULTS | RANGE_FAULTS).items():
        if name in without:
            continue
        out.append(pytest.param(fault, RANGE, id=name))
        if name in FAULTS:
            out.append(pytest.param(fault, None, id=f"{name}-whole"))
    return out


def spoilt(fault: Fault, times: int = 1 << 30) -> Answer:
    """Answers with `fault`, so many times."""

    def answer(request: Request, line: Line) -> None:
        reply = reply_to(request)
        if request.method == "GET" and request.index < times:
            return fault(request, line, reply)
        return line.send(reply.text())

    return answer


@pytest.mark.parametrize(("fault", "wanted"), cases())
def test_a_wrong_answer_is_an_error(fault: Fault, wanted: tuple[int, int] | None) -> None:
    with RawServer(spoilt(fault)) as server, pytest.raises(s3native.S3Error) as caught:
        connect(server, part_size=1 << 20).get(URL, range=wanted)
    error = caught.value
    if error.http_status // 100 in (0, 2):
        assert isinstance(error, BROKEN)
        assert error.retryable
    assert error.attempts == 1


def get_into(client: s3native.Client, wanted: tuple[int, int] | None) -> tuple[bytes, bytes]:
    """What arrives in memory that held something else, and what should."""
    expected = DATA[slice(*wanted)] if wanted else DATA
    received = bytearray(len(expected) + 100)
    size = client.get_into(URL, received, range=wanted)
    assert received[len(expected) :] == bytes(100)
    return bytes(received[:size]), expected


@pytest.mark.parametrize(("fault", "wanted"), cases(without=FINAL))
def test_a_wrong_answer_is_asked_for_again(fault: Fault, wanted: tuple[int, int] | None) -> None:
    with RawServer(spoilt(fault, times=1)) as server:
        client = connect(server, part_size=1 << 20, max_attempts=3)
        retries = client.stats()["retries"]
        received, expected = get_into(client, wanted)
        assert received == expected
        assert client.stats()["retries"] > retries


@pytest.mark.parametrize(("fault", "wanted"), cases())
def test_a_server_that_stays_wrong(fault: Fault, wanted: tuple[int, int] | None) -> None:
    """An error in the end, or the right bytes where the answer was only unusual."""
    with RawServer(spoilt(fault)) as server:
        client = connect(server, part_size=1 << 20, max_attempts=2)
        with within(10), contextlib.suppress(s3native.S3Error):
            received, expected = get_into(client, wanted)
            assert received == expected


@pytest.mark.parametrize("name", ["reset-in-body", "half-a-body", "whole-object", "500", "garbage"])
def test_wrong_answers_among_many_parts(name: str, transport: Transport) -> None:
    fault = (FAULTS | RANGE_FAULTS)[name]
    chance = random.Random(7)

    def answer(request: Request, line: Line) -> None:
        if chance.random() < 0.2:
            return fault(request, line, reply_to(request))
        return line.send(reply_to(request).text())

    with RawServer(answer, **transport.server) as server:
        client = connect(server, part_size=10_000, max_attempts=20, **transport.client)
        received = bytearray(SIZE)
        assert client.get_into(URL, received, range=(0, SIZE)) == SIZE
        assert received == DATA


def test_many_threads_and_a_server_that_is_often_wrong() -> None:
    chance = random.Random(11)
    faults = list(FAULTS.values())

    def answer(request: Request, line: Line) -> None:
        if chance.random() < 0.1:
            return chance.choice(faults)(request, line, reply_to(request))
        return line.send(reply_to(request).text())

    def read(seed: int) -> int:
        mine = random.Random(seed)
        errors = 0
        for _ in range(20):
            start = mine.randrange(SIZE)
            end = min(SIZE, start + mine.choice((1, 100, 10_000, 100_000)))
            received = bytearray(end - start)
            try:
                assert client.get_into(URL, received, range=(start, end)) == end - start
                assert received == DATA[start:end]
            except s3native.S3Error:
                errors += 1  # some wrong answers are final
        return errors

    with RawServer(answer) as server:
        client = connect(server, max_attempts=20, max_connections=4)
        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(read, range(8))) < 16  # of 160


# ---- more bytes than announced ----


@pytest.mark.parametrize("surplus", [1, 100, 5000])
def test_more_bytes_than_announced_are_refused(transport: Transport, surplus: int) -> None:
    """When they are there with the rest: no answer of which the end is in doubt."""

    def answer(request: Request, line: Line) -> None:
        line.send(reply_to(request).text() + b"x" * surplus)
        line.wait_for_end()

    with (
        RawServer(answer, **transport.server) as server,
        pytest.raises(s3native.IntegrityError),
    ):
        connect(server, **transport.client).get(URL, range=(0, 1000))


@pytest.mark.parametrize("surplus", [1, 100])
@pytest.mark.parametrize(
    ("size", "pause"),
    # 12 kB are more than the room for heads, and still travel in one piece.
    [(1000, 0.0), (1000, 0.02), (12_000, 0.0), (12_000, 0.02)],
    ids="short short-later long long-later".split(),
)
def test_a_connection_with_bytes_too_many_is_not_used_again(
    transport: Transport, surplus: int, size: int, pause: float
) -> None:
    def answer(request: Request, line: Line) -> None:
        text = reply_to(request).text()
        if request.index != 0:
            line.send(text)
        elif pause:
            line.send(text, b"x" * surplus, pause=pause)
        else:
            line.send(text + b"x" * surplus)

    with RawServer(answer, **transport.server) as server:
        client = connect(server, **transport.client)
        with contextlib.suppress(s3native.IntegrityError):
            assert bytes(client.get(URL, range=(0, size))) == DATA[:size]
        time.sleep(3 * pause + 0.02)
        for i in range(3):
            assert bytes(client.get(URL, range=(i, 500))) == DATA[i:500]
        assert [request.connection for request in server.requests] == [0, 1, 1, 1]


@pytest.mark.parametrize("size", [1000, 12_000])
@pytest.mark.parametrize("attempts", [1, 3])
def test_an_answer_sent_twice_does_not_answer_the_next_request(
    transport: Transport, size: int, attempts: int
) -> None:
    stored = {f"/bucket/{i}": content(SIZE, seed=i) for i in range(10)}

    def answer(request: Request, line: Line) -> None:
        line.send(reply_to(request, stored[request.target]).text() * 2)

    with RawServer(answer, **transport.server) as server:
        client = connect(server, max_attempts=attempts, **transport.client)
        for target, data in stored.items():
            with contextlib.suppress(s3native.IntegrityError):
                assert bytes(client.get(f"s3:/{target}", range=(0, size))) == data[:size]


def test_an_answer_before_the_question() -> None:
    """A server may say goodbye to an idle connection: that answers nothing that is asked later."""

    def answer(request: Request, line: Line) -> None:
        serve(request, line)
        if request.index == 0:
            line.wait(0.02)
            line.send(response(408, connection="close"))
            line.end()

    with RawServer(answer) as server:
        client = connect(server)
        assert bytes(client.get(URL, range=(0, 500))) == DATA[:500]
        time.sleep(0.1)
        assert bytes(client.get(URL, range=(0, 500))) == DATA[:500]
        assert server.connections == 2

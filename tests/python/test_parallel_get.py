"""A large GET in parts beside each other: every byte once, and all of one object."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
import s3native
from content import content
from raw_object import (
    DATA,
    ETAG,
    PART,
    SIZE,
    URL,
    connect,
    reply_to,
    serve,
)
from raw_server import Line, RawServer, Request


def spans_of(server: RawServer) -> list[tuple[int, int]]:
    found = [request.span for request in server.requests if request.method == "GET"]
    return sorted(span for span in found if span is not None)


@pytest.mark.parametrize(
    "wanted",
    [(0, SIZE), (7, SIZE - 7), (PART, 2 * PART + 1), (5, SIZE + 10 * PART), (0, SIZE + 1)],
)
def test_every_byte_is_asked_for_once(wanted: tuple[int, int]) -> None:
    with RawServer(serve) as server:
        assert (
            bytes(connect(server, part_size=10_000).get(URL, range=wanted)) == DATA[slice(*wanted)]
        )
    spans = spans_of(server)
    assert len(spans) == len(server.requests)
    assert (spans[0][0], spans[-1][1]) == (wanted[0], min(wanted[1], SIZE))
    assert all(end == start for (_, end), (start, _) in itertools.pairwise(spans))
    assert max(end - start for start, end in spans) <= 10_000
    for request in server.requests:
        assert request.span is not None
        first = request.span[0] == wanted[0]
        assert request.headers.get("if-match") == (None if first else ETAG)


def test_an_etag_that_is_asked_for_is_asked_of_every_part() -> None:
    with RawServer(serve) as server:
        client = connect(server, part_size=10_000)
        assert bytes(client.get(URL, range=(0, SIZE), if_match=ETAG)) == DATA
    assert {request.headers.get("if-match") for request in server.requests} == {ETAG}


CALLS: dict[str, Callable[[s3native.Client], object]] = {
    "range": lambda client: client.get(URL, range=(0, SIZE)),
    "whole": lambda client: client.get(URL),
    "into": lambda client: client.get_into(URL, bytearray(SIZE)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("attempts", [1, 5])
def test_an_object_overwritten_while_it_is_read(
    call: Callable[[s3native.Client], object], attempts: int
) -> None:
    def answer(request: Request, line: Line) -> None:
        etag = ETAG if request.index == 0 else '"etag-2"'
        line.send(reply_to(request, etag=etag).text())

    with RawServer(answer) as server:
        client = connect(server, max_attempts=attempts)
        with pytest.raises(s3native.PreconditionFailedError):
            call(client)


@pytest.mark.parametrize("name", CALLS)
def test_an_object_overwritten_at_a_server_without_conditions(name: str) -> None:
    """Some servers overlook If-Match: half of the one object and half of the other is none."""
    other = content(SIZE, seed=2)

    def answer(asked: Request, line: Line) -> None:
        headers = {name: value for name, value in asked.headers.items() if name != "if-match"}
        unconditional = replace(asked, headers=headers)
        first = asked.index == 0
        reply = reply_to(asked) if first else reply_to(unconditional, other, '"etag-2"')
        line.send(reply.text())

    with RawServer(answer) as server, pytest.raises(s3native.S3Error):
        CALLS[name](connect(server))


@pytest.mark.parametrize("whole", [False, True])
def test_an_object_whose_size_is_not_told(whole: bool) -> None:
    """`Content-Range: bytes 0-9/*`: the part is not the object."""

    def answer(request: Request, line: Line) -> None:
        reply = reply_to(request)
        told = reply.headers.get("content_range")
        line.send(reply.text(**{"content_range": told.replace(f"/{SIZE}", "/*")} if told else {}))

    with RawServer(answer) as server, contextlib.suppress(s3native.S3Error):
        received = bytearray(SIZE)
        wanted = None if whole else (0, SIZE)
        assert connect(server).get_into(URL, received, range=wanted) == SIZE
        assert received == DATA

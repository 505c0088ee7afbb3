"""`_core.LimitLoop`: what is sent and received, against a server that writes every byte itself."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from raw_object import DATA, Transport, refusal, reply_to, serve
from raw_server import Line, RawServer, Request, chunked
from s3native import _core

GET = b"GET /bucket/key HTTP/1.1\r\nHost: h\r\nRange: bytes=%d-%d\r\n\r\n"
WHOLE = b"GET /bucket/key HTTP/1.1\r\nHost: h\r\n\r\n"
Call = tuple[bytes, bool, bool, int, int]


def get(start: int, end: int) -> Call:
    return GET % (start, end - 1), False, True, start, end - start


def loop(
    server: RawServer, transport: Transport, requests: list[Call], threads: int = 1
) -> _core.LimitLoop:
    where = urlsplit(server.endpoint)
    bundle = str(transport.client.get("ca_bundle", ""))
    tls = where.scheme == "https"
    return _core.LimitLoop(
        str(where.hostname), int(where.port or 0), tls, bundle, threads, requests
    )


def test_ranges_arrive_by_several_connections(transport: Transport) -> None:
    with RawServer(serve, **transport.server) as server:
        calls = [get(start, start + 1000) for start in range(0, 100_000, 1000)]
        limit = loop(server, transport, calls, threads=4)
        for _ in range(2):
            seconds, latencies, statuses = limit.run()
            assert statuses == [206] * 100
            assert min(latencies) > 0
            assert max(latencies) <= seconds * 1e6
        assert len({request.connection for request in server.requests}) <= 4
        spans = sorted(request.span or (0, 0) for request in server.requests)
        assert spans == sorted(2 * [(start, start + 1000) for start in range(0, 100_000, 1000)])


def test_large_bodies_are_received_whole(transport: Transport) -> None:
    with RawServer(serve, **transport.server) as server:
        limit = loop(server, transport, [(WHOLE, False, True, 0, len(DATA))])
        assert limit.run()[2] == [200]


def test_what_is_sent_has_its_length(transport: Transport) -> None:
    received = []

    def keep(request: Request, line: Line) -> None:
        received.append(len(line.body()))
        line.send(reply_to(request).text())

    head = b"PUT /bucket/key HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n"
    with RawServer(keep, **transport.server) as server:
        assert loop(server, transport, [(head, True, True, 0, 3_000_000)]).run()[2] == [200]
    assert received == [3_000_000]


def test_bodies_that_are_dropped(transport: Transport) -> None:
    def answer(request: Request, line: Line) -> None:
        reply = reply_to(request)
        if request.index == 1:
            body = chunked(reply.body, 7000)
            line.send(reply.text(body, content_length=None, transfer_encoding="chunked"))
        else:
            line.send(reply.text())

    head = b"HEAD /bucket/key HTTP/1.1\r\nHost: h\r\n\r\n"
    calls: list[Call] = [
        (WHOLE, False, True, 0, 0),
        (WHOLE, False, True, 0, 0),
        (head, False, False, 0, 0),
    ]
    with RawServer(answer, **transport.server) as server:
        assert loop(server, transport, calls).run()[2] == [200, 200, 200]
        assert {request.connection for request in server.requests} == {0}


def test_refusals_are_statuses() -> None:
    def refuse(request: Request, line: Line) -> None:
        line.send(refusal(404, "NoSuchKey").text())

    with RawServer(refuse) as server:
        assert loop(server, Transport(), [get(0, 100)] * 2).run()[2] == [404, 404]
        assert len(server.requests) == 2


@pytest.mark.parametrize("spoiled", ["length", "short", "nonsense", "closed"])
def test_an_answer_that_makes_no_sense_fails_its_request_only(spoiled: str) -> None:
    def answer(request: Request, line: Line) -> None:
        text = reply_to(request).text()
        if request.index:
            line.send(text)
        elif spoiled == "length":
            line.send(reply_to(request).text(content_length="99"))
        elif spoiled == "short":
            line.send(text[:-10])
            line.end()
        elif spoiled == "nonsense":
            line.send(b"SSH-2.0-OpenSSH\r\n\r\n")
        else:
            line.close()

    with RawServer(answer) as server:
        assert loop(server, Transport(), [get(0, 100)] * 3).run()[2] == [0, 206, 206]


def test_a_connection_that_the_server_ended_is_opened_again() -> None:
    def answer(request: Request, line: Line) -> None:
        line.send(reply_to(request).text(connection="close"))
        line.end()

    with RawServer(answer) as server:
        limit = loop(server, Transport(), [get(0, 100)] * 3)
        assert limit.run()[2] == [206] * 3
        assert len({request.connection for request in server.requests}) == 3


def test_nobody_there() -> None:
    with RawServer(serve) as server:
        limit = loop(server, Transport(), [get(0, 100)])
    assert limit.run()[2] == [0]


def test_a_ca_bundle_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match="/nowhere"):
        _core.LimitLoop("127.0.0.1", 1, True, "/nowhere", 1, [])


def test_an_unknown_authority_is_not_trusted(transport: Transport) -> None:
    if not transport.server:
        pytest.skip("there is none without TLS")
    with RawServer(serve, **transport.server) as server:
        assert loop(server, Transport(), [get(0, 100)]).run()[2] == [0]

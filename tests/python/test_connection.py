"""The connections that objects' bytes travel on: HTTP as servers may speak it."""

from __future__ import annotations

import gc
import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import s3native
from content import content
from raw_object import (
    DATA,
    ETAG,
    PART,
    RANGE,
    SIZE,
    URL,
    Transport,
    connect,
    eventually,
    refusal,
    reply_to,
    serve,
    within,
)
from raw_server import Line, RawServer, Request, chunked, pieces, response

# ---- responses in pieces ----


def test_a_response_split_at_every_place() -> None:
    data = b"twenty bytes of body"

    def answer(request: Request, line: Line) -> None:
        text = reply_to(request, data).text()
        line.send(text[: request.index], text[request.index :], pause=0.001)

    with RawServer(answer) as server:
        client = connect(server)
        length = len(reply_to(Request("GET", "/", {"range": "bytes=0-99"}, 0, 0), data).text())
        for _ in range(length + 1):
            assert bytes(client.get(URL, range=(0, 100))) == data
        assert server.connections == 1


def test_a_head_byte_by_byte(transport: Transport) -> None:
    def answer(request: Request, line: Line) -> None:
        text = reply_to(request).text()
        line.send(*pieces(text, [1] * (len(text) - 99_999)), pause=0.0003)

    with RawServer(answer, **transport.server) as server:
        got = connect(server, **transport.client).get(URL, range=(0, 100_000))
    assert bytes(got) == DATA[:100_000]


@pytest.mark.parametrize("largest", [3, 100, 20_000])
def test_a_body_in_dribbles(transport: Transport, largest: int) -> None:
    chance = random.Random(largest)
    wanted = min(SIZE, 1000 * largest)

    def answer(request: Request, line: Line) -> None:
        text = reply_to(request).text()
        line.send(*pieces(text, (chance.randint(1, largest) for _ in text)), pause=0.0001)

    with RawServer(answer, **transport.server) as server:
        client = connect(server, part_size=1 << 20, **transport.client)
        assert bytes(client.get(URL, range=(0, wanted))) == DATA[:wanted]


def test_a_long_body_in_dribbles(transport: Transport) -> None:
    """Long enough that the socket wakes up the client for many bytes at once only."""
    data = content(3_000_000)

    def answer(request: Request, line: Line) -> None:
        text = reply_to(request, data).text()
        line.send(*pieces(text, [50_000] * 100), pause=0.001)

    with RawServer(answer, **transport.server) as server:
        client = connect(server, part_size=4 << 20, **transport.client)
        received = bytearray(len(data))
        for _ in range(3):
            assert client.get_into(URL, received) == len(data)
            assert received == data


@pytest.mark.parametrize("size", [*range(8180, 8205), 16_384, 16_385, 50_000, 200_000])
def test_heads_around_the_size_of_the_buffer(size: int) -> None:
    def answer(request: Request, line: Line) -> None:
        reply = reply_to(request)
        length = len(reply.text(x_pad="")) - len(reply.body)
        line.send(reply.text(x_pad="x" * (size - length)))

    with RawServer(answer) as server:
        client = connect(server)
        for wanted in ((0, 10), (5, 60_000)):
            assert bytes(client.get(URL, range=wanted)) == DATA[slice(*wanted)]
        assert server.connections == 1


def test_a_head_without_end_is_refused() -> None:
    def answer(request: Request, line: Line) -> None:
        line.send(b"HTTP/1.1 206 Partial Content\r\n")
        while True:
            line.send(b"X-Pad: " + b"x" * 1000 + b"\r\n")

    with RawServer(answer) as server, pytest.raises(s3native.IntegrityError):
        connect(server).get(URL, range=(0, 100))


@pytest.mark.parametrize("pause", [None, 0.0003])
def test_interim_responses(pause: float | None) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

    def answer(request: Request, line: Line) -> None:
        body = line.body()
        assert body == (b"body" if request.method == "PUT" else b"")
        text = interim + reply_to(request).text()
        line.send(*pieces(text, [1] * 400 if pause else []), pause=pause or 0)

    with RawServer(answer) as server:
        client = connect(server)
        assert bytes(client.get(URL, range=(5, 50_000))) == DATA[5:50_000]
        assert client.put(URL, b"body").etag == ETAG
        assert server.connections == 1


@pytest.mark.parametrize("chunk", [1, 1000, 7919, 1 << 20])
def test_an_object_in_chunks(chunk: int) -> None:
    def answer(request: Request, line: Line) -> None:
        reply = reply_to(request)
        body = chunked(reply.body, chunk)
        line.send(reply.text(body, content_length=None, transfer_encoding="chunked"))

    with RawServer(answer) as server:
        client = connect(server)
        for wanted in ((0, 10_000), (777, 10_777)):
            assert bytes(client.get(URL, range=wanted)) == DATA[slice(*wanted)]
        assert server.connections == 1


# ---- error documents ----

REFUSALS = [
    (403, "AccessDenied", s3native.AccessDeniedError),
    (404, "NoSuchKey", s3native.NotFoundError),
    (412, "PreconditionFailed", s3native.PreconditionFailedError),
    (416, "InvalidRange", s3native.RangeError),
]


@pytest.mark.parametrize(("status", "code", "expected"), REFUSALS)
@pytest.mark.parametrize(
    ("chunk", "options"),
    [
        (1 << 20, {}),
        (1, {}),
        (50, {"extension": ";name=value"}),
        (50, {"trailer": "X-Trailer: value\r\n"}),
    ],
    ids="one-chunk one-byte-chunks extensions trailers".split(),
)
@pytest.mark.parametrize("step", [1, 1 << 20], ids=["byte-by-byte", "at-once"])
def test_error_documents_in_chunks(
    status: int,
    code: str,
    expected: type[s3native.S3Error],
    chunk: int,
    options: dict[str, str],
    step: int,
) -> None:
    def answer(request: Request, line: Line) -> None:
        reply = refusal(status, code)
        body = chunked(reply.body, chunk, **options)
        text = reply.text(body, content_length=None, transfer_encoding="chunked")
        line.send(*pieces(text, [step] * len(text)), pause=0.00001)

    with RawServer(answer) as server:
        client = connect(server, max_attempts=5)
        for _ in range(2):
            with pytest.raises(expected) as caught:
                client.get(URL, range=(5, 100))
            error = caught.value
            assert type(error) is expected
            assert (error.http_status, error.s3_code) == (status, code)
            assert error.request_id == "REQUEST-1"
            assert (error.attempts, error.retryable) == (1, False)
        assert len(server.requests) == 2  # these answers are final
        assert server.connections == 1  # and cost no connection


def test_the_request_id_of_the_document() -> None:
    def answer(request: Request, line: Line) -> None:
        line.send(refusal(404, "NoSuchKey").text(x_amz_request_id=None))

    with RawServer(answer) as server, pytest.raises(s3native.NotFoundError) as caught:
        connect(server).get(URL, range=(0, 100))
    assert caught.value.request_id == "REQUEST-1"


@pytest.mark.parametrize("size", [0, 60_000, 100_000, 1_000_000])
def test_refusals_of_any_size(size: int) -> None:
    def answer(request: Request, line: Line) -> None:
        line.body()
        line.send(response(403, b"x" * size))

    with RawServer(answer) as server:
        client = connect(server)
        for call in (client.get, lambda url: client.put(url, b"")):
            with pytest.raises(s3native.AccessDeniedError) as caught:
                call(URL)
            assert caught.value.http_status == 403


def test_a_refusal_that_is_cut_short() -> None:
    def answer(request: Request, line: Line) -> None:
        line.send(refusal(404, "NoSuchKey").text()[:-20])
        line.end()

    with RawServer(answer) as server, pytest.raises(s3native.NotFoundError) as caught:
        connect(server).get(URL, range=(0, 100))
    assert caught.value.http_status == 404


def test_an_empty_object_of_which_a_range_is_refused() -> None:
    def answer(request: Request, line: Line) -> None:
        if request.span is None:
            return line.send(reply_to(request, b"").text())
        reply = refusal(416, "InvalidRange")
        changes = {"content_length": None, "transfer_encoding": "chunked"}
        return line.send(reply.text(chunked(reply.body), **changes))

    with RawServer(answer) as server:
        assert len(connect(server).get(URL)) == 0
        assert len(connect(server).get(URL, range=(0, 10))) == 0


# ---- connections that last, and those that do not ----


def test_gets_and_puts_share_one_connection(transport: Transport) -> None:
    stored = {f"/bucket/{i}": content(i * 997, seed=i) for i in range(1, 40)}

    def answer(request: Request, line: Line) -> None:
        if request.method == "PUT":
            assert line.body() == stored[request.target]
        line.send(reply_to(request, stored[request.target]).text())

    with RawServer(answer, **transport.server) as server:
        client = connect(server, **transport.client)
        for path, data in stored.items():
            client.put(f"s3:/{path}", data)
            assert bytes(client.get(f"s3:/{path}", range=(0, len(data)))) == data
        assert server.connections == 1
        assert len(server.requests) == 2 * len(stored)


def test_a_connection_closed_while_idle_is_replaced(transport: Transport) -> None:
    def answer(request: Request, line: Line) -> None:
        serve(request, line)
        line.wait(0.02)
        line.close()

    with RawServer(answer, **transport.server) as server:
        client = connect(server, **transport.client)
        retries = client.stats()["retries"]
        for i in range(1, 6):
            assert bytes(client.get(URL, range=(i, 100))) == DATA[i:100]
            assert eventually(lambda: server.open_connections == 0)
            time.sleep(0.05)
        assert server.connections == 5
        assert client.stats()["retries"] == retries


def test_a_connection_that_closes_as_the_next_request_comes(transport: Transport) -> None:
    """Nobody's fault, and never seen by the caller."""

    def answer(request: Request, line: Line) -> None:
        serve(request, line)
        line.close()

    with RawServer(answer, **transport.server) as server:
        client = connect(server, max_attempts=3, **transport.client)
        for i in range(30):
            assert bytes(client.get(URL, range=(i, 100))) == DATA[i:100]


@pytest.mark.parametrize("linger", [0.0, 0.05], ids=["closed-at-once", "closed-later"])
@pytest.mark.parametrize("method", ["get", "put"])
def test_connection_close(transport: Transport, method: str, linger: float) -> None:
    def answer(request: Request, line: Line) -> None:
        line.body()
        line.send(reply_to(request).text(connection="close"))
        line.wait(linger)
        line.close()

    with RawServer(answer, **transport.server) as server:
        client = connect(server, **transport.client)
        for i in range(10):
            if method == "get":
                assert bytes(client.get(URL, range=(i, 60_000))) == DATA[i:60_000]
            else:
                assert client.put(URL, DATA[:60_000]).etag == ETAG
        assert server.connections == 10


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize(
    ("value", "lasts"),
    [
        (None, None),
        ("keep-alive", True),
        ("Keep-Alive", True),
        ("te, keep-alive", True),
        ("close", False),
        ("CLOSE", False),
        ("te, close", False),
        ("keep-alive, close", False),
    ],
)
def test_who_says_whether_a_connection_lasts(
    version: str, value: str | None, lasts: bool | None
) -> None:
    if lasts is None:
        lasts = version == "1.1"

    def answer(request: Request, line: Line) -> None:
        reply = reply_to(request)
        line.send(response(reply.status, reply.body, version, **reply.headers, connection=value))
        if not lasts:
            line.wait_for_end()  # what is asked now gets no answer

    with RawServer(answer) as server:
        client = connect(server, stall_timeout_s=1)
        for i in range(3):
            assert bytes(client.get(URL, range=(i, 60_000))) == DATA[i:60_000]
        assert server.connections == (1 if lasts else 3)


def test_an_http_1_0_answer_that_ends_with_its_connection_is_no_answer() -> None:
    """Its end cannot be told from a connection that broke."""

    def answer(request: Request, line: Line) -> None:
        reply = reply_to(request)
        line.send(response(206, reply.body, "1.0", **reply.headers, content_length=None))
        line.end()

    with RawServer(answer) as server, pytest.raises(s3native.IntegrityError):
        connect(server).get(URL, range=RANGE)


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_connections_than_allowed(limit: int) -> None:
    def answer(request: Request, line: Line) -> None:
        line.wait(0.005)
        serve(request, line)

    with RawServer(answer) as server:
        client = connect(server, max_connections=limit, part_size=PART // 16)
        assert bytes(client.get(URL, range=(0, SIZE))) == DATA
        assert server.connections == limit
        received = bytearray(SIZE)
        assert client.get_into(URL, received, range=(0, SIZE)) == SIZE
        assert received == DATA
        with ThreadPoolExecutor(8) as threads:
            spans = [(i * 1000, i * 1000 + 999) for i in range(100)]
            for (start, end), got in zip(
                spans,
                threads.map(lambda span: bytes(client.get(URL, range=span)), spans),
                strict=True,
            ):
                assert got == DATA[start:end]
        assert server.connections == limit


def test_small_requests_may_have_more_connections() -> None:
    together = threading.Barrier(40)

    def answer(request: Request, line: Line) -> None:
        if request.headers["range"] == "bytes=0-99":
            together.wait(10)
        serve(request, line)

    with RawServer(answer) as server:
        client = connect(server, part_size=PART // 16)
        with ThreadPoolExecutor(40) as threads:
            for got in threads.map(lambda _: bytes(client.get(URL, range=(0, 100))), range(40)):
                assert got == DATA[:100]
        assert server.connections == 40


def test_many_connections_that_each_serve_once() -> None:
    def answer(request: Request, line: Line) -> None:
        line.send(reply_to(request).text(connection="close"))
        line.close()

    with RawServer(answer) as server:
        client = connect(server, max_connections=4, part_size=PART // 16)
        assert bytes(client.get(URL, range=(0, SIZE))) == DATA
        assert len(server.requests) == -(-SIZE // (PART // 16))
        # Another connection may have taken what one was opened for.
        assert 0 <= server.connections - len(server.requests) <= 4


def test_a_server_that_goes_away_while_requests_wait() -> None:
    def answer(request: Request, line: Line) -> None:
        if request.index == 10:
            server.refuse()
        if request.index >= 10:
            return line.reset()
        return serve(request, line)

    def read(i: int) -> bool:
        try:
            assert bytes(client.get(URL, range=(i, 1000))) == DATA[i:1000]
            return True
        except s3native.ConnectionFailedError:
            return False

    with RawServer(answer) as server:
        client = connect(server, max_connections=2)
        with within(5), ThreadPoolExecutor(30) as threads:
            assert sum(threads.map(read, range(60))) == 10


def test_idle_connections_end_with_their_client(transport: Transport) -> None:
    with RawServer(serve, **transport.server) as server:
        client = connect(server, **transport.client)
        assert bytes(client.get(URL, range=RANGE)) == DATA[slice(*RANGE)]
        assert server.open_connections >= 1
        del client
        gc.collect()
        assert eventually(lambda: server.open_connections == 0)


# ---- names and addresses ----


def resolves(name: str) -> bool:
    try:
        return any(found[4][0] == "127.0.0.1" for found in socket.getaddrinfo(name, 80))
    except OSError:
        return False


def check_virtual_host(server: RawServer, client: s3native.Client, bucket: str, host: str) -> None:
    assert bytes(client.get(f"s3://{bucket}/a/key", range=RANGE)) == DATA[slice(*RANGE)]
    assert client.put(f"s3://{bucket}/a/key", b"body").etag == ETAG
    assert len(server.requests) >= 2
    for request in server.requests:
        assert request.target == "/a/key"
        assert request.headers["host"] == f"{host}:{server.port}"


def test_virtual_hosts() -> None:
    if not resolves("bucket.localhost"):
        pytest.skip("bucket.localhost does not resolve on this machine")
    with RawServer(serve) as server:
        endpoint = f"http://localhost:{server.port}"
        client = connect(server, endpoint=endpoint, addressing="virtual")
        check_virtual_host(server, client, "bucket", "bucket.localhost")


def test_virtual_hosts_without_names() -> None:
    """Bucket and endpoint together make an address, which every machine resolves."""
    with RawServer(serve) as server:
        client = connect(server, endpoint=f"http://0.1:{server.port}", addressing="virtual")
        check_virtual_host(server, client, "127.0", "127.0.0.1")


def test_buckets_have_connections_of_their_own_only_as_hosts() -> None:
    with RawServer(serve) as server:
        client = connect(server)
        for bucket in ("one", "two"):
            assert bytes(client.get(f"s3://{bucket}/key", range=(0, 10))) == DATA[:10]
        assert server.connections == 1
        assert [request.target for request in server.requests] == ["/one/key", "/two/key"]
        assert {request.headers["host"] for request in server.requests} == {
            f"127.0.0.1:{server.port}"
        }


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_name_with_several_addresses(host: str) -> None:
    """The server listens on one of them."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo("localhost", 80)}
    except OSError:
        found = set()
    if host not in found:
        pytest.skip(f"localhost is not {host} on this machine")
    with RawServer(serve, host=host) as server:
        client = connect(server, endpoint=f"http://localhost:{server.port}")
        assert bytes(client.get(URL, range=RANGE)) == DATA[slice(*RANGE)]
        assert {request.headers["host"] for request in server.requests} == {
            f"localhost:{server.port}"
        }


def test_ipv6() -> None:
    try:
        server = RawServer(serve, host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        client = connect(server)
        assert bytes(client.get(URL, range=RANGE)) == DATA[slice(*RANGE)]
        assert {request.headers["host"] for request in server.requests} == {f"[::1]:{server.port}"}

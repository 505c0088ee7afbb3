"""Through a real HTTP proxy: plain and TLS endpoints, passwords, refusals, and around it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import s3native
from conftest import PART_SIZE
from content import content
from raw_object import DATA, URL, connect, serve
from raw_server import Line, RawServer, Request, response
from s3native.testing.process import SupervisedProcess, free_port

SECRET = "pa:ss%word@"
QUOTED = "pa%3Ass%25word%40"


@contextmanager
def running_proxy(folder: Path, *arguments: str) -> Iterator[str]:
    """The address of a proxy that writes each request it serves into a log."""
    port = free_port()
    log = folder / "proxy.log"
    command = [sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", str(port)]
    command += ["--num-workers", "1", "--num-acceptors", "1", "--log-file", str(log), *arguments]
    process = SupervisedProcess(command, folder)
    try:
        process.wait_ready(lambda: log.exists() and "Loaded plugin" in log.read_text(), 30)
        time.sleep(0.5)  # it listens after that line
        yield f"127.0.0.1:{port}"
    finally:
        process.stop()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_proxy(tmp_path_factory.mktemp("proxy")) as address:
        yield address


@pytest.fixture(scope="module")
def strict_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("proxy")
    with running_proxy(folder, "--basic-auth", f"user:{SECRET}") as address:
        yield address


@pytest.fixture(params=["plain", "tls"])
def behind(request: pytest.FixtureRequest, server: Any, tls_server: Any) -> Any:
    """The server behind the proxy."""
    return server if request.param == "plain" else tls_server


def round_trip(client: s3native.Client, bucket: str) -> None:
    for size in (0, 1000, 3 * PART_SIZE + 7):
        data = content(size)
        client.put(f"s3://{bucket}/a b/{size}", data)
        assert bytes(client.get(f"s3://{bucket}/a b/{size}")) == data
        assert client.head(f"s3://{bucket}/a b/{size}").size == size
    [page] = client.list(f"s3://{bucket}/")
    assert len(page.objects) == 3
    assert client.delete_many(o.url for o in page.objects) == []


def test_round_trips(proxy: str, behind: Any) -> None:
    client = s3native.Client(**behind.client_options(), proxy=proxy, part_size=PART_SIZE)
    client.create_bucket("proxied")
    try:
        round_trip(client, "proxied")
    finally:
        client.delete_bucket("proxied")


def test_passwords(strict_proxy: str, behind: Any) -> None:
    options = behind.client_options() | {"max_attempts": 1}
    client = s3native.Client(**options, proxy=f"http://user:{QUOTED}@{strict_proxy}")
    client.create_bucket("proxied")
    try:
        round_trip(client, "proxied")
    finally:
        client.delete_bucket("proxied")
    for address in (strict_proxy, f"user:wrong@{strict_proxy}"):
        with pytest.raises(s3native.ConnectionFailedError, match="proxy") as caught:
            s3native.Client(**options, proxy=address).list_buckets()
        assert not caught.value.retryable
        assert "wrong" not in str(caught.value)


def test_from_the_environment(
    strict_proxy: str, behind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = behind.client_options() | {"max_attempts": 1}
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://{strict_proxy}")
    with pytest.raises(s3native.ConnectionFailedError, match="proxy"):
        s3native.Client(**options).list_buckets()
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.0/8")
    s3native.Client(**options).list_buckets()


def test_tls_to_the_proxy_is_refused() -> None:
    with pytest.raises(ValueError, match="http://"):
        s3native.Client(endpoint="http://example.com", proxy="https://proxy:1")


def test_what_a_proxy_is_asked_for() -> None:
    def answer(request: Request, line: Line) -> None:
        assert request.target == "http://example.com:9000/bucket/key"
        assert request.headers["host"] == "example.com:9000"
        assert request.headers["proxy-authorization"] == "Basic dXNlcjpwYXNzd29yZA=="
        assert "proxy-authorization" not in request.headers["authorization"]
        serve(request, line)

    with RawServer(answer) as proxy:
        address = f"user:password@127.0.0.1:{proxy.port}"
        client = connect(proxy, endpoint="http://example.com:9000", proxy=address)
        assert bytes(client.get(URL)) == DATA
        assert client.head(URL).size == len(DATA)


TUNNELS = {
    "407": (response(407, b"<html>who?</html>"), False),
    "403": (response(403), False),
    "502": (response(502, b"<html>no route</html>"), True),
    "garbage": (b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", True),
    "bytes-behind": (response(200, content_length=None) + b"surplus", True),
    "half-a-head": (b"HTTP/1.1 200 Connection esta", True),
    "endless-head": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, True),
    "nothing": (b"", True),
}


@pytest.mark.parametrize(("text", "retryable"), TUNNELS.values(), ids=TUNNELS)
def test_a_tunnel_that_is_none(text: bytes, retryable: bool) -> None:
    def answer(request: Request, line: Line) -> None:
        assert (request.method, request.target) == ("CONNECT", "example.com:443")
        line.send(text)
        line.end()

    with RawServer(answer) as proxy:
        options = {"endpoint": "https://example.com", "proxy": f"127.0.0.1:{proxy.port}"}
        with pytest.raises((s3native.ConnectionFailedError, s3native.IntegrityError)) as caught:
            connect(proxy, **options).get(URL)
        assert caught.value.retryable == retryable
        with pytest.raises((s3native.ConnectionFailedError, s3native.IntegrityError)) as caught:
            connect(proxy, max_attempts=2, **options).get(URL)
        assert caught.value.attempts == (2 if retryable else 1)


def test_a_tunnel_that_stalls() -> None:
    with RawServer(lambda request, line: line.wait(30)) as proxy:
        address = f"127.0.0.1:{proxy.port}"
        client = connect(proxy, endpoint="https://example.com", proxy=address, stall_timeout_s=1)
        with pytest.raises(s3native.RequestTimeoutError):
            client.get(URL)

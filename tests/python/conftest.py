"""Servers, clients and buckets for the tests; nothing of the user's AWS settings reaches them."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import s3native
from raw_object import Transport
from s3native.testing import MinioServer
from s3native.testing.certificates import Certificates, make_certificates
from throttle import ThrottlingProxy

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "server"))

from nginx import nginx_program
from servers import ListServer, NginxServer, SinkServer

pytest_plugins = ["s3native.testing.pytest_plugin"]

PART_SIZE = 5 << 20  # S3's smallest: multipart at little cost


@pytest.fixture(scope="session", autouse=True)
def _clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the user's credentials, endpoints and proxies."""
    nowhere = tmp_path_factory.mktemp("aws")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AWS_", "S3_")) or name.lower().endswith("_proxy"):
                patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", str(nowhere / "config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "credentials"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(autouse=True)
def _memory_as_before() -> Iterator[None]:
    """Undo what a test's clients ask for in the name of the whole process."""
    before = s3native._core.stats()["memory_limit"]
    yield
    if s3native._core.stats()["memory_limit"] != before:
        s3native.Client(memory_limit=before)


@pytest.fixture
def pageable_afterwards() -> Iterator[None]:
    """For tests that pin memory, which they do in the name of the whole process, too."""
    yield
    s3native.Client(pin_memory="none")


@pytest.fixture(scope="session")
def server(s3native_server: MinioServer) -> MinioServer:
    """The session's MinIO."""
    return s3native_server


@pytest.fixture(scope="session")
def tls_server() -> Iterator[MinioServer]:
    """A second MinIO, over https."""
    with MinioServer(tls=True) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: MinioServer) -> s3native.Client:
    """A client whose parts are small, so that multipart transfers are cheap to test."""
    return s3native.Client(**server.client_options(), part_size=PART_SIZE)


@pytest.fixture
def bucket(s3native_bucket: str) -> str:
    """A bucket for one test, emptied and deleted afterwards."""
    return s3native_bucket


@pytest.fixture(scope="session")
def boto(server: MinioServer) -> Any:
    """boto3's client of the session's MinIO: the second opinion."""
    boto3 = pytest.importorskip("boto3")
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
    )


@pytest.fixture
def environment(server: MinioServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The process environment points at the session's MinIO."""
    variables = server.environment()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3native, "_default", None)
    return variables


@pytest.fixture
def slow_line(server: MinioServer) -> Iterator[ThrottlingProxy]:
    """A line of 4 MB/s to the session's MinIO."""
    with ThrottlingProxy(server.endpoint, bytes_per_second=4_000_000) as line:
        yield line


@pytest.fixture
def slow(server: MinioServer, slow_line: ThrottlingProxy) -> s3native.Client:
    """A client at the end of the slow line."""
    options = server.client_options() | {"endpoint": slow_line.endpoint, "max_connections": 2}
    return s3native.Client(**options, part_size=PART_SIZE)


@pytest.fixture(scope="session")
def nginx_server() -> Iterator[NginxServer]:
    """nginx with objects as files; skipped where it is not installed, except in CI."""
    if nginx_program() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have nginx installed")
        pytest.skip("nginx is not installed")
    with NginxServer() as running:
        yield running


@pytest.fixture(scope="session")
def list_server() -> Iterator[ListServer]:
    """A server that lists generated keys."""
    with ListServer() as running:
        yield running


@pytest.fixture(scope="session")
def sink_server() -> Iterator[SinkServer]:
    """A server that counts and discards what is uploaded."""
    with SinkServer() as running:
        yield running


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """What a TLS server of the tests shows, and its clients trust."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=["plain", "tls"])
def transport(request: pytest.FixtureRequest) -> Transport:
    """A `RawServer` and its clients: once plain, once with TLS."""
    if request.param == "plain":
        return Transport()
    return Transport.tls(request.getfixturevalue("certificates"))


@pytest.fixture
def settled() -> Iterator[Callable[[], None]]:
    """A function that waits until the engine holds no more memory than before the test."""
    gc.collect()
    before = _memory_held()

    def check() -> None:
        deadline = time.monotonic() + 5
        while True:
            gc.collect()
            now = _memory_held()
            if all(now[name] <= before[name] for name in now):
                return
            assert time.monotonic() < deadline, f"still held: {now}, before the test: {before}"
            time.sleep(0.02)

    yield check
    check()


def _memory_held() -> dict[str, int]:
    stats = s3native._core.stats()
    return {name: stats[name] for name in ("pool_in_use", "memory_reserved")}

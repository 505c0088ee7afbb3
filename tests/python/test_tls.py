"""TLS: verified against the given authority, refused otherwise, unless told not to look."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import s3native
from conftest import PART_SIZE
from content import content
from raw_object import Transport, connect
from raw_server import Line, RawServer, Request, response
from s3native.testing.certificates import make_certificates


@pytest.fixture(scope="module")
def secure(tls_server: Any) -> s3native.Client:
    client = s3native.Client(**tls_server.client_options(), part_size=PART_SIZE)
    client.create_bucket("bucket")
    return client


def without_bundle(tls_server: Any, **options: Any) -> s3native.Client:
    given = tls_server.client_options() | {"max_attempts": 1} | options
    if "ca_bundle" not in options:
        del given["ca_bundle"]
    return s3native.Client(**given)


def stored(request: Request, line: Line) -> None:
    line.send(response(200, b"data", etag='"etag"'))


@pytest.mark.parametrize("size", [0, 10, 3 * PART_SIZE + 7])
def test_round_trip(secure: s3native.Client, size: int) -> None:
    data = content(size)
    secure.put("s3://bucket/object", data)
    assert bytes(secure.get("s3://bucket/object")) == data
    received = bytearray(size)
    assert secure.get_into("s3://bucket/object", received) == size
    assert received == data


def test_bundle_from_the_environment(
    secure: s3native.Client, tls_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", tls_server.ca_bundle)
    client = without_bundle(tls_server)
    assert client.config.sources["ca_bundle"] == "environment AWS_CA_BUNDLE"
    client.put("s3://bucket/object", b"data")


def test_unknown_authority_is_refused(secure: s3native.Client, tls_server: Any) -> None:
    with pytest.raises(s3native.ConnectionFailedError, match="AWS_CA_BUNDLE") as caught:
        without_bundle(tls_server).head("s3://bucket/object")
    assert not caught.value.retryable


def test_another_authority_is_refused(
    secure: s3native.Client, tls_server: Any, tmp_path: Path
) -> None:
    other = make_certificates(tmp_path / "other")
    client = without_bundle(tls_server, ca_bundle=str(other.ca_bundle))
    with pytest.raises(s3native.ConnectionFailedError):
        client.get("s3://bucket/object")


@pytest.mark.parametrize("names", [["localhost"], ["127.0.0.2"], ["s3.example", "*.s3.example"]])
def test_a_certificate_of_another_host_is_refused(tmp_path: Path, names: list[str]) -> None:
    tls = Transport.tls(make_certificates(tmp_path / "certs", names))
    with RawServer(stored, **tls.server) as server:
        with connect(server, **tls.client) as client:
            with pytest.raises(s3native.ConnectionFailedError, match="host name") as caught:
                client.get("s3://bucket/object")
            with pytest.raises(s3native.ConnectionFailedError):
                client.put("s3://bucket/object", b"data")
        assert not caught.value.retryable
        assert server.requests == []
        with connect(server, verify_ssl=False) as client:
            assert bytes(client.get("s3://bucket/object")) == b"data"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_1_1_is_refused(tmp_path: Path) -> None:
    tls = Transport.tls(make_certificates(tmp_path / "certs"))
    context = tls.server["tls"]
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with RawServer(stored, **tls.server) as server:
        for trust in (tls.client, {"verify_ssl": False}):
            with (
                connect(server, **trust) as client,
                pytest.raises(s3native.ConnectionFailedError),
            ):
                client.get("s3://bucket/object")
        assert server.requests == []


def test_verification_can_be_switched_off(
    secure: s3native.Client, tls_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    secure.put("s3://bucket/object", b"data")
    assert bytes(without_bundle(tls_server, verify_ssl=False).get("s3://bucket/object")) == b"data"
    monkeypatch.setenv("S3_VERIFY_SSL", "0")
    assert bytes(without_bundle(tls_server).get("s3://bucket/object")) == b"data"


def test_plain_http_to_a_tls_server(secure: s3native.Client, tls_server: Any) -> None:
    endpoint = tls_server.endpoint.replace("https://", "http://")
    with pytest.raises(s3native.S3Error):
        without_bundle(tls_server, endpoint=endpoint).head("s3://bucket/object")


def test_tls_to_a_plain_server(server: Any, tls_server: Any) -> None:
    endpoint = server.endpoint.replace("http://", "https://")
    with pytest.raises(s3native.ConnectionFailedError):
        without_bundle(tls_server, endpoint=endpoint).head("s3://bucket/object")


def test_tls_1_3(nginx_server: Any) -> None:
    expected = content(2 * PART_SIZE, seed=5)
    nginx_server.write("bucket", "tls-object", expected)
    client = s3native.Client(
        endpoint=nginx_server.tls_endpoint,
        ca_bundle=nginx_server.ca_bundle,
        credentials="anonymous",
        part_size=PART_SIZE,
    )
    assert bytes(client.get("s3://bucket/tls-object")) == expected


def test_bundles_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "text.pem").write_text("no certificate\n")
    for name in ("empty.pem", "text.pem", "missing.pem"):
        with pytest.raises(ValueError, match=f"CA bundle.*{name}"):
            s3native.Client(endpoint="https://127.0.0.1:1", ca_bundle=str(tmp_path / name))

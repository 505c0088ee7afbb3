"""pytest fixtures: a real S3 server for the session, a client of it, a bucket for each test."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import s3native
    from s3native.testing import MinioServer


@pytest.fixture(scope="session")
def s3native_server() -> Iterator[MinioServer]:
    """Run one `MinioServer` for the whole session (one per worker under pytest-xdist)."""
    from s3native.testing import MinioServer

    with MinioServer() as server:
        yield server


@pytest.fixture(scope="session")
def s3native_client(s3native_server: MinioServer) -> s3native.Client:
    """Return a client of the session's server."""
    import s3native

    return s3native.Client(**s3native_server.client_options())


@pytest.fixture
def s3native_bucket(s3native_client: s3native.Client) -> Iterator[str]:
    """Make a bucket for one test and yield its name; it is emptied and deleted afterwards."""
    name = f"test-{secrets.token_hex(8)}"
    s3native_client.create_bucket(name)
    yield name
    for page in s3native_client.list(f"s3://{name}/"):
        s3native_client.delete_many([f"s3://{name}/{entry.key}" for entry in page.objects])
    s3native_client.delete_bucket(name)

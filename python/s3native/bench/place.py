"""Where a benchmark runs: the target, and the objects it needs there, which are removed again."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import secrets
import time
from collections.abc import Iterator

import s3native
from s3native.bench import content
from s3native.bench.memory import data_folder
from s3native.bench.protocol import Target
from s3native.bench.states import stored
from s3native.bench.workloads import Workload
from s3native.testing import MINIO, MinioServer, ProgramNotFoundError
from s3native.transfer.places import S3Place
from s3native.transfer.threads import map_in_threads

_UPLOADS_AT_ONCE = 16
_LARGE = 8 << 20
_SETTLE_SECONDS = 1.0
"""A server may carry out requests that were cancelled, somewhat later."""


class Place:
    """A prefix of a bucket, of which everything is removed at the end.

    It makes the objects with `client`, which is none of those that are measured.
    """

    def __init__(self, client: s3native.Client, target: Target, prefix: str, server: str) -> None:
        self.target = target
        self.prefix = prefix
        self.server = server
        self._client = client
        self._there: set[str] = set()

    def keys(self, workload: Workload, seed: int) -> list[str]:
        """Return a workload's keys, after their objects were put where it needs any."""
        folder = f"{self.prefix}{workload.name}-{workload.stored_size}"
        keys = [
            f"{folder}/{number:07}" for number in range(workload.stored_objects or workload.count)
        ]
        wanted = enumerate(keys[: workload.stored_objects])
        missing = [(number, key) for number, key in wanted if key not in self._there]
        if missing:
            self.put(missing, stored(workload.stored_as, workload.stored_size, seed))
            self._there.update(key for _, key in missing)
        return keys

    def put(self, keys: list[tuple[int, str]], data: content.Array) -> None:
        """Upload objects to keys, with the numbers that their bytes go by."""

        def put(numbered: tuple[int, str]) -> None:
            number, key = numbered
            self._client.put(self.target.url(key), content.numbered(data, number))

        map_in_threads(put, keys, 1 if len(data) > _LARGE else _UPLOADS_AT_ONCE)

    def digest(self, key: str) -> str:
        """Return the SHA-256 of an object."""
        total = hashlib.sha256()
        with self._client.open(self.target.url(key), access="sequential") as file:
            while piece := file.readview(_LARGE):
                total.update(piece)
        return total.hexdigest()

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._client.delete(self.target.url(key))

    def clear(self) -> bool:
        """Remove all below the prefix, uploads that were not completed as well; raises S3Error.

        Returns whether there was an object.
        """
        url, found = self.target.url(self.prefix), False
        while urls := [info.url for page in self._client.list(url) for info in page.objects]:
            found = True
            for _, error in self._client.delete_many(urls):
                raise error
        # Whatever the server's clock says.
        self._client.abort_stale_uploads(url, older_than=datetime.timedelta(days=-1))
        return found


@contextlib.contextmanager
def embedded(data_size: int, *, tls: bool) -> Iterator[Place]:
    """A MinIO of this process, with its data in memory if that has room for it."""
    try:
        MINIO.find()
    except ProgramNotFoundError:
        MINIO.install()
    with (
        MinioServer(tls=tls, folder=data_folder(data_size)) as server,
        s3native.Client(**server.client_options()) as client,
    ):
        client.create_bucket("bench")
        target = Target(
            server.endpoint,
            "bench",
            server.access_key,
            server.secret_key,
            ca_bundle=server.ca_bundle,
            region=server.region,
        )
        yield Place(client, target, "", _described(tls=tls))


def _described(*, tls: bool) -> str:
    version = MINIO.find().name.partition("-")[2]  # of one that was built for this
    return f"{f'MinIO {version}'.strip()} on this machine{', TLS' if tls else ''}"


@contextlib.contextmanager
def at(where: S3Place, client: s3native.Client) -> Iterator[Place]:
    """A prefix of its own below another; what is made there is removed, whatever happens."""
    config = client.config
    own = where.below(f"s3native-bench-{secrets.token_hex(4)}/")
    target = Target(
        own_endpoint(client),
        own.bucket,
        anonymous=config.credentials == "anonymous",
        ca_bundle=config.ca_bundle or None,
        region=config.region,
        profile=config.profile if config.sources["profile"] == "argument" else None,
    )
    place = Place(client, target, own.key, own_endpoint(client) or f"Amazon S3, {config.region}")
    try:
        yield place
    except BaseException:
        time.sleep(_SETTLE_SECONDS)
        while place.clear():
            time.sleep(_SETTLE_SECONDS)
        raise
    finally:
        place.clear()


def own_endpoint(client: s3native.Client) -> str | None:
    """Return the endpoint that was configured, if one was."""
    config = client.config
    return None if config.sources["custom_endpoint"] == "default" else str(config.endpoint)

"""s3fs: `cat_file` and `pipe_file` for whole objects, files with their default block and cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import s3fs

from s3native.bench.clients import CheckpointFiles, Client

if TYPE_CHECKING:
    from s3native.bench.clients import Array, ReadRange
    from s3native.bench.protocol import Job


class S3fsClient(CheckpointFiles):
    """Listings are not cached: they would keep an object's old size."""

    version = s3fs.__version__

    def __init__(self, job: Job) -> None:
        target = job.target
        config: dict[str, Any] = {"max_pool_connections": max(10, job.in_flight)}
        if target.endpoint:
            config["s3"] = {"addressing_style": "path"}
        self._bucket = target.bucket
        self._fs = s3fs.S3FileSystem(
            anon=target.anonymous,
            key=target.access_key,
            secret=target.secret_key,
            endpoint_url=target.endpoint,
            use_listings_cache=False,
            client_kwargs={"region_name": target.region, "verify": target.ca_bundle},
            config_kwargs=config,
        )

    def get(self, key: str) -> Any:
        return self._fs.cat_file(f"{self._bucket}/{key}")

    def put(self, key: str, data: Any) -> None:
        self._fs.pipe_file(f"{self._bucket}/{key}", bytes(data))

    def list_all(self, prefix: str) -> int:
        found = self._fs.find(f"{self._bucket}/{prefix}", detail=True)
        return sum(1 for entry in found.values() if entry["size"] >= 0)

    def head(self, key: str) -> int:
        size: int = self._fs.info(f"{self._bucket}/{key}", refresh=True)["size"]
        return size

    def delete(self, key: str) -> None:
        self._fs.rm_file(f"{self._bucket}/{key}")

    def range_reader(self, key: str) -> ReadRange:
        path = f"{self._bucket}/{key}"

        def read(offset: int, array: Array) -> None:
            array.data[:] = self._fs.cat_file(path, start=offset, end=offset + array.nbytes)

        return read

    def open_reader(self, key: str) -> Any:
        return self._fs.open(f"{self._bucket}/{key}", "rb")

    def open_writer(self, key: str) -> Any:
        return self._fs.open(f"{self._bucket}/{key}", "wb")


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return S3fsClient(job)

"""s3fs: fsspec's files, with its default block size and cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import s3fs

from clients import Client

if TYPE_CHECKING:
    from protocol import Job


class S3fsClient(Client):
    """Listings are not cached: they would keep an object's old size."""

    version = s3fs.__version__

    def __init__(self, job: Job) -> None:
        target = job.target
        self._bucket = target.bucket
        self._fs = s3fs.S3FileSystem(
            anon=target.access_key is None,
            key=target.access_key,
            secret=target.secret_key,
            endpoint_url=target.endpoint,
            use_listings_cache=False,
            client_kwargs={"region_name": target.region, "verify": target.ca_bundle},
            config_kwargs={"s3": {"addressing_style": "path"}},
        )

    def open_reader(self, key: str) -> Any:
        return self._fs.open(f"{self._bucket}/{key}", "rb")

    def open_writer(self, key: str) -> Any:
        return self._fs.open(f"{self._bucket}/{key}", "wb")


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return S3fsClient(job)

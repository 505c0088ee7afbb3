"""s3dlio: zero-copy `get_into_async` and `put_bytes` for whole objects, else `get_many`."""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from clients import Client

if TYPE_CHECKING:
    from protocol import Job

    from clients import Array, ReadRange, Visit

_BATCH = 1024  # one call returns all its objects together: batches bound the memory


class S3dlioClient(Client):
    """Configured through the environment before its import. Always signs; nginx does not look."""

    version = version("s3dlio")

    def __init__(self, job: Job) -> None:
        target = job.target
        os.environ["AWS_ENDPOINT_URL"] = target.endpoint
        os.environ["AWS_REGION"] = target.region
        os.environ["AWS_ACCESS_KEY_ID"] = target.access_key or "unsigned"
        os.environ["AWS_SECRET_ACCESS_KEY"] = target.secret_key or "unsigned"
        if target.ca_bundle:
            os.environ["AWS_CA_BUNDLE"] = target.ca_bundle
        import s3dlio

        self._s3dlio: Any = s3dlio
        self._target = target
        self._loop = asyncio.new_event_loop()

    def get_into(self, key: str, array: Array) -> None:
        async def get() -> None:
            await self._s3dlio.get_into_async(
                self._target.url(key), array, expected_len=array.nbytes
            )

        self._loop.run_until_complete(get())

    def get(self, key: str) -> Any:
        return self._s3dlio.get(self._target.url(key))

    def put(self, key: str, array: Array) -> None:
        self._s3dlio.put_bytes(self._target.url(key), array)

    def get_many(self, job: Job, visit: Visit) -> None:
        step = max(1, min(_BATCH, (job.memory_limit or 1 << 30) // max(1, job.size)))
        for start in range(0, len(job.keys), step):
            urls = [self._target.url(key) for key in job.keys[start : start + step]]
            places = {url: start + number for number, url in enumerate(urls)}
            for url, data in self._s3dlio.get_many(urls, max_in_flight=job.in_flight):
                visit(places[url], memoryview(data))

    def put_many(self, job: Job, data: bytes) -> None:
        items = [(self._target.url(key), data) for key in job.keys]
        self._s3dlio.put_many(items, max_in_flight=job.in_flight)

    def list_all(self) -> int:
        return len(self._s3dlio.list(self._target.url(""), recursive=True))

    def range_reader(self, key: str) -> ReadRange:
        url = self._target.url(key)

        def read(offset: int, array: Array) -> None:
            array.data[:] = memoryview(self._s3dlio.get_range(url, offset, array.nbytes))

        return read


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return S3dlioClient(job)

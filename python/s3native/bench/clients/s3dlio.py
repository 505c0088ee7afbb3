"""s3dlio: zero-copy `get_into_async` and `put_bytes`, else `get_many`; its PyTorch dataset."""

from __future__ import annotations

import itertools
import os
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from s3native.bench.clients import Client, ThreadLoops, common_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from s3native.bench.clients import Array, ReadRange, Visit
    from s3native.bench.protocol import Job

_BATCH = 1024  # one call returns all its objects together: batches bound the memory


class S3dlioClient(Client):
    """Configured through the environment before its import. Always signs; nginx does not look."""

    version = version("s3dlio")
    samples_in_workers = False

    def __init__(self, job: Job) -> None:
        target = job.target
        os.environ.update(target.environment())
        if target.endpoint:
            os.environ["AWS_ENDPOINT_URL"] = target.endpoint
        import s3dlio

        self._s3dlio: Any = s3dlio
        self._target = target
        self._size, self._memory_limit = job.size, job.memory_limit or 1 << 30
        self._loops = ThreadLoops()

    def get_into(self, key: str, array: Array) -> None:
        async def get() -> None:
            await self._s3dlio.get_into_async(
                self._target.url(key), array, expected_len=array.nbytes
            )

        self._loops.run(get())

    def get(self, key: str) -> Any:
        return self._s3dlio.get(self._target.url(key))

    def put(self, key: str, data: Any) -> None:
        self._s3dlio.put_bytes(self._target.url(key), data)

    def get_many(self, keys: Iterable[str], in_flight: int, visit: Visit) -> None:
        step = max(1, min(_BATCH, self._memory_limit // max(1, self._size)))
        rest = map(self._target.url, keys)
        for start in itertools.count(0, step):
            urls = list(itertools.islice(rest, step))
            if not urls:
                return
            places = {url: start + number for number, url in enumerate(urls)}
            for url, data in self._s3dlio.get_many(urls, max_in_flight=in_flight):
                visit(places[url], memoryview(data))

    def put_many(self, keys: list[str], in_flight: int, data: Any) -> None:
        items = [(self._target.url(key), data) for key in keys]
        self._s3dlio.put_many(items, max_in_flight=in_flight)

    def list_all(self, prefix: str) -> int:
        return len(self._s3dlio.list(self._target.url(prefix), recursive=True))

    def head(self, key: str) -> int:
        size: int = self._s3dlio.stat(self._target.url(key))["size"]
        return size

    def delete(self, key: str) -> None:
        self._s3dlio.delete(self._target.url(key))

    def samples(self, keys: list[str]) -> Any:
        from s3dlio.torch import S3IterableDataset

        return S3IterableDataset.from_prefix(self._target.url(common_prefix(keys)))

    def range_reader(self, key: str) -> ReadRange:
        url = self._target.url(key)

        def read(offset: int, array: Array) -> None:
            array.data[:] = memoryview(self._s3dlio.get_range(url, offset, array.nbytes))

        return read


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return S3dlioClient(job)

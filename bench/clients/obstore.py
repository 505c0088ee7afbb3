"""obstore: large objects as parallel async ranges, threads for many: async costs twice the CPU."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.store import S3Store

from clients import Client

if TYPE_CHECKING:
    from protocol import Job

    from clients import Array, ReadRange, Visit

_PART_SIZE = 8 << 20
_PARTS_IN_FLIGHT = 8


class ObstoreClient(Client):
    """One store for all calls."""

    version = version("obstore")

    def __init__(self, job: Job) -> None:
        target = job.target
        options: Any = {"allow_http": True}
        if target.ca_bundle:
            options["root_certificate"] = Path(target.ca_bundle).read_bytes()
        config: dict[str, Any] = {
            "endpoint": target.endpoint,
            "region": target.region,
            "virtual_hosted_style_request": False,
        }
        if target.access_key and target.secret_key:
            config["access_key_id"] = target.access_key
            config["secret_access_key"] = target.secret_key
        else:
            config["skip_signature"] = True
        self._store: Any = S3Store(target.bucket, client_options=options, **config)
        self._loop = asyncio.new_event_loop()

    def get_into(self, key: str, array: Array) -> None:
        view = array.data

        async def get(start: int) -> None:
            end = min(start + _PART_SIZE, len(view))
            view[start:end] = await obstore.get_range_async(self._store, key, start=start, end=end)

        starts = iter(range(0, len(view), _PART_SIZE))

        async def take() -> None:
            for start in starts:
                await get(start)

        async def run() -> None:
            await asyncio.gather(*(take() for _ in range(_PARTS_IN_FLIGHT)))

        self._loop.run_until_complete(run())

    def get(self, key: str) -> Any:
        return memoryview(obstore.get(self._store, key).bytes())

    def put(self, key: str, array: Array) -> None:
        obstore.put(
            self._store, key, array, chunk_size=_PART_SIZE, max_concurrency=_PARTS_IN_FLIGHT
        )

    def get_many(self, job: Job, visit: Visit) -> None:
        with ThreadPoolExecutor(job.in_flight) as pool:
            for index, data in enumerate(pool.map(self.get, job.keys)):
                visit(index, data)

    def put_many(self, job: Job, data: bytes) -> None:
        def put(key: str) -> None:
            obstore.put(self._store, key, data)

        with ThreadPoolExecutor(job.in_flight) as pool:
            list(pool.map(put, job.keys))

    def list_all(self) -> int:
        pages = obstore.list(self._store, chunk_size=1000)
        return sum(1 for page in pages for entry in page if entry["size"] >= 0)

    def open_reader(self, key: str) -> Any:
        # Its documentation's way to read on and on; `read` gives a view of its own memory.
        return contextlib.nullcontext(obstore.open_reader(self._store, key))

    def open_writer(self, key: str) -> Any:
        return obstore.open_writer(self._store, key, buffer_size=_PART_SIZE)

    def range_reader(self, key: str) -> ReadRange:
        def read(offset: int, array: Array) -> None:
            array.data[:] = obstore.get_range(self._store, key, start=offset, length=array.nbytes)

        return read


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return ObstoreClient(job)

"""obstore: large objects as parallel async ranges, small ones by threads, its files for files."""

from __future__ import annotations

import asyncio
import contextlib
import io
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.store import S3Store

from s3native.bench.clients import CheckpointBuffers, Client, ThreadLoops

if TYPE_CHECKING:
    from s3native.bench.clients import Array, ReadRange
    from s3native.bench.protocol import Job

_PART_SIZE = 8 << 20
_PARTS_IN_FLIGHT = 8


class ObstoreClient(CheckpointBuffers):
    """One store for all calls."""

    version = version("obstore")

    def __init__(self, job: Job) -> None:
        target = job.target
        options: Any = {"allow_http": True}
        if target.ca_bundle:
            options["root_certificate"] = Path(target.ca_bundle).read_bytes()
        config: dict[str, Any] = {"region": target.region}
        if target.endpoint:
            config |= {"endpoint": target.endpoint, "virtual_hosted_style_request": False}
        if target.access_key and target.secret_key:
            config["access_key_id"] = target.access_key
            config["secret_access_key"] = target.secret_key
        elif target.anonymous:
            config["skip_signature"] = True
        else:  # it does not look into profiles by itself
            from obstore.auth.boto3 import Boto3CredentialProvider

            config["credential_provider"] = Boto3CredentialProvider()
        self._part_size = job.part_size or _PART_SIZE
        self._store: Any = S3Store(target.bucket, client_options=options, **config)
        self._loops = ThreadLoops()

    def get_into(self, key: str, array: Array) -> None:
        view = array.data

        async def get(start: int) -> None:
            end = min(start + self._part_size, len(view))
            view[start:end] = await obstore.get_range_async(self._store, key, start=start, end=end)

        starts = iter(range(0, len(view), self._part_size))

        async def take() -> None:
            for start in starts:
                await get(start)

        async def run() -> None:
            await asyncio.gather(*(take() for _ in range(_PARTS_IN_FLIGHT)))

        self._loops.run(run())

    def get(self, key: str) -> Any:
        return memoryview(obstore.get(self._store, key).bytes())

    def put(self, key: str, data: Any) -> None:
        obstore.put(
            self._store, key, data, chunk_size=self._part_size, max_concurrency=_PARTS_IN_FLIGHT
        )

    def list_all(self, prefix: str) -> int:
        pages = obstore.list(self._store, prefix, chunk_size=1000)
        return sum(1 for page in pages for entry in page if entry["size"] >= 0)

    def head(self, key: str) -> int:
        size: int = obstore.head(self._store, key)["size"]
        return size

    def delete(self, key: str) -> None:
        obstore.delete(self._store, key)

    def open_reader(self, key: str) -> Any:
        # Its documentation's way to read on and on; `read` gives a view of its own memory.
        return contextlib.nullcontext(obstore.open_reader(self._store, key))

    def open_writer(self, key: str) -> Any:
        return obstore.open_writer(self._store, key, buffer_size=self._part_size)

    # The `write` of its own file does not say how much it took, and `read` gives no `bytes`.
    def put_file(self, key: str, file: io.BytesIO) -> None:
        self.put(key, file.getbuffer())

    def get_file(self, key: str) -> io.BytesIO:
        return io.BytesIO(self.get(key))

    def range_reader(self, key: str) -> ReadRange:
        def read(offset: int, array: Array) -> None:
            array.data[:] = obstore.get_range(self._store, key, start=offset, length=array.nbytes)

        return read


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return ObstoreClient(job)

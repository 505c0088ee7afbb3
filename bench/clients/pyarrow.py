"""pyarrow: `S3FileSystem` with random-access files, read from its own number of I/O threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow
from pyarrow import fs

from clients import Client

if TYPE_CHECKING:
    from protocol import Job

    from clients import Array, ReadRange, Visit

_PART_SIZE = 8 << 20
_THREADS = 8  # pyarrow's own default number of I/O threads


class PyarrowClient(Client):
    """`readinto` receives into the array; each thread has a file handle of its own."""

    version = pyarrow.__version__

    def __init__(self, job: Job) -> None:
        target = job.target
        address = urlsplit(target.endpoint)
        pyarrow.set_io_thread_count(max(_THREADS, job.in_flight))
        self._bucket = target.bucket
        self._fs: Any = fs.S3FileSystem(
            access_key=target.access_key,
            secret_key=target.secret_key,
            anonymous=target.access_key is None,
            scheme=address.scheme,
            endpoint_override=address.netloc,
            region=target.region,
            tls_ca_file_path=target.ca_bundle,
        )

    def get_into(self, key: str, array: Array) -> None:
        view = array.data
        slice_size = -(-len(view) // _THREADS)

        def get(start: int) -> None:
            end = min(start + slice_size, len(view))
            with self._open(key) as source:
                source.seek(start)
                while start < end:
                    start += source.readinto(view[start : min(start + _PART_SIZE, end)])

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(get, range(0, len(view), slice_size)))

    def get(self, key: str) -> Any:
        with self._open(key) as source:
            return memoryview(source.read_buffer())

    def put(self, key: str, array: Array) -> None:
        with self._fs.open_output_stream(f"{self._bucket}/{key}") as sink:
            sink.write(array)

    def get_many(self, job: Job, visit: Visit) -> None:
        with ThreadPoolExecutor(job.in_flight) as pool:
            for index, data in enumerate(pool.map(self.get, job.keys)):
                visit(index, data)

    def put_many(self, job: Job, data: bytes) -> None:
        def put(key: str) -> None:
            with self._fs.open_output_stream(f"{self._bucket}/{key}") as sink:
                sink.write(data)

        with ThreadPoolExecutor(job.in_flight) as pool:
            list(pool.map(put, job.keys))

    def list_all(self) -> int:
        entries = self._fs.get_file_info(fs.FileSelector(self._bucket, recursive=True))
        return sum(1 for entry in entries if entry.is_file and entry.size >= 0)

    def open_reader(self, key: str) -> Any:
        return self._fs.open_input_stream(f"{self._bucket}/{key}")

    def open_writer(self, key: str) -> Any:
        return self._fs.open_output_stream(f"{self._bucket}/{key}")

    def range_reader(self, key: str) -> ReadRange:
        source = self._open(key)

        def read(offset: int, array: Array) -> None:
            source.seek(offset)
            source.readinto(array)

        return read

    def _open(self, key: str) -> Any:
        return self._fs.open_input_file(f"{self._bucket}/{key}")


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return PyarrowClient(job)

"""pyarrow: `S3FileSystem`, large objects as one `readinto` for each of its 8 I/O threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow
from pyarrow import fs

from s3native.bench.clients import CheckpointFiles, Client

if TYPE_CHECKING:
    from s3native.bench.clients import Array, ReadRange
    from s3native.bench.protocol import Job
    from s3native.bench.states import State

_PART_SIZE = 8 << 20
_THREADS = 8  # pyarrow's own default number of I/O threads


class PyarrowClient(CheckpointFiles):
    """`readinto` receives into the array; each thread has a file handle of its own."""

    version = pyarrow.__version__

    def __init__(self, job: Job) -> None:
        target = job.target
        address = urlsplit(target.endpoint or "https:")
        pyarrow.set_io_thread_count(max(_THREADS, job.in_flight))
        self._bucket = target.bucket
        self._fs: Any = fs.S3FileSystem(
            access_key=target.access_key,
            secret_key=target.secret_key,
            anonymous=target.anonymous,
            scheme=address.scheme,
            endpoint_override=address.netloc or None,
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

    def put(self, key: str, data: Any) -> None:
        with self._fs.open_output_stream(f"{self._bucket}/{key}") as sink:
            sink.write(data)

    def list_all(self, prefix: str) -> int:
        folder = f"{self._bucket}/{prefix}".rstrip("/")
        entries = self._fs.get_file_info(fs.FileSelector(folder, recursive=True))
        return sum(1 for entry in entries if entry.is_file and entry.size >= 0)

    def head(self, key: str) -> int:
        size: int = self._fs.get_file_info(f"{self._bucket}/{key}").size
        return size

    def delete(self, key: str) -> None:
        self._fs.delete_file(f"{self._bucket}/{key}")

    def open_reader(self, key: str) -> Any:
        return self._fs.open_input_stream(f"{self._bucket}/{key}")

    def open_writer(self, key: str) -> Any:
        return self._fs.open_output_stream(f"{self._bucket}/{key}")

    def load_state(self, key: str) -> State:
        import torch

        with self._open(key) as file:  # which can seek
            state: State = torch.load(file)
        return state

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

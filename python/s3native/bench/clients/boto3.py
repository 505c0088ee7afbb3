"""boto3: managed transfers with its defaults, 8 MiB and 10 threads; plain calls for small ones."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore import UNSIGNED
from botocore.config import Config

from s3native.bench.clients import CheckpointBuffers, Client

if TYPE_CHECKING:
    from s3native.bench.clients import Array, ReadRange
    from s3native.bench.protocol import Job


_PART_SIZE = 8 << 20


class _ArrayFile(io.RawIOBase):
    """A seekable file over memory, so that transfers go to and from that."""

    def __init__(self, memory: Any) -> None:
        super().__init__()
        self._view = memoryview(memory)
        self._position = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: len(self._view)}
        self._position = base[whence] + offset
        return self._position

    def write(self, data: Any) -> int:
        self._view[self._position : self._position + len(data)] = data
        self._position += len(data)
        return len(data)

    def read(self, size: int = -1) -> bytes:
        end = len(self._view) if size < 0 else self._position + size
        part = bytes(self._view[self._position : end])
        self._position += len(part)
        return part

    def readinto(self, destination: Any) -> int:
        part = self._view[self._position : self._position + len(destination)]
        destination[: len(part)] = part
        self._position += len(part)
        return len(part)


class Boto3Client(CheckpointBuffers):
    """One client for all threads. Objects of less than a part are got and put by one call."""

    version = boto3.__version__

    def __init__(self, job: Job) -> None:
        target = job.target
        config: dict[str, Any] = {"max_pool_connections": 10 * job.in_flight}
        if target.endpoint:
            config["s3"] = {"addressing_style": "path"}
        if target.anonymous:
            config["signature_version"] = UNSIGNED
        self._bucket = target.bucket
        self._part_size = job.part_size or _PART_SIZE
        self._transfer = TransferConfig(
            multipart_chunksize=self._part_size, multipart_threshold=self._part_size
        )
        self._size = job.size
        self._retries = 0
        self._s3: Any = boto3.client(
            "s3",
            endpoint_url=target.endpoint,
            region_name=target.region,
            aws_access_key_id=target.access_key,
            aws_secret_access_key=target.secret_key,
            verify=target.ca_bundle,
            config=Config(**config),
        )
        self._s3.meta.events.register("needs-retry.s3", self._count_retries)

    def _count_retries(self, attempts: int, **_: Any) -> None:
        self._retries += attempts > 1  # called after each attempt

    def retries(self) -> int | None:
        return self._retries

    def get_into(self, key: str, array: Array) -> None:
        view = _ArrayFile(array)
        self._s3.download_fileobj(self._bucket, key, view, Config=self._transfer)

    def get(self, key: str) -> Any:
        if self._size <= self._part_size:
            return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        target = io.BytesIO()
        self._s3.download_fileobj(self._bucket, key, target, Config=self._transfer)
        return target.getbuffer()

    def put(self, key: str, data: Any) -> None:
        view = memoryview(data).cast("B")
        if len(view) <= self._part_size:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=bytes(view))
        else:
            file = _ArrayFile(view)
            self._s3.upload_fileobj(file, self._bucket, key, Config=self._transfer)

    def list_all(self, prefix: str) -> int:
        paginator = self._s3.get_paginator("list_objects_v2")
        pages = paginator.paginate(Bucket=self._bucket, Prefix=prefix)
        return sum(1 for page in pages for entry in page["Contents"] if entry["Size"] >= 0)

    def head(self, key: str) -> int:
        size: int = self._s3.head_object(Bucket=self._bucket, Key=key)["ContentLength"]
        return size

    def delete(self, key: str) -> None:
        self._s3.delete_object(Bucket=self._bucket, Key=key)

    def open_reader(self, key: str) -> Any:
        return contextlib.closing(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"])

    def put_file(self, key: str, file: io.BytesIO) -> None:
        file.seek(0)
        self._s3.upload_fileobj(file, self._bucket, key, Config=self._transfer)

    def get_file(self, key: str) -> io.BytesIO:
        file = io.BytesIO()
        self._s3.download_fileobj(self._bucket, key, file, Config=self._transfer)
        file.seek(0)
        return file

    def range_reader(self, key: str) -> ReadRange:
        def read(offset: int, array: Array) -> None:
            wanted = f"bytes={offset}-{offset + array.nbytes - 1}"
            answer = self._s3.get_object(Bucket=self._bucket, Key=key, Range=wanted)
            answer["Body"].readinto(array.data)

        return read


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return Boto3Client(job)

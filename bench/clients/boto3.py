"""boto3: managed transfers (`download_fileobj`, `upload_fileobj`), threads for many objects."""

from __future__ import annotations

import contextlib
import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from clients import Client

if TYPE_CHECKING:
    from protocol import Job

    from clients import Array, ReadRange, Visit


class _ArrayFile(io.RawIOBase):
    """A seekable file over an array, so that transfers go to its memory."""

    def __init__(self, array: Array) -> None:
        super().__init__()
        self._view = array.data
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

    def readinto(self, destination: Any) -> int:
        part = self._view[self._position : self._position + len(destination)]
        destination[: len(part)] = part
        self._position += len(part)
        return len(part)


class Boto3Client(Client):
    """The default transfer configuration (8 MiB parts, 10 threads) is the documented one."""

    version = boto3.__version__

    def __init__(self, job: Job) -> None:
        target = job.target
        config: dict[str, Any] = {
            "max_pool_connections": max(10, job.in_flight),
            "s3": {"addressing_style": "path"},
        }
        if not target.access_key:
            config["signature_version"] = UNSIGNED
        self._bucket = target.bucket
        self._s3: Any = boto3.client(
            "s3",
            endpoint_url=target.endpoint,
            region_name=target.region,
            aws_access_key_id=target.access_key,
            aws_secret_access_key=target.secret_key,
            verify=target.ca_bundle,
            config=Config(**config),
        )

    def get_into(self, key: str, array: Array) -> None:
        self._s3.download_fileobj(self._bucket, key, _ArrayFile(array))

    def get(self, key: str) -> Any:
        target = io.BytesIO()
        self._s3.download_fileobj(self._bucket, key, target)
        return target.getbuffer()

    def put(self, key: str, array: Array) -> None:
        self._s3.upload_fileobj(_ArrayFile(array), self._bucket, key)

    def get_many(self, job: Job, visit: Visit) -> None:
        def get(key: str) -> bytes:
            data: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            return data

        with ThreadPoolExecutor(job.in_flight) as pool:
            for index, data in enumerate(pool.map(get, job.keys)):
                visit(index, data)

    def put_many(self, job: Job, data: bytes) -> None:
        def put(key: str) -> None:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=data)

        with ThreadPoolExecutor(job.in_flight) as pool:
            list(pool.map(put, job.keys))

    def list_all(self) -> int:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
        return sum(1 for page in pages for entry in page["Contents"] if entry["Size"] >= 0)

    def open_reader(self, key: str) -> Any:
        return contextlib.closing(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"])

    def range_reader(self, key: str) -> ReadRange:
        def read(offset: int, array: Array) -> None:
            wanted = f"bytes={offset}-{offset + array.nbytes - 1}"
            answer = self._s3.get_object(Bucket=self._bucket, Key=key, Range=wanted)
            answer["Body"].readinto(array.data)

        return read


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return Boto3Client(job)

"""s3native: arrays are received into and sent from directly; many objects through `get_many`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import s3native

from clients import Client

if TYPE_CHECKING:
    from protocol import Job

    from clients import Array, ReadRange, Visit


class S3NativeClient(Client):
    """Options of the job: ``checksum`` (None switches checksums off)."""

    version = s3native.__version__

    def __init__(self, job: Job) -> None:
        target = job.target
        options: dict[str, Any] = {
            "endpoint": target.endpoint,
            "region": target.region,
            "credentials": "anonymous",
            "addressing": "path",
        }
        if target.access_key and target.secret_key:
            options["credentials"] = s3native.Credentials(target.access_key, target.secret_key)
        if target.ca_bundle:
            options["ca_bundle"] = target.ca_bundle
        if job.memory_limit:
            options["memory_limit"] = job.memory_limit
        if "checksum" in job.options:
            wanted = job.options["checksum"]
            options["request_checksum"] = "when_supported" if wanted else "when_required"
        self._client = s3native.Client(**options)
        self._target = target

    def get_into(self, key: str, array: Array) -> None:
        self._client.get_into(self._target.url(key), array)

    def get(self, key: str) -> Any:
        return self._client.get(self._target.url(key))

    def put(self, key: str, array: Array) -> None:
        self._client.put(self._target.url(key), array)

    def get_many(self, job: Job, visit: Visit) -> None:
        urls = [self._target.url(key) for key in job.keys]
        for item in self._client.get_many(urls, ordered=False, concurrency=job.in_flight):
            if item.error is not None:
                raise item.error
            visit(item.index, item.data)

    def put_many(self, job: Job, data: bytes) -> None:
        def put(key: str) -> None:
            self._client.put(self._target.url(key), data)

        with ThreadPoolExecutor(job.in_flight) as pool:
            list(pool.map(put, job.keys))

    def list_all(self) -> int:
        count = 0
        for page in self._client.list(self._target.url("")):
            count += sum(1 for entry in page.objects if entry.size >= 0)
        return count

    def open_reader(self, key: str) -> Any:
        return self._client.open(self._target.url(key))

    def open_writer(self, key: str) -> Any:
        return self._client.open(self._target.url(key), "wb")

    def range_reader(self, key: str) -> ReadRange:
        url = self._target.url(key)
        return lambda offset, array: self._client.get_into(
            url, array, range=(offset, offset + array.nbytes)
        )


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return S3NativeClient(job)

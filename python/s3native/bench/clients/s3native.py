"""s3native: arrays are received into and sent from directly; many objects through `get_many`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import s3native
from s3native.bench.clients import Client

if TYPE_CHECKING:
    from collections.abc import Iterable

    from s3native.bench.clients import Array, ReadRange, Visit
    from s3native.bench.protocol import Job


class S3NativeClient(Client):
    """Options of the job: ``checksum`` (None switches checksums off)."""

    version = s3native.__version__
    takes_keys_late = True

    def __init__(self, job: Job) -> None:
        self._client = make_engine_client(job)
        self._target = job.target

    def get_into(self, key: str, array: Array) -> None:
        self._client.get_into(self._target.url(key), array)

    def get(self, key: str) -> Any:
        return self._client.get(self._target.url(key))

    def put(self, key: str, data: Any) -> None:
        self._client.put(self._target.url(key), data)

    def get_many(self, keys: Iterable[str], in_flight: int, visit: Visit) -> None:
        urls = map(self._target.url, keys)
        for item in self._client.get_many(urls, ordered=False, concurrency=in_flight):
            if item.error is not None:
                raise item.error
            visit(item.index, item.data)

    def list_all(self, prefix: str) -> int:
        count = 0
        for page in self._client.list(self._target.url(prefix)):
            count += sum(1 for entry in page.objects if entry.size >= 0)
        return count

    def head(self, key: str) -> int:
        return self._client.head(self._target.url(key)).size

    def delete(self, key: str) -> None:
        self._client.delete(self._target.url(key))

    def retries(self) -> int | None:
        return self._client.stats()["retries"]

    def open_reader(self, key: str) -> Any:
        return self._client.open(self._target.url(key))

    def open_writer(self, key: str) -> Any:
        return self._client.open(self._target.url(key), "wb")

    def range_reader(self, key: str) -> ReadRange:
        url = self._target.url(key)
        return lambda offset, array: self._client.get_into(
            url, array, range=(offset, offset + array.nbytes)
        )


def make_engine_client(job: Job) -> s3native.Client:
    """Return a client of the engine with a job's settings."""
    target = job.target
    options: dict[str, Any] = {
        "region": target.region,
    }
    if target.endpoint:
        options |= {"endpoint": target.endpoint, "addressing": "path"}
    if target.anonymous:
        options["credentials"] = "anonymous"
    if target.access_key and target.secret_key:
        options["credentials"] = s3native.Credentials(target.access_key, target.secret_key)
    if target.ca_bundle:
        options["ca_bundle"] = target.ca_bundle
    if job.memory_limit:
        options["memory_limit"] = job.memory_limit
    if job.part_size:
        options["part_size"] = job.part_size
    if "checksum" in job.options:
        wanted = job.options["checksum"]
        options["request_checksum"] = "when_supported" if wanted else "when_required"
    return s3native.Client(**options)


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return S3NativeClient(job)

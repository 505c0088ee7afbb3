"""s3native: memory is received into and sent from directly; many objects through `get_many`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import s3native
from s3native.bench.clients import Client, common_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from s3native.bench.clients import Array, ReadRange, Visit
    from s3native.bench.protocol import Job
    from s3native.bench.states import State


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

    def save_state(self, key: str, state: State) -> None:
        import s3native.torch

        s3native.torch.save(state, self._target.url(key), client=self._client)

    def load_state(self, key: str) -> State:
        import s3native.torch

        state: State = s3native.torch.load(self._target.url(key), client=self._client)
        return state

    def load_safetensors(self, key: str) -> State:
        import s3native.torch

        return s3native.torch.load_safetensors(self._target.url(key), client=self._client)

    def distributed_storage(self, url: str) -> tuple[Any, Any]:
        from s3native.torch.dcp import S3StorageReader, S3StorageWriter

        options = self._torch_options()
        return S3StorageWriter(path=url, **options), S3StorageReader(path=url, **options)

    def samples(self, keys: list[str]) -> Any:
        return self._iterable_samples(keys)

    def kept_samples(self, keys: list[str], manifest: str) -> Any:
        return self._iterable_samples(keys, manifest=manifest)

    def _iterable_samples(self, keys: list[str], **options: Any) -> Any:
        from s3native.torch import S3IterableDataset

        return S3IterableDataset.from_prefix(
            self._target.url(common_prefix(keys)),
            enable_sharding=True,
            output="tensor",
            **options,
            **self._torch_options(),
        )

    def mapped_samples(self, keys: list[str]) -> Any:
        from s3native.torch import S3MapDataset

        url = self._target.url(common_prefix(keys))
        return S3MapDataset.from_prefix(url, output="tensor", **self._torch_options())

    def tensorflow_path(self, key: str) -> str:
        from s3native.tensorflow import register

        register(self._client)
        return self._target.url(key)

    def _torch_options(self) -> dict[str, Any]:
        from s3native.torch import S3ClientConfig

        target = self._target
        os.environ.update(target.environment())
        config = S3ClientConfig(unsigned=target.anonymous, force_path_style=bool(target.endpoint))
        return {"region": target.region, "endpoint": target.endpoint, "s3client_config": config}

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

"""s3torchconnector: `S3Checkpoint` and its datasets, with their default reader."""

from __future__ import annotations

import os
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from s3torchconnector import S3Checkpoint, S3ClientConfig, S3IterableDataset, S3MapDataset
from s3torchconnector._s3client import S3Client

from s3native.bench.clients import CheckpointFiles, Client, common_prefix

if TYPE_CHECKING:
    from s3native.bench.protocol import Job


class S3torchconnectorClient(CheckpointFiles):
    """One checkpoint object for all files; its credentials are the environment's."""

    version = version("s3torchconnector")

    def __init__(self, job: Job) -> None:
        self._target = target = job.target
        os.environ.update(target.environment())
        parts = {"part_size": job.part_size} if job.part_size else {}
        config = S3ClientConfig(
            unsigned=target.anonymous, force_path_style=bool(target.endpoint), **parts
        )
        self._files = S3Checkpoint(target.region, target.endpoint, s3client_config=config)
        self._config = config

    def get(self, key: str) -> Any:
        with self.open_reader(key) as file:
            return file.read()

    def put(self, key: str, data: Any) -> None:
        with self.open_writer(key) as file:
            file.write(data)

    def distributed_storage(self, url: str) -> tuple[Any, Any]:
        from s3torchconnector.dcp import S3StorageReader, S3StorageWriter, s3_file_system

        # Its classes for this take no endpoint.
        s3_file_system.S3Client = partial(S3Client, endpoint=self._target.endpoint)
        region, config = self._target.region, self._config
        return (
            S3StorageWriter(region, url, s3client_config=config, overwrite=True),
            S3StorageReader(region, url, s3client_config=config),
        )

    def samples(self, keys: list[str]) -> Any:
        return S3IterableDataset.from_prefix(**self._dataset_options(keys), enable_sharding=True)

    def mapped_samples(self, keys: list[str]) -> Any:
        return S3MapDataset.from_prefix(**self._dataset_options(keys))

    def _dataset_options(self, keys: list[str]) -> dict[str, Any]:
        target = self._target
        return {
            "s3_uri": target.url(common_prefix(keys)),
            "region": target.region,
            "endpoint": target.endpoint,
            "transform": _to_tensor,
            "s3client_config": self._config,
        }

    def open_reader(self, key: str) -> Any:
        return self._files.reader(self._target.url(key))

    def open_writer(self, key: str) -> Any:
        return self._files.writer(self._target.url(key))


def _to_tensor(reader: Any) -> Any:
    import torch

    return torch.frombuffer(bytearray(reader.read()), dtype=torch.uint8)


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return S3torchconnectorClient(job)

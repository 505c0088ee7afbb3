"""s3torchconnector: the files of its `S3Checkpoint`, with its default reader."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from s3torchconnector import S3Checkpoint, S3ClientConfig

from s3native.bench.clients import Client

if TYPE_CHECKING:
    from s3native.bench.protocol import Job


class S3torchconnectorClient(Client):
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

    def get(self, key: str) -> Any:
        with self.open_reader(key) as file:
            return file.read()

    def put(self, key: str, data: Any) -> None:
        with self.open_writer(key) as file:
            file.write(data)

    def open_reader(self, key: str) -> Any:
        return self._files.reader(self._target.url(key))

    def open_writer(self, key: str) -> Any:
        return self._files.writer(self._target.url(key))


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return S3torchconnectorClient(job)

"""smart_open: files only, over one boto3 client, as its documentation recommends."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import smart_open

from s3native.bench.clients import CheckpointFiles, Client
from s3native.bench.clients.boto3 import Boto3Client

if TYPE_CHECKING:
    from s3native.bench.protocol import Job


class SmartOpenClient(CheckpointFiles):
    """One boto3 client for all files."""

    version = version("smart_open")

    def __init__(self, job: Job) -> None:
        self._target = job.target
        self._options = {"client": Boto3Client(job)._s3}

    def open_reader(self, key: str) -> Any:
        return smart_open.open(self._target.url(key), "rb", transport_params=self._options)

    def open_writer(self, key: str) -> Any:
        return smart_open.open(self._target.url(key), "wb", transport_params=self._options)


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return SmartOpenClient(job)

"""tensorflow_io: its filesystem for `s3://`, which works in TensorFlow 2.16 only."""

from __future__ import annotations

import importlib
import os
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from s3native.bench.clients import Client

if TYPE_CHECKING:
    from s3native.bench.protocol import Job


class TensorflowIoClient(Client):
    """It reads the environment when the first file is used."""

    version = version("tensorflow-io")

    def __init__(self, job: Job) -> None:
        self._target = job.target
        endpoint = urlsplit(job.target.endpoint or "")
        os.environ.update(job.target.environment())
        if endpoint.netloc:
            secure = "1" if endpoint.scheme == "https" else "0"
            os.environ.update(S3_ENDPOINT=str(job.target.endpoint), S3_USE_HTTPS=secure)
        importlib.import_module("tensorflow_io")

    def tensorflow_path(self, key: str) -> str:
        return self._target.url(key)


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return TensorflowIoClient(job)

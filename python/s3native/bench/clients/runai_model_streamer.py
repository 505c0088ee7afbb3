"""runai_model_streamer: `SafetensorsStreamer`, whose tensors lie in the memory it read into."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from s3native.bench.clients import Client

if TYPE_CHECKING:
    from s3native.bench.protocol import Job
    from s3native.bench.states import State


class RunaiModelStreamerClient(Client):
    """Configured through the environment before its import."""

    version = version("runai-model-streamer")

    def __init__(self, job: Job) -> None:
        self._target = target = job.target
        os.environ.update(target.environment())
        if target.endpoint:
            os.environ["AWS_ENDPOINT_URL"] = target.endpoint
            os.environ["RUNAI_STREAMER_S3_ENDPOINT"] = target.endpoint
            os.environ["RUNAI_STREAMER_S3_USE_VIRTUAL_ADDRESSING"] = "0"
        import runai_model_streamer

        self._module: Any = runai_model_streamer

    def load_safetensors(self, key: str) -> State:
        with self._module.SafetensorsStreamer() as streamer:
            streamer.stream_file(self._target.url(key))
            return dict(streamer.get_tensors())


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return RunaiModelStreamerClient(job)

"""tmpfs: `torch.save` and `torch.load` of a file in shared memory, without any S3."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from s3native.bench import states
from s3native.bench.clients import Client

if TYPE_CHECKING:
    from s3native.bench.protocol import Job
    from s3native.bench.states import State


class TmpfsClient(Client):
    """The job's folder for files is in shared memory where that has room for it."""

    version = str(torch.__version__)

    def __init__(self, job: Job) -> None:
        self._folder = Path(job.scratch)
        if job.operation == "load_state":
            for key in job.keys:
                self.save_state(key, states.make(job.size, job.seed))

    def save_state(self, key: str, state: State) -> None:
        self._file(key).unlink(missing_ok=True)  # each is saved to memory of its own
        torch.save(state, self._file(key))

    def load_state(self, key: str) -> State:
        state: State = torch.load(self._file(key))
        return state

    def _file(self, key: str) -> Path:
        return self._folder / key.replace("/", "-")


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return TmpfsClient(job)

"""tmpfs: files in shared memory, for PyTorch and TensorFlow, without any S3."""

from __future__ import annotations

import contextlib
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from s3native.bench import states
from s3native.bench.clients import TENSORFLOW, Client

if TYPE_CHECKING:
    from s3native.bench.protocol import Job
    from s3native.bench.states import State


class TmpfsClient(Client):
    """The job's folder for files is in shared memory where that has room for it."""

    def __init__(self, job: Job) -> None:
        self._folder = Path(job.scratch)
        package = "tensorflow" if job.operation in TENSORFLOW else "torch"
        with contextlib.suppress(PackageNotFoundError):  # the operation will say so
            self.version = version(package)
        if job.operation == "load_state":
            for key in job.keys:
                self.save_state(key, states.make(job.size, job.seed))
        elif job.operation == "read_records":
            first = self._file(job.keys[0])
            first.write_bytes(states.stored("records", job.size, job.seed).data)
            for key in job.keys[1:]:
                os.link(first, self._file(key))

    def save_state(self, key: str, state: State) -> None:
        import torch

        self._file(key).unlink(missing_ok=True)  # each is saved to memory of its own
        torch.save(state, self._file(key))

    def load_state(self, key: str) -> State:
        import torch

        state: State = torch.load(self._file(key))
        return state

    def tensorflow_path(self, key: str) -> str:
        return str(self._file(key))

    def _file(self, key: str) -> Path:
        return self._folder / key.replace("/", "-")


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return TmpfsClient(job)

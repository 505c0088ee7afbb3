"""Distributed checkpoints of PyTorch, saved and loaded by several processes, the ranks.

The process that is measured is rank 0 and starts the others, which are workers like itself.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from s3native.bench import states
from s3native.bench.clients import Client
from s3native.bench.protocol import Job
from s3native.bench.pytorch import WithTorch
from s3native.bench.rounds import Done
from s3native.bench.runner import ClientProcess

_PATIENCE = timedelta(seconds=300)


class _Ranks(WithTorch):
    """Options of the job: ``ranks``; and of those that are started, ``rank`` and ``store``."""

    needs = ("distributed_storage",)

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        import torch
        import torch.distributed

        self._torch = torch
        options, ranks = job.options, int(job.options["ranks"])
        rank = int(options.get("rank", 0))
        store = str(options.get("store") or Path(job.scratch, f"store-{uuid.uuid4()}"))
        who = type(client).__module__.rpartition(".")[2]
        self._others = [
            ClientProcess(who, replace(job, options={**options, "rank": other, "store": store}))
            for other in range(1, ranks)
            if rank == 0
        ]
        torch.set_num_threads(1)
        torch.distributed.init_process_group(
            "gloo", f"file://{store}", rank=rank, world_size=ranks, timeout=_PATIENCE
        )
        self._not_ready = list(self._others)
        own = states.make(job.size // ranks, job.seed + rank)
        self._state = {f"rank.{rank}.{name}": tensor for name, tensor in own.items()}
        self._url = job.target.url(f"{job.keys[0]}-{who}")

    def _together(self, work: Callable[[], None]) -> Done:
        """Do something in all ranks at once; the time counts until all have done it."""
        done = Done(self.job.size, 1)
        with self._others_do(ClientProcess.round) as rounds:
            self._torch.distributed.barrier()
            begun = time.perf_counter()
            work()
            self._torch.distributed.barrier()
            done.seconds = time.perf_counter() - begun
        for each in rounds:
            done.others_user_s += each.result().user_s
            done.others_system_s += each.result().system_s
        return done

    @contextmanager
    def _others_do(self, what: Callable[[ClientProcess], Any]) -> Iterator[list[Future[Any]]]:
        """Have the other ranks do their part meanwhile."""
        while self._not_ready:
            self._not_ready.pop().ready()
        with ThreadPoolExecutor(max(1, len(self._others))) as pool:
            yield [pool.submit(what, process) for process in self._others]

    def _save(self) -> None:
        import torch.distributed.checkpoint as dcp

        dcp.save(self._state, storage_writer=self.client.distributed_storage(self._url)[0])

    def _load(self, into: dict[str, Any]) -> None:
        import torch.distributed.checkpoint as dcp

        dcp.load(into, storage_reader=self.client.distributed_storage(self._url)[1])

    def _blank(self) -> dict[str, Any]:
        """The same tensors, of zeros."""
        return {name: self._torch.zeros_like(own) for name, own in self._state.items()}

    def digest(self) -> str:
        """Return that of what rank 0 loads; the others compare theirs."""
        loaded = self._blank()
        with self._others_do(ClientProcess.verify) as others:
            self._load(loaded)
        for each in others:
            each.result()
        found = states.digest(loaded)
        if found != states.digest(self._state):
            raise ValueError("a rank got other tensors than it saved")
        return found


class SaveDistributed(_Ranks):
    """A state dict whose tensors the ranks share, saved over the one of the last round."""

    def run(self) -> Done:
        return self._together(self._save)


class LoadDistributed(_Ranks):
    """What the client has saved itself, loaded into tensors that are there."""

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        self._save()
        self._into = self._blank()

    def run(self) -> Done:
        return self._together(lambda: self._load(self._into))

"""One rank of `test_torch_dcp`: python dcp_ranks.py RANK RANKS STORE URL; tells what it saw."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import s3native
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from s3native.torch.dcp import S3StorageReader, S3StorageWriter
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor, Shard, distribute_tensor

WEIGHT = torch.arange(1_000_000.0).reshape(1000, 1000)


def state(mesh: DeviceMesh, factor: float) -> dict[str, Any]:
    """A weight in rows, one a rank; and a number."""
    return {"weight": distribute_tensor(WEIGHT * factor, mesh, [Shard(0)]), "step": int(7 * factor)}


def is_loaded(url: str, mesh: DeviceMesh, group: Any, factor: float) -> bool:
    """Whether a load brings the state."""
    into, expected = state(mesh, 0), state(mesh, factor)
    dcp.load(into, storage_reader=S3StorageReader(None, url), process_group=group)
    here, there = into["weight"], expected["weight"]
    assert isinstance(here, DTensor)
    assert isinstance(there, DTensor)
    same = torch.equal(here.to_local(), there.to_local())
    return same and into["step"] == expected["step"]


class FailingWriter(S3StorageWriter):
    """Fails on one rank."""

    def write_data(self, plan: Any, planner: Any) -> Any:
        """Raise there."""
        if dist.get_rank() == 2:
            raise OSError("rank 2 fails")
        return super().write_data(plan, planner)


class FailingAtTheEnd(S3StorageWriter):
    """Fails where the checkpoint should appear, which the first rank does."""

    def finish(self, metadata: Any, results: Any) -> None:
        """Raise."""
        raise OSError("the end fails")


class FailingReader(S3StorageReader):
    """Fails on one rank."""

    def read_data(self, plan: Any, planner: Any) -> Any:
        """Raise there."""
        if dist.get_rank() == 1:
            raise OSError("rank 1 fails")
        return super().read_data(plan, planner)


def told_by(call: Callable[[], Any], rank: int) -> str:
    """What a call that fails on a rank raises on this one."""
    try:
        call()
    except CheckpointException as error:
        return str(error.failures[rank][0])
    return ""


def main(rank: int, ranks: int, store: str, url: str) -> None:
    """Save, load, fail, load; and tell."""
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=ranks)
    mesh = init_device_mesh("cpu", (ranks,))
    told: dict[str, Any] = {"same": [], "failed": [], "resharded": False}

    dcp.save(state(mesh, 1), storage_writer=S3StorageWriter(None, f"{url}/saved"))
    if is_loaded(f"{url}/saved", mesh, None, 1):
        told["same"].append("saved")

    for writer, failing in ((FailingWriter, 2), (FailingAtTheEnd, 0)):
        save = partial(dcp.save, storage_writer=writer(None, f"{url}/saved"))
        told["failed"].append(told_by(partial(save, state(mesh, 2)), failing))
    load = partial(dcp.load, storage_reader=FailingReader(None, f"{url}/saved"))
    told["failed"].append(told_by(partial(load, state(mesh, 0)), 1))
    if is_loaded(f"{url}/saved", mesh, None, 1):
        told["same"].append("after a failure")

    dcp.async_save(state(mesh, 3), storage_writer=S3StorageWriter(None, f"{url}/async")).result()
    if is_loaded(f"{url}/async", mesh, None, 3):
        told["same"].append("asynchronous")

    two = dist.new_group([0, 1])
    before = s3native.stats()["bytes_received"]
    if rank < 2:
        told["resharded"] = is_loaded(f"{url}/saved", DeviceMesh("cpu", [0, 1]), two, 1)
    received = s3native.stats()["bytes_received"] - before
    told["received of the rows"] = received if rank < 2 else None
    if rank < 2:
        of_two = state(DeviceMesh("cpu", [0, 1]), 4)
        writer_of_two = S3StorageWriter(None, f"{url}/of-two")
        dcp.save(of_two, storage_writer=writer_of_two, process_group=two)
    dist.barrier()
    if is_loaded(f"{url}/of-two", mesh, None, 4):
        told["same"].append("by more ranks")
    print(json.dumps(told))
    dist.destroy_process_group()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable()
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])

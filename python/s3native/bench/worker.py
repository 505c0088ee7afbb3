"""One client in a process of its own: requests come on standard input, a JSON object a line.

They are ``{"setup": job}``, ``{"round": null}`` and ``{"verify": null}``; each is answered by one
line, ``{"ok": ...}``, ``{"error": text}``, or ``{"cannot": text}``.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import re
import resource
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

from s3native.bench import distributed, operations, pytorch, tensorflow, training
from s3native.bench.clients import Client
from s3native.bench.protocol import LIMIT, Job, Round
from s3native.bench.rounds import CannotError, Operation

# What a client does for a job: the first of these that it can.
_OPERATIONS: dict[str, tuple[type[Operation], ...]] = {
    "get_into": (operations.GetInto, operations.Get),
    "get": (operations.Get,),
    "put": (operations.Put,),
    "get_many": (operations.GetMany, operations.Get),
    "put_many": (operations.PutMany, operations.Put),
    "random_read": (operations.RandomRead,),
    "list": (operations.List,),
    "head": (operations.Head,),
    "read_file": (operations.ReadFile,),
    "read_file_into": (operations.ReadFileInto,),
    "read_files": (operations.ReadFiles,),
    "write_file": (operations.WriteFile,),
    "mixed": (operations.Mixed,),
    "train_objects": (training.TrainObjects,),
    "train_records": (training.TrainRecords,),
    "save_state": (pytorch.SaveState,),
    "load_state": (pytorch.LoadState,),
    "load_safetensors": (pytorch.LoadSafetensors,),
    "load_samples": (pytorch.LoadSamples,),
    "load_mapped_samples": (pytorch.LoadMappedSamples,),
    "first_sample": (pytorch.FirstSample,),
    "read_records": (tensorflow.ReadRecords,),
    "restore_variables": (tensorflow.RestoreVariables,),
    "save_variables": (tensorflow.SaveVariables,),
    "load_dataset": (tensorflow.LoadDataset,),
    "match_files": (tensorflow.MatchFiles,),
    "save_distributed": (distributed.SaveDistributed,),
    "load_distributed": (distributed.LoadDistributed,),
}


def make_operation(client: Client, job: Job) -> Operation:
    """Return the job's operation with its memory in place; raises CannotError."""
    for kind in _OPERATIONS[job.options.get("operation", job.operation)]:
        if client.can(*kind.needs):
            return kind(client, job)
    raise CannotError("it has no such operation")


def _cpu() -> tuple[float, float]:
    """User and system seconds of this process and its ended children."""
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + children.ru_utime, own.ru_stime + children.ru_stime


def _memory_bytes(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0


def _measure(operation: Operation) -> Round:
    """Run the operation once, everything but itself outside the clock."""
    operation.prepare()
    gc.collect()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    rss, retries = _memory_bytes("VmRSS"), operation.client.retries()
    (user, system), start = _cpu(), time.perf_counter()
    done = operation.run()
    seconds, (user_after, system_after) = time.perf_counter() - start, _cpu()
    peak = _memory_bytes("VmHWM")
    retries_after = operation.client.retries()
    return Round(
        seconds=done.seconds or seconds,
        user_s=user_after - user + done.others_user_s,
        system_s=system_after - system + done.others_system_s,
        moved_bytes=done.moved_bytes,
        count=done.count,
        peak_rss_bytes=peak + operation.client.children_peak_rss_bytes(),
        rss_growth_bytes=peak - rss,
        retries=None if retries is None else (retries_after or 0) - retries,
        errors=done.errors,
        first_error=done.first_error,
        accelerator_s=done.accelerator_s,
        training_s=done.training_s,
        latencies_us=[round(each, 1) for each in done.latencies_us],
    )


class _Worker:
    def __init__(self, client_name: str) -> None:
        self._name = client_name
        self._operation: Operation | None = None

    def setup(self, values: dict[str, Any]) -> dict[str, str]:
        job = Job.from_json(values)
        if self._name == LIMIT:
            from s3native.bench.limit import Limit  # it needs the engine, which peers do not load

            self._operation = Limit(Client(), job)
            return {"version": "", "how": "blocking connections, no client at all"}
        module = importlib.import_module(f"s3native.bench.clients.{self._name}")
        client = module.make_client(job)
        self._operation = make_operation(client, job)
        return {"version": str(client.version), "how": str(module.__doc__).split(": ", 1)[1]}

    def round(self, _: None) -> dict[str, Any]:
        assert self._operation is not None
        return asdict(_measure(self._operation))

    def verify(self, _: None) -> str:
        assert self._operation is not None
        return self._operation.digest()


def main(client_name: str) -> None:
    """Answer requests until standard input ends, then leave without waiting for any thread."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what clients print is no answer
    worker = _Worker(client_name)
    for line in sys.stdin:
        ((verb, value),) = json.loads(line).items()
        try:
            answer = {"ok": getattr(worker, verb)(value)}
        except CannotError as error:
            answer = {"cannot": str(error)}
        except Exception:  # told to the parent, which goes on without this client
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)

"""Turns a workload into a job, with its objects in place, and checks what clients move."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from s3native.bench.protocol import Job
from s3native.bench.runner import ClientError, Runner
from s3native.bench.states import stored
from s3native.bench.suite import check_digest, check_download, check_upload
from s3native.bench.workloads import STATES
from stage import SEED
from workloads import COMMANDS, MADE_BY_CLIENTS

if TYPE_CHECKING:
    from stage import Stage
    from workloads import Workload

_LATENCY_READS = 2000


def make_job(workload: Workload, stage: Stage) -> Job:
    """Return the workload's job."""
    server, size = workload.server, workload.object_size or workload.size
    if server == "list":
        bucket = f"keys-{workload.count}"
        options = {"count": workload.count, "prefix": ""}
        return Job(workload.operation, stage.target(server, bucket), [], options=options)
    keys = [f"{workload.operation}-{size}/{number:06}" for number in range(workload.count)]
    stored_size = size
    if server != "sink" and not workload.is_upload and workload.operation not in MADE_BY_CLIENTS:
        stored_size = stage.provide(server, keys, size, workload.stored_as)
        stage.show(server, keys, size)
    return Job(
        workload.operation,
        stage.target(server),
        keys,
        workload.size,
        workload.in_flight,
        memory_limit=workload.memory_limit,
        options={
            "object_size": size,
            "stored_size": stored_size,
            "piece": workload.piece,
            "reads": _LATENCY_READS,
            "alike": True,
            **workload.options,
        },
    )


def verifier(workload: Workload, stage: Stage) -> Callable[[Job, Runner], None]:
    """Return what compares the bytes that arrived, at the client or at the server."""

    def verify(job: Job, runner: Runner) -> None:
        if workload.server == "list":
            return  # where everything is compared each round
        if job.options.get("local") or workload.operation in MADE_BY_CLIENTS:
            check_download(job, runner)
            return
        if workload.stored_as and "operation" in job.options:  # which gets the file as it is
            file = stored(workload.stored_as, job.size, SEED)
            check_digest(runner.verify(), hashlib.sha256(file.data).hexdigest())
            return
        if workload.server == "sink":
            stage.sink.reset()
            runner.round()
            received, sent = stage.sink.stats()["body_bytes"], job.size * len(job.keys)
            if received < sent:
                raise ClientError(f"only {received} of {sent} bytes reached the server")
            return
        if workload.is_upload and workload.operation not in STATES | COMMANDS:
            check_upload(job, runner, stage.place)
        else:
            check_download(job, runner)

    return verify

"""Runs one workload: every client in a process of its own, rounds in turn, medians."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import select
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

import content
from loops import LoopProgram
from programs import BuildError
from protocol import Job, Round
from s3lite import S3Lite
from stage import available_memory
from workloads import S3NATIVE

if TYPE_CHECKING:
    from collections.abc import Callable

    from stage import Stage
    from workloads import Entry, Workload

_WORKER = Path(__file__).with_name("worker.py")
_ANSWER_SECONDS = 600.0
_GIVE_UP_BYTES = 2000


class ClientError(RuntimeError):
    """A client failed; the message is its own."""


class Runner(Protocol):
    """What rounds are asked of: a client's process, or a loop program."""

    version: str

    def round(self) -> Round:
        """Do one timed round."""

    def verify(self) -> str:
        """Return the digest of what the client gets, empty when there is nothing to compare."""

    def close(self) -> None:
        """End the process."""


class ClientProcess:
    """A `worker.py` with its client set up and warmed up."""

    def __init__(self, client: str, job: Job) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed in close()
        self._process = subprocess.Popen(
            [sys.executable, str(_WORKER), client],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        try:
            self.version = str(self._ask("setup", job.to_json()))
        except ClientError:
            self.close()
            raise

    def round(self) -> Round:
        return Round(**self._ask("round"))

    def verify(self) -> str:
        return str(self._ask("verify"))

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _ask(self, verb: str, value: object = None) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # its last words tell more
            self._process.stdin.write(json.dumps({verb: value}).encode() + b"\n")
            self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], _ANSWER_SECONDS)[0]:
            raise ClientError(f"no answer in {_ANSWER_SECONDS:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            raise ClientError(f"ended with {self._process.wait()}: {self._last_words()}")
        answer = json.loads(line)
        if "error" in answer:
            raise ClientError(answer["error"])
        return answer["ok"]

    def _last_words(self) -> str:
        self._errors.seek(0)
        return self._errors.read()[-_GIVE_UP_BYTES:].decode(errors="replace")


@dataclass
class Result:
    """What one row of a workload showed."""

    label: str
    rounds: list[Round] = field(default_factory=list)
    version: str = ""
    verified: bool = False
    error: str = ""

    def median(self, value: Callable[[Round], float]) -> float:
        """Return the median of a figure over the rounds."""
        return median(value(round_) for round_ in self.rounds)


def run_workload(workload: Workload, stage: Stage, say: Callable[[str], None]) -> list[Result]:
    """Measure every installed client of the workload; a client's failure stays in its result."""
    job = _make_job(workload, stage)
    entries = [entry for entry in workload.entries if entry.program or _installed(entry.client)]
    results = {entry.label: Result(entry.label) for entry in entries}
    runners: dict[str, Runner] = {}
    keep = not workload.fresh_process and _fit_together(workload, len(entries))
    try:
        for number in range(workload.rounds):
            for entry in entries[number % len(entries) :] + entries[: number % len(entries)]:
                result = results[entry.label]
                if result.error:
                    continue
                try:
                    _run_round(workload, job, entry, result, runners, stage)
                except (BuildError, ClientError, OSError) as error:
                    result.error = str(error).strip()
                    is_own = entry.client == S3NATIVE
                    told = result.error if is_own else result.error.splitlines()[-1]
                    say(f"{entry.label} failed: {told}")
                if (not keep or result.error) and entry.label in runners:
                    runners.pop(entry.label).close()
    finally:
        for runner in runners.values():
            runner.close()
    return list(results.values())


def _run_round(
    workload: Workload,
    job: Job,
    entry: Entry,
    result: Result,
    runners: dict[str, Runner],
    stage: Stage,
) -> None:
    """Start the entry's process unless it runs, time a round, check the content the first time."""
    if entry.label not in runners:
        runners[entry.label] = _start(entry, job)
    runner = runners[entry.label]
    result.version = runner.version
    result.rounds.append(runner.round())
    if not result.verified and not entry.program:
        _verify(workload, job, runner, stage)
        result.verified = True


def _start(entry: Entry, job: Job) -> Runner:
    if entry.program:
        return LoopProgram(entry.program, job)
    return ClientProcess(entry.client, Job(**{**vars(job), "options": job.options | entry.options}))


def _make_job(workload: Workload, stage: Stage) -> Job:
    server, size = workload.server, workload.object_size or workload.size
    if workload.operation == "list":
        bucket = f"keys-{workload.count}"
        return Job("list", stage.target(server, bucket), [], options={"count": workload.count})
    keys = [f"{workload.operation}-{size}-{number}" for number in range(workload.count)]
    if server != "sink" and not workload.operation.startswith("put"):
        stage.provide(server, keys, size)
    options = {"object_size": size, "piece": workload.piece}
    fixed = (workload.size, workload.in_flight, workload.memory_limit, options)
    return Job(workload.operation, stage.target(server), keys, *fixed)


def _verify(workload: Workload, job: Job, runner: Runner, stage: Stage) -> None:
    """Compare what arrived with what was to arrive, at the client or at the server."""
    if workload.operation == "list":
        return  # the count was compared each round
    if workload.server == "sink":
        stage.sink.reset()
        runner.round()
        received, sent = stage.sink.stats()["body_bytes"], job.size * len(job.keys)
        if received < sent:
            raise ClientError(f"only {received} of {sent} bytes reached the server")
        return
    if workload.operation == "latency":
        found, expected = runner.verify(), content.tail_digest(workload.object_size or 0, job.size)
    elif workload.operation.startswith("put"):
        s3 = S3Lite(job.target)
        s3.delete(job.keys[-1])  # it may be another client's
        runner.round()
        found, expected = s3.digest(job.keys[-1]), content.digest(job.size)
    else:
        found, expected = runner.verify(), content.digest(job.size)
    if found != expected:
        raise ClientError(f"wrong content: SHA-256 {found}, not {expected}")


def _installed(client: str) -> bool:
    return importlib.util.find_spec(client) is not None


def _fit_together(workload: Workload, processes: int) -> bool:
    """Whether all clients' destinations can stay in memory at once."""
    return processes * 2 * workload.size < available_memory() // 2


def machine() -> dict[str, object]:
    """Describe this machine for a report."""
    name = os.uname()
    return {"cpus": os.cpu_count(), "system": f"{name.sysname} {name.release} {name.machine}"}

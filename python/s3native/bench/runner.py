"""Has clients do a job: each in a process of its own, in rounds that go round all of them."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from s3native.bench.memory import available_memory, data_folder
from s3native.bench.protocol import LIMIT, Job, Round, Target

_START = Path(__file__).with_name("_start_worker.py")
_ANSWER_SECONDS = 900.0
_LAST_WORDS_BYTES = 2000


class ClientError(RuntimeError):
    """A client failed; the message is its own."""


class CannotError(RuntimeError):
    """A client has no such operation; the message says why."""


@dataclass(frozen=True)
class Row:
    """A row of a table: a client, with options of its own beside the job's."""

    label: str
    client: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Result:
    """What one row showed. `error` tells why it failed, `cannot` why it was left out."""

    label: str
    client: str
    version: str = ""
    how: str = ""
    rounds: list[Round] = field(default_factory=list)
    verified: bool = False
    error: str = ""
    cannot: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it has figures that can be compared."""
        return bool(self.rounds) and not self.error

    def median(self, value: Callable[[Round], float]) -> float:
        """Return the median of a figure over the rounds."""
        return median(value(each) for each in self.rounds)


class Runner(Protocol):
    """What rounds are asked of."""

    version: str
    how: str

    def ready(self) -> None:
        """Wait until rounds can be done."""

    def round(self) -> Round:
        """Do one timed round."""

    def verify(self) -> str:
        """Return the digest of what the client gets, empty when there is nothing to compare."""

    def close(self) -> None:
        """End it."""


class ClientProcess:
    """A worker with its client, which sets itself up meanwhile."""

    def __init__(self, client: str, job: Job) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed in close()
        self._process = subprocess.Popen(
            [sys.executable, str(_START), client],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment_for(job.target),
            start_new_session=True,  # which ends as a whole, with the programs it runs
        )
        self._patience_s = _ANSWER_SECONDS + job.duration_s
        self.version = self.how = ""
        self._tell("setup", job.to_json())

    def ready(self) -> None:
        """Wait until the client is set up."""
        told = self._answer()
        self.version, self.how = str(told["version"]), str(told["how"])

    def round(self) -> Round:
        """Do one timed round."""
        return Round(**self._ask("round"))

    def verify(self) -> str:
        """Return the digest of what the client gets."""
        return str(self._ask("verify"))

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        self._errors.close()

    def _ask(self, verb: str) -> Any:
        self._tell(verb, None)
        return self._answer()

    def _tell(self, verb: str, value: object) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its last words tell more
            self._process.stdin.write(json.dumps({verb: value}).encode() + b"\n")
            self._process.stdin.flush()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], self._patience_s)[0]:
            raise ClientError(f"no answer in {self._patience_s:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            raise ClientError(f"ended with {self._process.wait()}: {self._last_words()}")
        answer = json.loads(line)
        if "error" in answer:
            raise ClientError(answer["error"].strip())
        if "cannot" in answer:
            raise CannotError(answer["cannot"])
        return answer["ok"]

    def _last_words(self) -> str:
        self._errors.seek(0)
        return self._errors.read()[-_LAST_WORDS_BYTES:].decode(errors="replace")


def environment_for(target: Target) -> dict[str, str]:
    """Return this process's variables, less those that say something else than the target."""
    who = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    if target.profile:
        kept = {name: value for name, value in os.environ.items() if name not in who}
        return {**kept, "AWS_PROFILE": target.profile}
    if target.access_key or target.anonymous:
        return {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "S3_"))}
    return dict(os.environ)


def start_client(row: Row, job: Job) -> Runner:
    """Start a row's process."""
    return ClientProcess(row.client, job)


@dataclass(frozen=True)
class Course:
    """How a job is run: timed rounds of each row, rounds before that are not, and the helpers.

    `keep` has all the processes live until the end, else each lives for a round. `verify` raises
    ClientError when a client gets or puts other bytes than it should; it is called once for each,
    outside of the timed rounds. `tell` hears what is being done, and to whom.
    """

    repeat: int
    warmup: int
    keep: bool
    verify: Callable[[Job, Runner], None]
    tell: Callable[[str, str], None]
    start: Callable[[Row, Job], Runner] = start_client


def fit_together(rows: Sequence[Row], job: Job) -> bool:
    """Whether the objects that all rows hold at once, twice, leave half of the memory free.

    Ranks hold more: the state, what is loaded and what is on its way; the server has it twice.
    """
    copies = 6 if "ranks" in job.options else 2
    return len(rows) * copies * job.size * job.in_flight < available_memory() // 2


def measure(rows: Sequence[Row], job: Job, course: Course) -> list[Result]:
    """Measure every row; a client's failure stays in its result."""
    folder = data_folder(2 * job.size * len(job.keys))
    with tempfile.TemporaryDirectory(prefix="s3native-bench-", dir=folder) as scratch:
        job = replace(job, scratch=scratch)
        runs = [_Run(row, job, course) for row in rows]
        try:
            if course.keep:  # all at once: half the time on two CPUs
                for run in runs:
                    run.start()
                for run in runs:
                    run.attempt(run.get_ready)
            for number in range(course.repeat):
                first = number % len(runs)
                for run in [*runs[first:], *runs[:first]]:
                    run.attempt(run.round)
        finally:
            for run in runs:
                run.close()
    return [run.result for run in runs]


class _Run:
    """A row being measured; what goes wrong ends it, and is noted in its result."""

    def __init__(self, row: Row, job: Job, course: Course) -> None:
        self.result = Result(row.label, row.client)
        self._row = row
        self._job = replace(job, options=job.options | row.options)
        self._course = course
        self._runner: Runner | None = None
        self._is_ready = self._is_warm = False

    def start(self) -> Runner:
        """Start its process unless it runs."""
        if self._runner is None:
            self._runner = self._course.start(self._row, self._job)
        return self._runner

    def attempt(self, step: Callable[[], None]) -> None:
        """Do a step, if none before has failed."""
        if self.result.error or self.result.cannot:
            return
        try:
            step()
        except CannotError as error:
            self.result.cannot = str(error)
        except (ClientError, OSError) as error:
            self.result.error = str(error)
        if self.result.error or self.result.cannot:
            self._tell("failed" if self.result.error else "cannot")
            self.close()

    def close(self) -> None:
        """End its process."""
        if self._runner is not None:
            self._runner.close()
        self._runner, self._is_ready, self._is_warm = None, False, False

    def get_ready(self) -> None:
        """Wait until its client is set up."""
        runner = self.start()
        self._tell("starts")
        runner.ready()
        self._is_ready = True
        self.result.version, self.result.how = runner.version, runner.how

    def round(self) -> None:
        """Do a timed round, and whatever comes before and after the first one."""
        if not self._is_ready:
            self.get_ready()
        if not self._is_warm:
            for _ in range(self._course.warmup):
                self._do("warms up")
            self._is_warm = True
        done = self._do(f"round {len(self.result.rounds) + 1} of {self._course.repeat}")
        self.result.rounds.append(done)
        if not self.result.verified and self._row.client != LIMIT:
            self._tell("is verified")
            self._course.verify(self._job, self.start())
            self.result.verified = True
        self._tell("done")
        if not self._course.keep:
            self.close()

    def _do(self, what: str) -> Round:
        """Do a round; one with errors is kept for them."""
        self._tell(what)
        done = self.start().round()
        if done.errors:
            self.result.rounds.append(done)
            calls = f"{done.errors} of {done.errors + done.count} calls failed"
            raise ClientError(f"{calls}: {done.first_error}")
        return done

    def _tell(self, what: str) -> None:
        self._course.tell(self._row.label, what)

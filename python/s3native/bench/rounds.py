"""What every operation is made of: calls that are timed and counted, once or for a while."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from s3native.bench import content
from s3native.bench.clients import Client
from s3native.bench.protocol import Job

_MOST_ERRORS = 3
"""A round ends after so many: retries of a server that fails take long."""

Item = TypeVar("Item")


@dataclass
class Done:
    """What one round moved; `seconds` is 0 unless the operation has a clock of its own.

    `others_user_s` and `others_system_s` are CPU time of processes that go on living.
    """

    moved_bytes: int = 0
    count: int = 0
    latencies_us: list[float] = field(default_factory=list)
    errors: int = 0
    first_error: str = ""
    accelerator_s: float = 0.0
    training_s: float = 0.0
    seconds: float = 0.0
    others_user_s: float = 0.0
    others_system_s: float = 0.0

    def fail(self, error: Exception) -> None:
        """Count an error."""
        self.errors += 1
        told = str(error).strip().partition("\n")[0]
        self.first_error = self.first_error or f"{type(error).__name__}: {told}"

    def add(self, other: Done) -> None:
        """Add what another thread did."""
        self.moved_bytes += other.moved_bytes
        self.count += other.count
        self.latencies_us += other.latencies_us
        self.errors += other.errors
        self.first_error = self.first_error or other.first_error
        self.seconds += other.seconds


def each(job: Job, items: Sequence[Item], call: Callable[[int, Item], int]) -> Done:
    """Call a function for each item, by `in_flight` threads, or again and again for `duration_s`.

    It gets the thread's number and the item, and returns bytes. Each call is timed.
    """
    threads = max(1, min(job.in_flight, len(items)))
    ends = time.perf_counter() + job.duration_s if job.duration_s else float("inf")
    rest = itertools.cycle(items) if job.duration_s else iter(items)
    failures: list[Exception] = []

    def work(number: int) -> Done:
        done = Done()
        for item in rest:
            start = time.perf_counter()
            if start > ends or len(failures) >= _MOST_ERRORS:
                break
            try:
                done.moved_bytes += call(number, item)
            except Exception as error:  # told in the report
                failures.append(error)
                done.fail(error)
                continue
            done.latencies_us.append((time.perf_counter() - start) * 1e6)
            done.count += 1
        return done

    if threads == 1:
        return work(0)
    total = Done()
    with ThreadPoolExecutor(threads) as pool:
        for done in pool.map(work, range(threads)):
            total.add(done)
    return total


def again(job: Job, run: Callable[[], Done]) -> Done:
    """Do something once, or again and again for `duration_s`; an error ends it."""
    ends = time.perf_counter() + job.duration_s
    total = Done()
    while True:
        try:
            total.add(run())
        except Exception as error:  # told in the report
            total.fail(error)
            return total
        if time.perf_counter() >= ends:
            return total


class CannotError(Exception):
    """A client has no such operation, or it cannot be done here."""


class Operation:
    """One way to use a client. `run` is timed; `prepare` comes before each run, untimed."""

    needs: ClassVar[tuple[str, ...]] = ()
    """The client's methods that it uses."""

    def __init__(self, client: Client, job: Job) -> None:
        self.client = client
        self.job = job

    def prepare(self) -> None:
        """Undo what the last run left."""

    def run(self) -> Done:
        """Move the job's keys."""
        raise NotImplementedError

    def digest(self) -> str:
        """Return the SHA-256 of what arrives; empty for what brings nothing."""
        return ""

    def digest_of(self, pieces: Callable[[str], Iterable[Any]]) -> str:
        """Return the digest of the objects that are compared, each as an iterable of its bytes."""
        digests = []
        for key in self.job.verified_keys:
            digest = hashlib.sha256()
            for piece in pieces(key):
                digest.update(piece)
            digests.append(digest.hexdigest())
        return content.together(digests)


def checked(found: int, expected: int) -> int:
    """Return what was found; raises ValueError unless it is as expected."""
    if found != expected:
        raise ValueError(f"{found} instead of {expected}")
    return found

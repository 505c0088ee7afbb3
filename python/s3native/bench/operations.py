"""The operations that are measured, the same code around every client."""

from __future__ import annotations

import hashlib
import itertools
import random
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from s3native.bench import content
from s3native.bench.clients import Client
from s3native.bench.protocol import Job
from s3native.bench.rounds import Done, Operation, again, checked, each

MIX = {"get": 45, "head": 30, "put": 15, "delete": 10}
"""Percent of each in "mixed": the default of MinIO's benchmark, warp."""


class GetInto(Operation):
    """Whole objects into memory that is faulted in, the same each round.

    It has ``stored_size`` bytes where those are more than what counts.
    """

    needs = ("get_into",)

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        at_once = min(job.in_flight, len(job.keys))
        size = int(job.options.get("stored_size", job.size))
        self._arrays = [np.ones(size, np.uint8) for _ in range(at_once)]

    def run(self) -> Done:
        return each(self.job, self.job.keys, self._get)

    def _get(self, thread: int, key: str) -> int:
        self.client.get_into(key, self._arrays[thread])
        return self.job.size

    def digest(self) -> str:
        def read(key: str) -> Iterator[Any]:
            self._arrays[0][:] = 0
            self._get(0, key)
            yield self._arrays[0].data

        return self.digest_of(read)


class Get(Operation):
    """Whole objects into memory that the client brings; of one object it is kept for the round."""

    needs = ("get",)
    _last: Any = None

    def prepare(self) -> None:
        self._last = None

    def run(self) -> Done:
        return each(self.job, self.job.keys, self._get)

    def _get(self, _thread: int, key: str) -> int:
        data = self.client.get(key)
        if len(self.job.keys) == 1:
            self._last = data
        return checked(memoryview(data).nbytes, self.job.size)

    def digest(self) -> str:
        return self.digest_of(lambda key: [self.client.get(key)])


class Put(Operation):
    """Objects from an array."""

    needs = ("put",)

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        self._array = content.array(job.size, job.seed)

    def run(self) -> Done:
        return each(self.job, self.job.keys, self._put)

    def _put(self, _thread: int, key: str) -> int:
        self.client.put(key, self._array)
        return self.job.size


class GetMany(Operation):
    """Many objects by one call, each dropped as soon as it was seen."""

    needs = ("get_many",)

    def run(self) -> Done:
        return again(self.job, self._get)

    def _get(self) -> Done:
        done = Done()
        began: list[float] = []

        def keys() -> Iterator[str]:
            for key in self.job.keys:
                began.append(time.perf_counter())
                yield key

        def visit(index: int, data: Any) -> None:
            done.moved_bytes += len(data)
            if self.client.takes_keys_late:
                done.latencies_us.append((time.perf_counter() - began[index]) * 1e6)

        self.client.get_many(keys(), self.job.in_flight, visit)
        done.count = len(self.job.keys)
        checked(done.moved_bytes, self.job.size * done.count)
        return done

    def digest(self) -> str:
        found: dict[int, str] = {}

        def visit(index: int, data: Any) -> None:
            found[index] = hashlib.sha256(data).hexdigest()

        self.client.get_many(self.job.verified_keys, self.job.in_flight, visit)
        return content.together(found[index] for index in sorted(found))


class PutMany(Operation):
    """Many objects by one call, from the same bytes."""

    needs = ("put_many",)

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        self._array = content.array(job.size, job.seed)

    def run(self) -> Done:
        return again(self.job, self._put)

    def _put(self) -> Done:
        self.client.put_many(self.job.keys, self.job.in_flight, self._array)
        return Done(self.job.size * len(self.job.keys), len(self.job.keys))


class ReadFiles(Operation):
    """Objects as files, each opened and read whole; as views with the option ``as_view``."""

    needs = ("open_reader",)

    def run(self) -> Done:
        return each(self.job, self.job.keys, self._read)

    def _read(self, _thread: int, key: str) -> int:
        as_view = self.job.options.get("as_view")
        with self.client.open_reader(key) as file:
            return checked(len(file.readview() if as_view else file.read()), self.job.size)

    def digest(self) -> str:
        def read(key: str) -> Iterator[Any]:
            with self.client.open_reader(key) as file:
                yield file.read()

        return self.digest_of(read)


class ReadFile(Operation):
    """Objects as files, in reads of ``piece`` bytes."""

    needs = ("open_reader",)

    def run(self) -> Done:
        return each(self.job, self.job.keys, self._read)

    def _read(self, _thread: int, key: str) -> int:
        return checked(sum(len(piece) for piece in self._pieces(key)), self.job.size)

    def digest(self) -> str:
        return self.digest_of(self._pieces)

    def _pieces(self, key: str) -> Iterator[Any]:
        size = int(self.job.options["piece"])
        with self.client.open_reader(key) as file:
            while piece := file.read(size):
                yield piece


class ReadFileInto(ReadFile):
    """Objects as files, into the same ``piece`` bytes of memory again and again."""

    def _pieces(self, key: str) -> Iterator[Any]:
        memory = np.ones(int(self.job.options["piece"]), np.uint8).data
        with self.client.open_reader(key) as file:
            while got := file.readinto(memory):
                yield memory[:got]


class WriteFile(Put):
    """Objects as files, in writes of ``piece`` bytes."""

    needs = ("open_writer",)

    def _put(self, _thread: int, key: str) -> int:
        piece, view = int(self.job.options["piece"]), self._array.data
        with self.client.open_writer(key) as file:
            for start in range(0, self.job.size, piece):
                file.write(view[start : start + piece])
        return self.job.size


class List(Operation):
    """All keys below the job's prefix, their size looked at, none kept."""

    needs = ("list_all",)

    def run(self) -> Done:
        return again(self.job, self._list)

    def _list(self) -> Done:
        found = self.client.list_all(self.job.options["prefix"])
        return Done(0, checked(found, self.job.options["count"]))


class Head(Operation):
    """Sizes of objects."""

    needs = ("head",)

    def run(self) -> Done:
        return each(self.job, self.job.keys, self._head)

    def _head(self, _thread: int, key: str) -> int:
        checked(self.client.head(key), self.job.size)
        return 0


class RandomRead(Operation):
    """Reads of ``size`` bytes of one object, at the same random offsets for every client."""

    needs = ("range_reader",)

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        threads = range(job.in_flight)
        self._arrays = [np.ones(job.size, np.uint8) for _ in threads]
        self._reads = [client.range_reader(job.keys[0]) for _ in threads]

    def run(self) -> Done:
        return each(self.job, random_offsets(self.job), self._read)

    def _read(self, thread: int, offset: int) -> int:
        self._reads[thread](offset, self._arrays[thread])
        return self.job.size

    def digest(self) -> str:
        """Return the digest of the last part of the object."""
        self._arrays[0][:] = 0
        self._read(0, int(self.job.options["object_size"]) - self.job.size)
        return hashlib.sha256(self._arrays[0].data).hexdigest()


def random_offsets(job: Job) -> list[int]:
    """Where a job's random reads start."""
    chooser = random.Random(job.seed)
    last = int(job.options["object_size"]) - job.size
    return [chooser.randrange(last + 1) for _ in range(int(job.options["reads"]))]


class Mixed(Operation):
    """Reads, sizes, uploads and removals in the proportions of `MIX`."""

    needs = ("get", "head", "put", "delete")

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        self._array = content.array(job.size, job.seed)
        self._there: deque[str] = deque()

    def run(self) -> Done:
        return each(self.job, mixed_calls(self.job), self._call)

    def _call(self, _thread: int, what: tuple[str, str]) -> int:
        verb, key = what
        if verb == "head":
            checked(self.client.head(key), self.job.size)
            return 0
        if verb == "get":
            return checked(memoryview(self.client.get(key)).nbytes, self.job.size)
        if verb == "delete" and self._there:
            self.client.delete(self._there.popleft())
            return 0
        self.client.put(key, self._array)  # also where there is nothing to delete yet
        self._there.append(key)
        return self.job.size

    def digest(self) -> str:
        return self.digest_of(lambda key: [self.client.get(key)])


def mixed_calls(job: Job) -> list[tuple[str, str]]:
    """What a job of "mixed" calls, with which key; uploads have keys of their own."""
    chooser = random.Random(job.seed)
    verbs = chooser.choices(list(MIX), list(MIX.values()), k=int(job.options["calls"]))
    of_reads = itertools.cycle(job.keys)
    return [
        (verb, f"{job.keys[0]}-put-{number}" if verb in ("put", "delete") else next(of_reads))
        for number, verb in enumerate(verbs)
    ]

"""The operations that are measured, the same code around every client."""

from __future__ import annotations

import hashlib
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import content
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clients import Client
    from protocol import Job

LATENCY_READS = 2000
_OFFSET_SEED = 11
_SAMPLE_KEYS = 64


@dataclass
class Done:
    """What one round moved."""

    moved_bytes: int
    count: int
    latencies_us: list[float] = field(default_factory=list)


class Operation:
    """One way to use a client. `run` is timed; `prepare` comes before each run, untimed."""

    def __init__(self, client: Client, job: Job) -> None:
        self.client = client
        self.job = job

    def prepare(self) -> None:
        """Undo what the last run left."""

    def warm_up(self) -> None:
        """Open connections and fault memory in."""
        self.run()

    def run(self) -> Done:
        """Move the job's keys once."""
        raise NotImplementedError

    def digest(self) -> str:
        """Return the SHA-256 of what arrives; empty for what brings nothing."""
        return ""


class GetInto(Operation):
    """A whole object into memory that is faulted in, the same each round."""

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        self._array = np.ones(job.size, np.uint8)

    def run(self) -> Done:
        self.client.get_into(self.job.keys[0], self._array)
        return Done(self.job.size, 1)

    def digest(self) -> str:
        self._array[:] = 0
        self.run()
        return hashlib.sha256(self._array.data).hexdigest()


class GetBuffer(Operation):
    """A whole object into memory that the client brings."""

    _last: Any = None

    def prepare(self) -> None:
        self._last = None

    def run(self) -> Done:
        self._last = self.client.get(self.job.keys[0])
        assert memoryview(self._last).nbytes == self.job.size
        return Done(self.job.size, 1)

    def digest(self) -> str:
        self.prepare()
        self.run()
        return hashlib.sha256(self._last).hexdigest()


class Put(Operation):
    """One object from an array."""

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        self._array = content.array(job.size)

    def run(self) -> Done:
        self.client.put(self.job.keys[0], self._array)
        return Done(self.job.size, 1)


class GetMany(Operation):
    """Many objects at once, each dropped as soon as it was seen."""

    def warm_up(self) -> None:
        self.client.get_many(self.job.sample(_SAMPLE_KEYS), lambda _index, _data: None)

    def run(self) -> Done:
        moved = 0

        def visit(_: int, data: Any) -> None:
            nonlocal moved
            moved += len(data)

        self.client.get_many(self.job, visit)
        assert moved == self.job.size * len(self.job.keys)
        return Done(moved, len(self.job.keys))

    def digest(self) -> str:
        """Return the digest that the first objects have in common."""
        digests = set()

        def visit(_: int, data: Any) -> None:
            digests.add(hashlib.sha256(data).hexdigest())

        self.client.get_many(self.job.sample(_SAMPLE_KEYS), visit)
        return " ".join(sorted(digests))


class PutMany(Operation):
    """Many objects at once from the same bytes."""

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        self._data = content.array(job.size).tobytes()

    def warm_up(self) -> None:
        self.client.put_many(self.job.sample(_SAMPLE_KEYS), self._data)

    def run(self) -> Done:
        self.client.put_many(self.job, self._data)
        return Done(self.job.size * len(self.job.keys), len(self.job.keys))


class ReadFile(Operation):
    """An object through a file, in reads of ``piece`` bytes."""

    def run(self) -> Done:
        moved = sum(len(piece) for piece in self._pieces())
        assert moved == self.job.size
        return Done(moved, 1)

    def digest(self) -> str:
        digest = hashlib.sha256()
        for piece in self._pieces():
            digest.update(piece)
        return digest.hexdigest()

    def _pieces(self) -> Iterator[Any]:
        size = int(self.job.options["piece"])
        with self.client.open_reader(self.job.keys[0]) as file:
            while piece := file.read(size):
                yield piece


class ReadFileInto(ReadFile):
    """An object through a file, into the same ``piece`` bytes of memory again and again."""

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        self._array = np.ones(int(job.options["piece"]), np.uint8)

    def _pieces(self) -> Iterator[Any]:
        with self.client.open_reader(self.job.keys[0]) as file:
            while got := file.readinto(self._array.data):
                yield self._array.data[:got]


class WriteFile(Operation):
    """An object through a file, in writes of ``piece`` bytes."""

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        self._array = content.array(job.size)

    def run(self) -> Done:
        piece, view = int(self.job.options["piece"]), self._array.data
        with self.client.open_writer(self.job.keys[0]) as file:
            for start in range(0, self.job.size, piece):
                file.write(view[start : start + piece])
        return Done(self.job.size, 1)


class ReadFiles(Operation):
    """Many objects, each opened, read whole and closed, by ``in_flight`` threads.

    With the option ``as_view`` into memory of the client's own.
    """

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        self._as_view = bool(job.options.get("as_view"))

    def warm_up(self) -> None:
        self._read(self.job.keys[:_SAMPLE_KEYS])

    def run(self) -> Done:
        keys, threads = self.job.keys, self.job.in_flight
        with ThreadPoolExecutor(threads) as pool:
            moved = sum(pool.map(self._read, [keys[i::threads] for i in range(threads)]))
        assert moved == self.job.size * len(keys)
        return Done(moved, len(keys))

    def _read(self, keys: list[str]) -> int:
        moved = 0
        for key in keys:
            with self.client.open_reader(key) as file:
                moved += len(file.readview() if self._as_view else file.read())
        return moved

    def digest(self) -> str:
        with self.client.open_reader(self.job.keys[0]) as file:
            return hashlib.sha256(file.read()).hexdigest()


class List(Operation):
    """All keys of the bucket, their size looked at, none kept."""

    def warm_up(self) -> None:
        """Leave the memory as it is: its growth is what the first listing shows."""

    def run(self) -> Done:
        count = self.client.list_all()
        assert count == self.job.options["count"]
        return Done(0, count)


class Latency(Operation):
    """Reads of ``size`` bytes, one at a time, at the same random offsets for every client."""

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        self._array = np.ones(job.size, np.uint8)
        self._read = client.range_reader(job.keys[0])
        self._last_offset = int(job.options["object_size"]) - job.size

    def run(self) -> Done:
        chooser = random.Random(_OFFSET_SEED)
        latencies = []
        for _ in range(LATENCY_READS):
            offset = chooser.randrange(self._last_offset)
            start = time.perf_counter()
            self._read(offset, self._array)
            latencies.append((time.perf_counter() - start) * 1e6)
        return Done(self.job.size * LATENCY_READS, LATENCY_READS, latencies)

    def digest(self) -> str:
        """Return the digest of the last part of the object."""
        self._array[:] = 0
        self._read(self._last_offset, self._array)
        return hashlib.sha256(self._array.data).hexdigest()


_OPERATIONS: dict[str, Callable[[Client, Job], Operation]] = {
    "get_into": GetInto,
    "get": GetBuffer,
    "put": Put,
    "get_many": GetMany,
    "put_many": PutMany,
    "read_file": ReadFile,
    "read_file_into": ReadFileInto,
    "write_file": WriteFile,
    "read_files": ReadFiles,
    "list": List,
    "latency": Latency,
}


def make_operation(client: Client, job: Job) -> Operation:
    """Return the job's operation with its memory in place."""
    return _OPERATIONS[job.options.get("operation", job.operation)](client, job)

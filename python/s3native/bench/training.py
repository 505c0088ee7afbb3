"""Training that is fed from S3, with emulated accelerators, as MLPerf Storage does it.

Threads read samples ahead; a batch that is complete is computed on for a while, in which this
process sleeps. The accelerator's utilisation is the share of the time that it computes, counted
from when the first batch is there.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

from s3native.bench.rounds import Done, Operation

_TICK_S = 0.1


class _Training(Operation):
    """Options of the job: ``batch_size`` samples, ``compute_s`` a batch, ``epochs``."""

    def run(self) -> Done:
        options = self.job.options
        batch_size, compute_s = int(options["batch_size"]), float(options["compute_s"])
        keys = iter(self.job.keys * int(options["epochs"]))
        ready: queue.Queue[int] = queue.Queue(batch_size + self.job.in_flight)
        failures: list[Exception] = []

        def read() -> None:
            try:
                for key in keys:
                    for size in self._samples(key):
                        ready.put(size)
            except Exception as error:  # told in the report
                failures.append(error)

        threads = [threading.Thread(target=read, daemon=True) for _ in range(self.job.in_flight)]
        for thread in threads:
            thread.start()
        done, begun = Done(), 0.0
        while batch := self._batch(ready, batch_size, threads):
            begun = begun or time.perf_counter()
            time.sleep(compute_s)
            done.moved_bytes += sum(batch)
            done.count += len(batch)
            done.accelerator_s += compute_s
        done.training_s = time.perf_counter() - begun if begun else 0.0
        for failure in failures:
            done.fail(failure)
        return done

    def _batch(
        self, ready: queue.Queue[int], size: int, threads: list[threading.Thread]
    ) -> list[int]:
        """Wait for a whole batch; what is left at the end is none."""
        batch: list[int] = []
        while len(batch) < size:
            running = any(thread.is_alive() for thread in threads)
            try:
                batch.append(ready.get(timeout=_TICK_S if running else 0.001))
            except queue.Empty:
                if not running:
                    return []
        return batch

    def _samples(self, key: str) -> Iterator[int]:
        """Yield the size of each sample of an object as it arrives."""
        raise NotImplementedError


class TrainObjects(_Training):
    """A sample is an object."""

    needs = ("get",)

    def _samples(self, key: str) -> Iterator[int]:
        yield memoryview(self.client.get(key)).nbytes

    def digest(self) -> str:
        return self.digest_of(lambda key: [self.client.get(key)])


class TrainRecords(_Training):
    """A sample is a record of ``record_size`` bytes in an object that has many, read in order."""

    needs = ("open_reader",)

    def _samples(self, key: str) -> Iterator[int]:
        return (len(record) for record in self._records(key))

    def digest(self) -> str:
        return self.digest_of(self._records)

    def _records(self, key: str) -> Iterator[Any]:
        with self.client.open_reader(key) as file:
            while record := file.read(int(self.job.options["record_size"])):
                yield record

"""What training with TensorFlow does: read records, save and restore checkpoints, list files."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np

from s3native.bench import content, states
from s3native.bench.clients import Client
from s3native.bench.protocol import Job
from s3native.bench.rounds import CannotError, Done, Operation, checked

_BATCH = 100
_VARIABLES = 16
_ELEMENTS = 1000


class WithTensorflow(Operation):
    """Cannot be done without TensorFlow."""

    needs = ("tensorflow_path",)

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        if importlib.util.find_spec("tensorflow") is None:
            raise CannotError("TensorFlow is not installed")
        self.tf = states.import_tensorflow()
        self.paths = [client.tensorflow_path(key) for key in job.keys]


class ReadRecords(WithTensorflow):
    """Files of records, one after the other, or ``parallel`` at a time: up to the last record.

    What the iterator's end takes is TensorFlow's: it waits for a thread that tunes it.
    """

    def run(self) -> Done:
        done = Done()
        for size, count in self._batches(self.paths):
            done.moved_bytes += size
            done.count += count
            if done.moved_bytes == self.job.size * len(self.paths):
                break
        checked(done.moved_bytes, self.job.size * len(self.paths))
        return done

    def _batches(self, paths: list[str]) -> Iterator[tuple[int, int]]:
        """Bytes and records."""
        tf = self.tf
        dataset = tf.data.TFRecordDataset(
            paths, num_parallel_reads=self.job.options.get("parallel")
        )
        for sizes in dataset.batch(_BATCH).map(tf.strings.length):
            yield int(tf.reduce_sum(sizes)), int(tf.size(sizes))

    def digest(self) -> str:
        def read(key: str) -> Iterator[Any]:
            for record in self.tf.data.TFRecordDataset(self.client.tensorflow_path(key)):
                yield record.numpy()

        return self.digest_of(read)


class RestoreVariables(WithTensorflow):
    """A checkpoint of 16 variables, which is saved before; it is restored into the same ones."""

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        parts = np.array_split(content.array(job.size, job.seed).view(np.float32), _VARIABLES)
        self._variables = [self.tf.Variable(part) for part in parts]
        self._checkpoint = self.tf.train.Checkpoint(variables=self._variables)
        self._path = f"{self.paths[0]}-{type(client).__name__}/checkpoint"
        self._save()

    def _save(self) -> None:
        self._checkpoint.write(self._path)

    def run(self) -> Done:
        self._checkpoint.read(self._path).assert_consumed()
        return Done(self.job.size, 1)

    def digest(self) -> str:
        for variable in self._variables:
            variable.assign(self.tf.zeros_like(variable))
        self._checkpoint.read(self._path).assert_consumed()
        total = hashlib.sha256()
        for variable in self._variables:
            total.update(variable.numpy().data)
        return content.together([total.hexdigest()])


class SaveVariables(RestoreVariables):
    """The same, saved."""

    def run(self) -> Done:
        self._save()
        return Done(self.job.size, 1)


class LoadDataset(WithTensorflow):
    """A small dataset that was saved before, loaded and gone through."""

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        self._path = f"{self.paths[0]}-{type(client).__name__}"
        self.tf.data.Dataset.range(_ELEMENTS).save(self._path)

    def run(self) -> Done:
        return Done(8 * len(self._elements()), 1)

    def _elements(self) -> list[int]:
        return [int(element) for element in self.tf.data.Dataset.load(self._path)]

    def digest(self) -> str:
        """Return what the test object has, if all elements are there: nothing else is compared."""
        if self._elements() != list(range(_ELEMENTS)):
            return "other elements"
        return content.digest_of_first(1, self.job.size, self.job.seed, alike=True)


class MatchFiles(WithTensorflow):
    """All files of two folders deep, by a pattern: as a dataset, and as a list."""

    def run(self) -> Done:
        pattern = self.client.tensorflow_path("data/*/*")
        count = sum(1 for _ in self.tf.data.Dataset.list_files(pattern, shuffle=False).batch(1000))
        found = len(self.tf.io.gfile.glob(pattern))
        checked(found, int(self.job.options["count"]))
        checked(count, -(-found // 1000))
        return Done(0, 2 * found)

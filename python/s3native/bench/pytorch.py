"""What training with PyTorch does: save and load state dicts, and samples by a `DataLoader`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from s3native.bench import states
from s3native.bench.clients import Client
from s3native.bench.protocol import Job
from s3native.bench.rounds import CannotError, Done, Operation, again, each


class WithTorch(Operation):
    """Cannot be done without PyTorch."""

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        if not states.torch_is_here():
            raise CannotError("PyTorch is not installed")
        importlib.import_module("torch")  # outside of the rounds


class SaveState(WithTorch):
    """A state dict, saved as `torch.save` does."""

    needs = ("save_state", "load_state")

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        self._state = states.make(job.size, job.seed)

    def run(self) -> Done:
        return each(self.job, self.job.keys, self._save)

    def _save(self, _thread: int, key: str) -> int:
        self.client.save_state(key, self._state)
        return states.size_of(self.job.size)

    def digest(self) -> str:
        """Return that of what is loaded again."""
        key = self.job.keys[0]
        self._save(0, key)
        return states.digest(self.client.load_state(key))


class LoadState(WithTorch):
    """What `torch.save` saved; that of the last round is dropped before the next one."""

    needs = ("load_state",)
    _loaded: Any = None

    def prepare(self) -> None:
        self._loaded = None

    def run(self) -> Done:
        return each(self.job, self.job.keys, self._keep)

    def _keep(self, _thread: int, key: str) -> int:
        self._loaded = self._load(key)
        return states.size_of(self.job.size)

    def _load(self, key: str) -> states.State:
        return self.client.load_state(key)

    def digest(self) -> str:
        return states.digest(self._load(self.job.keys[0]))


class LoadSafetensors(LoadState):
    """The tensors of a safetensors file."""

    needs = ("load_safetensors",)

    def _load(self, key: str) -> states.State:
        return self.client.load_safetensors(key)


class LoadSamples(WithTorch):
    """An epoch of a `DataLoader` with ``workers``, in batches of ``batch_size`` objects.

    Each sample becomes a tensor of the object's bytes in a worker, which hands over its size.
    """

    needs = ("samples",)

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        self._dataset = self._samples(job.keys)

    def _samples(self, keys: list[str]) -> Any:
        return self.client.samples(keys)

    def run(self) -> Done:
        return again(self.job, self._epoch)

    def _epoch(self) -> Done:
        from torch.utils.data import DataLoader

        options = self.job.options
        loader: DataLoader[Any] = DataLoader(
            self._dataset,
            batch_size=int(options["batch_size"]),
            num_workers=int(options["workers"]) if self.client.samples_in_workers else 0,
            collate_fn=_sizes,
        )
        done = Done()
        for sizes in loader:
            done.moved_bytes += sum(sizes)
            done.count += len(sizes)
        return done

    def digest(self) -> str:
        def read(key: str) -> list[Any]:
            return [next(iter(self.client.samples([key]))).numpy().data]

        return self.digest_of(read)


class LoadMappedSamples(LoadSamples):
    """The same of a dataset that is asked for samples by their numbers."""

    needs = ("mapped_samples",)

    def _samples(self, keys: list[str]) -> Any:
        return self.client.mapped_samples(keys)

    def digest(self) -> str:
        return self.digest_of(lambda key: [self._samples([key])[0].numpy().data])


class FirstSample(WithTorch):
    """The first sample of an epoch, of a dataset that has kept its listing."""

    needs = ("kept_samples",)

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        self._manifest = str(Path(job.scratch, "manifest"))
        self._first()  # lists, and keeps what it has found

    def run(self) -> Done:
        return Done(self._first().nbytes, 1)

    def _first(self) -> Any:
        from torch.utils.data import DataLoader

        dataset = self.client.kept_samples(self.job.keys, self._manifest)
        return next(iter(DataLoader(dataset, batch_size=None)))

    def digest(self) -> str:
        return self.digest_of(lambda _key: [self._first().numpy().data])


def _sizes(samples: list[Any]) -> list[int]:
    return [sample.numel() for sample in samples]

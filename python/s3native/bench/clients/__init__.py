"""The clients that are measured, one module each with a function ``make_client(job)``.

Each module uses its client the way that client's documentation recommends for the operation; its
docstring's first line says how. A client that cannot do an operation leaves the method out and is
skipped there. A new client is a new module, and its name in `NAMES`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import io
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from s3native.bench.states import State

    Array = np.ndarray[Any, np.dtype[np.uint8]]
    Visit = Callable[[int, Any], None]  # index of the key, bytes-like content
    ReadRange = Callable[[int, Array], object]  # offset in the object, where to put the bytes

NAMES = (
    "s3native",
    "boto3",
    "obstore",
    "s3fs",
    "pyarrow",
    "s3torchconnector",
    "s3dlio",
    "s5cmd",
    "smart_open",
    "runai_model_streamer",
    "tensorflow_io",
    "tmpfs",
)
"""Known clients, in the order of tables."""

TENSORFLOW = frozenset(
    {"read_records", "restore_variables", "save_variables", "load_dataset", "match_files"}
)
"""Operations of TensorFlow."""

ONLY_FOR = {
    "runai_model_streamer": frozenset({"load_safetensors"}),
    "tensorflow_io": TENSORFLOW,
    "tmpfs": frozenset({"save_state", "load_state"}) | TENSORFLOW,
}
"""Clients that are no rows but of these operations."""

_PROGRAMS = {"s5cmd"}
_PACKAGES = {"tmpfs": ("torch", "tensorflow")}  # one of them


def is_installed(name: str) -> bool:
    """Whether a client can be measured here."""
    if name in _PROGRAMS and shutil.which(name):
        return True
    packages = _PACKAGES.get(name, (name,))
    return any(importlib.util.find_spec(package) is not None for package in packages)


def takes_part(name: str, operation: str) -> bool:
    """Whether a client has a row where that operation is measured."""
    return operation in ONLY_FOR.get(name, {operation})


def common_prefix(keys: list[str]) -> str:
    """Return what all keys of a folder begin with, or the only key."""
    return keys[0].rpartition("/")[0] + "/" if len(keys) > 1 else keys[0]


class ThreadLoops:
    """An event loop for each thread, for clients whose calls are coroutines."""

    def __init__(self) -> None:
        self._loops = threading.local()

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run it to its end, in this thread's loop."""
        if not hasattr(self._loops, "of_thread"):
            self._loops.of_thread = asyncio.new_event_loop()
        self._loops.of_thread.run_until_complete(coroutine)


class Client:
    """What an operation may ask of a client; all sizes are in bytes.

    Methods may be called by several threads at once.
    """

    version = ""
    takes_keys_late = False
    """Whether `get_many` goes through its keys as it asks for the objects."""
    samples_in_workers = True
    """Whether a `DataLoader` is to have workers; else the client has threads enough."""

    def get_into(self, key: str, array: Array) -> None:
        """Fill ``array`` with the object, which is of that size."""
        raise NotImplementedError

    def get(self, key: str) -> Any:
        """Return the object as something with the buffer protocol."""
        raise NotImplementedError

    def put(self, key: str, data: Any) -> None:
        """Upload the bytes of a contiguous buffer."""
        raise NotImplementedError

    def get_many(self, keys: Iterable[str], in_flight: int, visit: Visit) -> None:
        """Fetch many objects in one call and show each to ``visit``.

        Where the client takes a key no sooner than it asks for the object, set `takes_keys_late`:
        the time from there to ``visit`` is then the object's latency.
        """
        raise NotImplementedError

    def put_many(self, keys: list[str], in_flight: int, data: Any) -> None:
        """Upload the same bytes to many keys in one call."""
        raise NotImplementedError

    def list_all(self, prefix: str) -> int:
        """List all below the prefix, look at each size and return the number of keys."""
        raise NotImplementedError

    def head(self, key: str) -> int:
        """Return the object's size."""
        raise NotImplementedError

    def delete(self, key: str) -> None:
        """Remove the object."""
        raise NotImplementedError

    def open_reader(self, key: str) -> Any:
        """Open the object as a binary file with `read`, for ``with``."""
        raise NotImplementedError

    def open_writer(self, key: str) -> Any:
        """Open the object as a binary file with `write`, for ``with``."""
        raise NotImplementedError

    def range_reader(self, key: str) -> ReadRange:
        """Return a function that fills an array from an offset of the object, for one thread."""
        raise NotImplementedError

    def save_state(self, key: str, state: State) -> None:
        """Save a state dict of PyTorch as `torch.save` does."""
        raise NotImplementedError

    def load_state(self, key: str) -> State:
        """Load what `torch.save` saved."""
        raise NotImplementedError

    def load_safetensors(self, key: str) -> State:
        """Load all tensors of a safetensors file."""
        raise NotImplementedError

    def distributed_storage(self, url: str) -> tuple[Any, Any]:
        """Return what writes and what reads a checkpoint of `torch.distributed.checkpoint`."""
        raise NotImplementedError

    def samples(self, keys: list[str]) -> Any:
        """Return a dataset of PyTorch whose samples are tensors of the objects' bytes.

        A `DataLoader`'s workers share them. The keys are all of their folder, or one.
        """
        raise NotImplementedError

    def mapped_samples(self, keys: list[str]) -> Any:
        """Return the same as a dataset that is asked for samples by their numbers."""
        raise NotImplementedError

    def kept_samples(self, keys: list[str], manifest: str) -> Any:
        """Return the same as `samples`, with a listing that is kept in that file."""
        raise NotImplementedError

    def tensorflow_path(self, key: str) -> str:
        """Return what TensorFlow is to open, and have it be able to."""
        raise NotImplementedError

    def retries(self) -> int | None:
        """Requests that were repeated so far, if the client tells."""
        return None

    def children_peak_rss_bytes(self) -> int:
        """Return the most memory of a program that it runs."""
        return 0

    def can(self, *methods: str) -> bool:
        """Whether it has these methods."""
        return all(getattr(type(self), name) is not getattr(Client, name) for name in methods)


class CheckpointFiles(Client):
    """A client whose files `torch.save` and `torch.load` take as they are."""

    def save_state(self, key: str, state: State) -> None:
        import torch

        with self.open_writer(key) as file:
            torch.save(state, file)

    def load_state(self, key: str) -> State:
        import torch

        with self.open_reader(key) as file:
            state: State = torch.load(file)
        return state


class CheckpointBuffers(Client):
    """A client that goes through a file in memory, for lack of files of its own."""

    def save_state(self, key: str, state: State) -> None:
        import torch

        file = io.BytesIO()
        torch.save(state, file)
        self.put_file(key, file)

    def load_state(self, key: str) -> State:
        import torch

        state: State = torch.load(self.get_file(key))
        return state

    def put_file(self, key: str, file: io.BytesIO) -> None:
        """Upload what is in the file."""
        raise NotImplementedError

    def get_file(self, key: str) -> io.BytesIO:
        """Return a file that has the object, at its beginning."""
        raise NotImplementedError

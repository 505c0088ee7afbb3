"""The clients that are measured, one module each with a function ``make_client(job)``.

Each module uses its client the way that client's documentation recommends for the operation; its
docstring's first line says how. A client that cannot do an operation leaves the method out and is
skipped there. A new client is a new module, and its name in `NAMES`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

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
)
"""Known clients, in the order of tables."""

_PROGRAMS = {"s5cmd"}


def is_installed(name: str) -> bool:
    """Whether a client can be measured here."""
    if name in _PROGRAMS and shutil.which(name):
        return True
    return importlib.util.find_spec(name) is not None


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

    def save_checkpoint(self, key: str, save: Callable[[Any], None]) -> None:
        """Have ``save`` write to a file that becomes the object."""
        with self.open_writer(key) as file:
            save(file)

    def load_checkpoint(self, key: str, load: Callable[[Any], Any]) -> Any:
        """Have ``load`` read the object as a file that can seek."""
        with self.open_reader(key) as file:
            return load(file)

    def retries(self) -> int | None:
        """Requests that were repeated so far, if the client tells."""
        return None

    def children_peak_rss_bytes(self) -> int:
        """Return the most memory of a program that it runs."""
        return 0

    def can(self, *methods: str) -> bool:
        """Whether it has these methods."""
        return all(getattr(type(self), name) is not getattr(Client, name) for name in methods)

"""The clients that are measured, one module each with a function ``make_client(job)``.

Each module uses its client the way that client's documentation recommends for the operation. A
client that cannot do an operation leaves the method out and is skipped there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from protocol import Job

    Array = np.ndarray[Any, np.dtype[np.uint8]]
    Visit = Callable[[int, Any], None]  # index of the key, bytes-like content
    ReadRange = Callable[[int, Array], object]  # offset in the object, where to put the bytes


class Client:
    """What an operation may ask of a client; all sizes are in bytes."""

    version = ""

    def get_into(self, key: str, array: Array) -> None:
        """Fill ``array`` with the object, which is of that size."""
        raise NotImplementedError

    def get(self, key: str) -> Any:
        """Return the object as something with the buffer protocol."""
        raise NotImplementedError

    def put(self, key: str, array: Array) -> None:
        """Upload ``array``."""
        raise NotImplementedError

    def get_many(self, job: Job, visit: Visit) -> None:
        """Fetch ``job.keys`` with ``job.in_flight`` at once and show each to ``visit``."""
        raise NotImplementedError

    def put_many(self, job: Job, data: bytes) -> None:
        """Upload ``data`` to each of ``job.keys`` with ``job.in_flight`` at once."""
        raise NotImplementedError

    def list_all(self) -> int:
        """List the whole bucket, look at each size and return the number of keys."""
        raise NotImplementedError

    def open_reader(self, key: str) -> Any:
        """Open the object as a binary file with `read`, for ``with``."""
        raise NotImplementedError

    def open_writer(self, key: str) -> Any:
        """Open the object as a binary file with `write`, for ``with``."""
        raise NotImplementedError

    def range_reader(self, key: str) -> ReadRange:
        """Return a function that fills an array from an offset of the object."""
        raise NotImplementedError

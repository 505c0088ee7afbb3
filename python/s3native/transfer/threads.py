"""The same work on many things at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")


def map_in_threads(work: Callable[[Item], Value], items: Iterable[Item], count: int) -> list[Value]:
    """Return what `work` returned for each item, in their order.

    After an error no other item is begun; those under way end, and it is raised.
    """
    numbered = enumerate(items)
    lock = threading.Lock()
    results: dict[int, Value] = {}
    errors: list[BaseException] = []

    def run() -> None:
        while not errors:
            with lock:
                number, item = next(numbered, (-1, None))
            if number < 0:
                return
            try:
                results[number] = work(item)  # type: ignore[arg-type]
            except BaseException as error:  # raised below
                errors.append(error)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException as error:  # an interrupt
        errors.append(error)
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
    return [results[number] for number in range(len(results))]


class Budget:
    """Bytes that several threads share."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._changed = threading.Condition()

    @contextmanager
    def take(self, size: int) -> Iterator[None]:
        """Wait until so many are free, at most what there are in all, and hold them."""
        with self._changed:
            self._changed.wait_for(lambda: self._free >= size)
            self._free -= size
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()

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

    def run(ended: threading.Event) -> None:
        try:
            while not errors:
                with lock:
                    number, item = next(numbered, (-1, None))
                if number < 0:
                    return
                results[number] = work(item)  # type: ignore[arg-type]
        except BaseException as error:  # raised below
            errors.append(error)
        finally:
            ended.set()

    # Not joined: a join that is interrupted takes its thread for ended (Python up to 3.12).
    ends = [threading.Event() for _ in range(count)]
    threads = [threading.Thread(target=run, args=(ended,), daemon=True) for ended in ends]
    try:
        for thread in threads:
            thread.start()
        for ended in ends:
            ended.wait()
    except BaseException as error:  # an interrupt, perhaps of a start
        errors.append(error)
        for thread, ended in zip(threads, ends, strict=True):
            if thread.ident is not None:  # else it will find the error, if it starts at all
                ended.wait()
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

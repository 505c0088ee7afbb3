"""What a sync has to do, from two listings. Pure: no file, no request."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from s3native.transfer.places import fault_as_path

Found = tuple[str, int, float]
"""An `Entry` as listings have it: of millions, making one for each is what costs."""


class Entry(NamedTuple):
    """A file or object: its name below where the listing starts, with "/" between the parts."""

    name: str
    size: int
    mtime_s: float


class Step(NamedTuple):
    """What is to be done with an entry; of "refuse", `reason` says why."""

    action: Literal["copy", "check", "delete", "refuse"]
    entry: Entry
    reason: str = ""


Comparison = Literal["mtime", "size", "checksum"]


class Filter:
    """Which names are meant: those that match an include, if there are any, and no exclude.

    Patterns are those of `fnmatch`; "*" also matches "/".
    """

    def __init__(self, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> None:
        self._include = _any_of(include)
        self._exclude = _any_of(exclude)

    def __call__(self, name: str) -> bool:
        if self._include is not None and not self._include(name):
            return False
        return self._exclude is None or not self._exclude(name)

    def of(self, found: Iterable[Found]) -> Iterator[Found]:
        """Yield what is meant."""
        if self._include is None and self._exclude is None:
            return iter(found)
        return (each for each in found if self(each[0]))


def _any_of(patterns: Iterable[str]) -> Callable[[str], object] | None:
    given = list(patterns)
    if not given:
        return None
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in given)).match


def is_newer(source_s: float, target_s: float) -> bool:
    """Whether a source changed after its target, by whole seconds: as much as S3 tells."""
    return source_s // 1 > target_s // 1


def compare(
    source: Iterable[Found], target: Iterable[Found], comparison: Comparison, *, delete: bool
) -> Iterator[Step]:
    """Yield what makes the target like the source; both are ordered by name.

    Entries of the same size are copied when the source is newer; with "size" never; with "checksum"
    there is a step "check".
    """
    targets = iter(target)
    there = next(targets, None)
    for found in source:
        name, size, mtime_s = found
        while there is not None and there[0] < name:
            if delete:
                yield Step("delete", Entry(*there))
            there = next(targets, None)
        if there is None or there[0] != name:
            yield Step("copy", Entry(*found))
            continue
        if there[1] != size:
            yield Step("copy", Entry(*found))
        elif comparison == "checksum":
            yield Step("check", Entry(*found))
        elif comparison == "mtime" and is_newer(mtime_s, there[2]):
            yield Step("copy", Entry(*found))
        there = next(targets, None)
    while delete and there is not None:
        yield Step("delete", Entry(*there))
        there = next(targets, None)


def as_files(steps: Iterable[Step]) -> Iterator[Step]:
    """Refuse what cannot be a file below a folder, and a key below another key.

    A key that ends with "/" and has no bytes is what some tools make for a folder: left out.
    """
    files: list[str] = []  # of which the current name may lie below
    for step in steps:
        name = step.entry.name
        if step.action == "delete":
            yield step
            continue
        if name.endswith("/") and step.entry.size == 0:
            continue
        while files and not name.startswith(files[-1]):
            files.pop()
        above = next((file for file in files if name.startswith(file + "/")), None)
        fault = fault_as_path(name)
        if not fault and above is not None:
            fault = f"{above} is an object as well, and a path is either a file or a folder"
        if fault:
            yield Step("refuse", step.entry, fault)
            continue
        files.append(name)
        yield step

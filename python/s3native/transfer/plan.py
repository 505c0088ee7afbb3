"""What a sync has to do, from two listings. Pure: no file, no request."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from s3native.transfer.places import fault_as_path


class Entry(NamedTuple):
    """A file or object: its name below where the listing starts, with "/" between the parts."""

    name: str
    size: int
    mtime_s: float
    etag: str = ""


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

    def of(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield the entries that are meant."""
        if self._include is None and self._exclude is None:
            return iter(entries)
        return (entry for entry in entries if self(entry.name))


def _any_of(patterns: Iterable[str]) -> Callable[[str], object] | None:
    given = list(patterns)
    if not given:
        return None
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in given)).match


def compare(
    source: Iterable[Entry], target: Iterable[Entry], comparison: Comparison, *, delete: bool
) -> Iterator[Step]:
    """Yield what makes the target like the source; both are ordered by name.

    Entries of the same size are copied when the source is newer, by whole seconds, which is as much
    as S3 tells; with "size" never; with "checksum" there is a step "check".
    """
    targets = iter(target)
    there = next(targets, None)
    for entry in source:
        while there is not None and there.name < entry.name:
            if delete:
                yield Step("delete", there)
            there = next(targets, None)
        if there is None or there.name > entry.name:
            yield Step("copy", entry)
            continue
        if there.size != entry.size:
            yield Step("copy", entry)
        elif comparison == "checksum":
            yield Step("check", entry)
        elif comparison == "mtime" and int(entry.mtime_s) > int(there.mtime_s):
            yield Step("copy", entry)
        there = next(targets, None)
    while delete and there is not None:
        yield Step("delete", there)
        there = next(targets, None)


def ordered(entries: Iterable[Entry], where: str) -> Iterator[Entry]:
    """Check the order that `compare` needs; raises ValueError."""
    last = ""
    for entry in entries:
        if entry.name < last:
            raise ValueError(f"{where} is not listed in the order of its keys")
        last = entry.name
        yield entry


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

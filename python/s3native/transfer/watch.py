"""A local folder that is kept like a prefix, whose own folders appear whole: versions of models."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator

from s3native.client import Client
from s3native.errors import S3Error
from s3native.transfer.listing import at_least_one, files_below, objects_below
from s3native.transfer.places import LocalPlace, S3Place
from s3native.transfer.plan import Filter, Found, Step, as_files, compare
from s3native.transfer.run import Runner
from s3native.transfer.tasks import task_of

_HERE = ""
"""Stands for what lies in no folder."""


def by_folder(found: Iterable[Found]) -> dict[str, tuple[Found, ...]]:
    """Return what lies in each first folder, numbers in their order before other names.

    Names are those below it. What lies in none is below the name "".
    """
    folders: dict[str, list[Found]] = {}
    for name, size, mtime_s in found:
        folder, _, rest = name.partition("/") if "/" in name else (_HERE, "", name)
        folders.setdefault(folder, []).append((rest, size, mtime_s))
    order = sorted(folders, key=lambda name: (not name.isdecimal(), len(name), name))
    return {name: tuple(folders[name]) for name in order}


class Watch:
    """Looks at a prefix again and again, and brings what is new.

    A folder is brought when two looks in a row have found the same in it, so that none is taken
    for whole while it is uploaded: beside its place, and is renamed when all of it is there and
    nothing has changed meanwhile. Folders whose names are numbers appear in their order.

    Args:
        last: the file without which a folder is not whole; "": none is.
    """

    def __init__(
        self,
        client: Client,
        source: S3Place,
        target: LocalPlace,
        names: Filter,
        concurrency: int,
        *,
        last: str,
        delete: bool,
        tell: Callable[[str], None],
        fail: Callable[[str], None],
    ) -> None:
        self._client = client
        self._source = source
        self._target = target
        self._names = names
        self._concurrency = concurrency
        self._last = last
        self._delete = delete
        self._tell = tell
        self._fail = fail
        self._seen: dict[str, tuple[Found, ...]] = {}
        self._brought: dict[str, tuple[Found, ...]] = {}

    def look(self) -> None:
        """Look once. What fails is said, and tried again at the next look."""
        try:
            listed = objects_below(self._client, self._source)
            found = by_folder(self._names.of(at_least_one(listed, self._source)))
            os.makedirs(self._target.path, exist_ok=True)
            before, self._seen = self._seen, found
            for folder, entries in found.items():
                if self._brought.get(folder) == entries:
                    continue
                if folder == _HERE:
                    if not self._bring_files(entries):
                        continue
                elif not self._is_current(folder, entries):
                    settled = before.get(folder) == entries and self._is_whole(entries)
                    if not (settled and self._bring(folder, entries)):
                        if folder.isdecimal():
                            break  # later ones wait for it
                        continue
                self._brought[folder] = entries
            if self._delete and before:
                self._remove(found.keys() | before.keys())
        except (S3Error, OSError, ValueError) as error:
            self._fail(str(error))

    def _is_whole(self, entries: tuple[Found, ...]) -> bool:
        files = {name for name, _, _ in entries if not name.endswith("/")}
        return self._last in files if self._last else bool(files)

    def _is_current(self, folder: str, entries: tuple[Found, ...]) -> bool:
        place = self._target.below(folder)
        return os.path.isdir(place.path) and not self._differences(entries, place)

    def _differences(self, entries: Iterable[Found], place: LocalPlace) -> list[Step]:
        there = files_below(place.path, self._report, "none") if os.path.isdir(place.path) else ()
        return list(as_files(compare(entries, there, "mtime", delete=True)))

    def _bring(self, folder: str, entries: tuple[Found, ...]) -> bool:
        """Whether all of it could be had."""
        source = self._source.below(folder).folder()
        part = self._target.below(f".s3native-{folder}.part")
        steps = self._differences(entries, part)  # it may be there from a run that was interrupted
        if not self._do(steps, source, part):
            return False
        if tuple(self._names_below(source, folder)) != entries:
            return False  # it has changed: the next look sees that
        final = self._target.below(folder)
        self._discard(final)
        os.rename(part.path, final.path)
        self._tell(f"new {source} -> {final}")
        return True

    def _names_below(self, source: S3Place, folder: str) -> Iterator[Found]:
        for name, size, mtime_s in objects_below(self._client, source):
            if self._names(f"{folder}/{name}"):
                yield name, size, mtime_s

    def _bring_files(self, entries: tuple[Found, ...]) -> bool:
        """Of no folder: each appears by itself. Whether all could be had."""
        there = [
            (each.name, each.stat().st_size, each.stat().st_mtime)
            for each in sorted(os.scandir(self._target.path), key=lambda each: each.name)
            if each.is_file()
        ]
        steps = as_files(compare(entries, there, "mtime", delete=False))
        return self._do(steps, self._source, self._target)

    def _do(self, steps: Iterable[Step], source: S3Place, target: LocalPlace) -> bool:
        """Whether all of it could be done."""
        tasks = (task_of(step, source, target, {}) for step in steps)
        outcome = Runner(self._client, self._concurrency).run(tasks)
        for failure in outcome.failures:
            self._fail(failure)
        return not outcome.failures

    def _remove(self, kept: Iterable[str]) -> None:
        """Folders that were at the prefix neither now nor at the last look."""
        for each in os.scandir(self._target.path):
            is_meant = each.is_dir(follow_symlinks=False) and self._names(f"{each.name}/")
            if is_meant and each.name not in kept and not each.name.startswith(".s3native-"):
                self._discard(LocalPlace(each.path))
                self._tell(f"delete {each.path}")

    def _discard(self, place: LocalPlace) -> None:
        """Have a folder be gone at once."""
        if os.path.isdir(place.path):
            gone = self._target.below(f".s3native-{place.name}.gone")
            shutil.rmtree(gone.path, ignore_errors=True)
            os.rename(place.path, gone.path)
            shutil.rmtree(gone.path)

    def _report(self, path: str, why: str) -> None:
        self._fail(f"{path}: {why}")

"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
from functools import lru_cache

_process = secrets.token_hex(6)
_numbers = itertools.count()


def link_on_the_way(folder: str, name: str) -> str:
    """Return the path of the first folder between `folder` and `name` that is a symbolic link.

    Nothing if none is. What was found is kept: a transfer asks for each of its files.
    """
    return _link_at_or_above(folder, name.rpartition("/")[0])


@lru_cache(maxsize=10_000)
def _link_at_or_above(root: str, folder: str) -> str:
    if not folder:
        return ""
    path = os.path.join(root, folder)
    above = _link_at_or_above(root, folder.rpartition("/")[0])
    return above or (path if os.path.islink(path) else "")


class PartialFile:
    """A file under a hidden name beside its target: becomes it by `commit`, or is removed.

    Folders that lead to it are made. Raises OSError.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        folder = os.path.dirname(target)
        self._path = os.path.join(folder, f".s3native-{_process}-{next(_numbers)}.part")
        try:
            self.descriptor = self._open()
        except FileNotFoundError:
            os.makedirs(folder, exist_ok=True)
            self.descriptor = self._open()

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)

    def write(self, data: memoryview) -> None:
        """Add bytes."""
        while data:
            data = data[os.write(self.descriptor, data) :]

    def commit(self, mtime_s: float | None = None) -> None:
        """Give it its name, and the time of its last change."""
        if mtime_s is not None:
            os.utime(self.descriptor, (mtime_s, mtime_s))
        os.rename(self._path, self.target)
        os.close(self.descriptor)

    def discard(self) -> None:
        """Remove it."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)
        with contextlib.suppress(OSError):
            os.unlink(self._path)

"""Has TensorBoard read `s3://`: it finds the loader here by an entry point of this package."""

from __future__ import annotations

import fnmatch
import importlib.util
import itertools
import time
from typing import Any

from tensorboard.plugins import base_plugin

import s3native
from s3native import plugin

_KEPT_SECONDS = 1.0
"""How long a listing is good for: one look at a log directory asks for it again and again, and
looks are 5 s apart."""


class Loader(base_plugin.TBLoader):
    """A plugin without a dashboard."""

    def fix_flags(self, flags: Any) -> None:
        """Register the filesystem, if the logs are on `s3://`: TensorFlow takes long to import."""
        places = (getattr(flags, name, "") or "" for name in ("logdir", "logdir_spec"))
        if any("s3://" in place for place in places):
            _register()

    def load(self, _context: Any) -> None:
        """Return nothing: there is no dashboard."""


def _register() -> None:
    without = importlib.util.find_spec("tensorboard.compat.notf") is not None
    if not without and importlib.util.find_spec("tensorflow") is not None:
        from s3native.tensorflow import register

        register()
        plugin.keep_listings(_KEPT_SECONDS)
        return
    from tensorboard.compat.tensorflow_stub.io import gfile

    gfile.register_filesystem("s3", Filesystem())


class Filesystem:
    """What TensorBoard needs of a filesystem where there is no TensorFlow. Paths may be bytes.

    One listing serves all that is asked of a folder within a second.
    """

    def __init__(self) -> None:
        self._listed: dict[str, tuple[float, dict[str, int]]] = {}

    def exists(self, path: str | bytes) -> bool:
        """Return whether there is such an object or folder."""
        return self.isdir(path) or _text(path) in self._below(_text(path))

    def isdir(self, path: str | bytes) -> bool:
        """Return whether an object is below."""
        return bool(self._below(_folder(path)))

    def join(self, path: str, *paths: str) -> str:
        """Return one path."""
        return "/".join((path.rstrip("/"), *paths))

    def stat(self, path: str | bytes) -> Any:
        """Return the size."""
        from tensorboard.compat.tensorflow_stub.io import gfile

        return gfile.StatData(self._found(lambda: s3native.head(_text(path)).size))

    def listdir(self, path: str | bytes) -> list[str]:
        """Return the names in a folder."""
        folder = _folder(path)
        names = {url[len(folder) :].partition("/")[0] for url in self._below(folder)}
        return sorted(names - {""})

    def glob(self, pattern: str | bytes) -> list[str]:
        """Return what matches, objects and folders; "*" stands for no slash."""
        parts = _text(pattern).split("/")
        fixed = itertools.takewhile(lambda part: not set(part) & set("*?["), parts)
        below = self._below("/".join(fixed) + "/")
        heads = {tuple(url.split("/")[: len(parts)]) for url in below}
        return sorted(
            "/".join(head)
            for head in heads
            if len(head) == len(parts) and head[-1] and all(map(fnmatch.fnmatchcase, head, parts))
        )

    def read(
        self,
        path: str | bytes,
        binary_mode: bool = False,
        size: int | None = None,
        continue_from: Any = None,
    ) -> tuple[Any, Any]:
        """Return what is there from where the last read ended, and where this one does."""
        url = _text(path)
        start = int(continue_from["byte_offset"]) if continue_from else 0
        if continue_from and self._below(url).get(url) == start:
            return (b"" if binary_mode else ""), continue_from
        end = None if size is None else start + size
        try:
            data = self._found(lambda: bytes(s3native.get(url, range=(start, end))))
        except s3native.RangeError:  # nothing new
            data = b""
        where = {"byte_offset": start + len(data)}
        return (data if binary_mode else data.decode()), where

    def write(self, path: str | bytes, content: Any, binary_mode: bool = False) -> None:
        """Replace an object."""
        s3native.put(_text(path), content if binary_mode else _text(content).encode())

    def makedirs(self, path: str | bytes) -> None:
        """Do nothing: folders are there while there are objects in them."""

    def _below(self, prefix: str) -> dict[str, int]:
        """Return URLs and sizes of what begins with the prefix."""
        now = time.monotonic()
        self._listed = {root: kept for root, kept in self._listed.items() if now < kept[0]}
        for root, (_, sizes) in self._listed.items():
            if prefix.startswith(root):
                return {url: size for url, size in sizes.items() if url.startswith(prefix)}
        sizes = {entry.url: entry.size for page in s3native.list(prefix) for entry in page.objects}
        self._listed[prefix] = time.monotonic() + _KEPT_SECONDS, sizes
        return sizes

    def _found(self, ask: Any) -> Any:
        from tensorboard.compat.tensorflow_stub import errors

        try:
            return ask()
        except FileNotFoundError as error:
            raise errors.NotFoundError(None, None, str(error)) from error


def _text(text: str | bytes) -> str:
    return text.decode() if isinstance(text, bytes) else text


def _folder(path: str | bytes) -> str:
    return _text(path).rstrip("/") + "/"

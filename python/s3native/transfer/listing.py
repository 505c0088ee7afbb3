"""What is there: files below a folder, objects below a prefix, in the order of their names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Literal

from s3native import _core
from s3native.client import Client
from s3native.errors import NotFoundError
from s3native.transfer.places import S3Place
from s3native.transfer.plan import Filter, Found

Report = Callable[[str, str], None]  # a path, and what is wrong with it

Links = Literal["follow", "files", "none"]
"""Which symbolic links are taken for what they lead to: all, those to files, none."""


def files_below(folder: str, report: Report, links: Links = "follow") -> Iterator[Found]:
    """Yield the files below a folder; what is none, or cannot be read, is reported.

    A link into a folder that leads to it is reported; links that are not taken are left out.
    """
    yield from _walk(os.fsencode(folder), b"", report, links, ())


def _walk(
    root: bytes, prefix: bytes, report: Report, links: Links, linked: tuple[bytes, ...]
) -> Iterator[Found]:
    folder = os.path.join(root, prefix)
    try:
        children = _core.scan_folder(folder, prefix, links != "none")
    except OSError as error:
        report(_shown(folder), error.strerror or str(error))
        return
    for found in children:
        name, size, code = found
        if not name.isascii() and not _is_utf8(name):
            report(_shown(os.path.join(root, os.fsencode(name))), "its name is not UTF-8")
        elif size >= 0:
            yield found
        elif size == _core.FOLDER:
            yield from _walk(root, os.fsencode(name), report, links, linked)
        elif size == _core.LINKED_FOLDER:
            if links == "files":
                continue
            path = os.path.join(root, os.fsencode(name)).rstrip(b"/")
            target = os.path.join(os.path.realpath(path), b"")
            at = os.path.join(os.path.realpath(folder), b"")
            if any(place.startswith(target) for place in (*linked, at)):
                report(_shown(path), "a link to a folder that it is in")
            else:
                yield from _walk(root, os.fsencode(name), report, links, (*linked, target))
        else:
            reason = os.strerror(int(code)) if code else "neither a file nor a folder"
            report(_shown(os.path.join(root, os.fsencode(name))), reason)


def _shown(path: bytes) -> str:
    return path.decode(errors="replace")


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def objects_below(client: Client, place: S3Place) -> Iterator[Found]:
    """Yield the objects whose keys start with the place's key, without that.

    Raises ValueError when the server does not list them in order.
    """
    last = ""
    for page in client._list_plain(place.bucket, place.key):
        for found in page:
            name = found[0]
            if name < last:
                raise ValueError(f"{place.url} is not listed in the order of its keys")
            last = name
            if name:
                yield found


def objects_meant(
    client: Client, place: S3Place, *, recursive: bool, wildcards: bool
) -> tuple[S3Place, Iterator[Found]] | None:
    """Return a folder, and what is meant below it; nothing when the place is one key.

    That is what is like a pattern, or with `recursive` all there is. Where there is none, whoever
    iterates gets NotFoundError.
    """
    if wildcards and place.pattern:
        root = place.before_wildcards()
        wanted = Filter([place.pattern])
        every = objects_below(client, root)
        found: Iterator[Found] = (each for each in every if wanted(root.key + each[0]))
    elif recursive:
        root = place.folder()
        found = objects_below(client, root)
    else:
        return None
    return root, at_least_one(found, place)


def at_least_one(found: Iterator[Found], place: S3Place) -> Iterator[Found]:
    """Yield what is found at a place; raises NotFoundError if it is nothing."""
    first = next(found, None)
    if first is None:
        raise NotFoundError(f"nothing is at {place.url}")
    yield first
    yield from found

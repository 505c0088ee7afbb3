"""What is there: files below a folder, objects below a prefix, in the order of their names."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from operator import itemgetter

from s3native.client import Client
from s3native.transfer.places import S3Place
from s3native.transfer.plan import Entry

Report = Callable[[str, str], None]  # a path, and what is wrong with it


def files_below(folder: str, report: Report, *, follow_symlinks: bool = True) -> Iterator[Entry]:
    """Yield the files below a folder; what is none, or cannot be read, is reported.

    Symbolic links are followed, but not into a folder that leads to them; else they are left out.
    """
    yield from _walk(folder, "", report, follow_symlinks, ())


def _walk(
    folder: str, prefix: str, report: Report, follow: bool, linked: tuple[str, ...]
) -> Iterator[Entry]:
    try:
        with os.scandir(folder) as found:
            # As the whole names will be ordered: "a" before "a!" before "a/b".
            children = sorted(
                [(item.name + "/" if item.is_dir() else item.name, item) for item in found],
                key=itemgetter(0),
            )
    except OSError as error:
        return report(folder, error.strerror or str(error))
    for name, item in children:
        if not follow and item.is_symlink():
            continue
        try:
            name.encode()
            if name[-1] != "/":
                status = item.stat()
                if stat.S_ISREG(status.st_mode):
                    yield Entry(prefix + name, status.st_size, status.st_mtime)
                else:
                    report(item.path, "neither a file nor a folder")
                continue
        except UnicodeEncodeError:
            report(item.path, "its name is not UTF-8, as a key must be")
            continue
        except OSError as error:
            report(item.path, error.strerror or str(error))
            continue
        below = linked
        if item.is_symlink():
            target = os.path.realpath(item.path) + os.sep
            if any(at.startswith(target) for at in (*linked, os.path.realpath(folder) + os.sep)):
                report(item.path, "a link to a folder that it is in")
                continue
            below = (*linked, target)
        yield from _walk(item.path, prefix + name, report, follow, below)


def objects_below(client: Client, place: S3Place) -> Iterator[Entry]:
    """Yield the objects whose keys start with the place's key, without that."""
    start = len(place.key)
    for page in client.list(place.url):
        for info in page.objects:
            name = info.key[start:]
            if name:
                yield Entry(name, info.size, info._last_modified_ms / 1000, info.etag)

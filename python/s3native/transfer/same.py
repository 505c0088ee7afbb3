"""Tasks that are done only when their target is not yet what it should be."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from s3native import _core
from s3native.client import Client
from s3native.errors import NotFoundError
from s3native.transfer.plan import is_newer
from s3native.transfer.tasks import Copy, Download, Move, Task, Upload, checksum_text

_PIECE = 1 << 20


@dataclass(frozen=True)
class Unless:
    """A task to be done unless `check` holds."""

    task: Move
    check: Callable[[Client, Move], bool]

    @property
    def size(self) -> int:
        """Bytes that may have to be moved."""
        return self.task.size

    @property
    def count(self) -> int:
        """Files it is about."""
        return self.task.count

    def __str__(self) -> str:
        return str(self.task)

    def run(self, client: Client) -> bool:
        """Do the task if it is needed."""
        return is_needed(client, self) and self.task.run(client)


def is_needed(client: Client, task: Task) -> bool:
    """Whether a task has anything to do; asks the server if it must."""
    return not (isinstance(task, Unless) and task.check(client, task.task))


def is_there(client: Client, task: Move) -> bool:
    """Whether the task's target exists."""
    return _target(client, task) is not None


def is_current(client: Client, task: Move) -> bool:
    """Whether the task's target is as large as its source, and not older."""
    target = _target(client, task)
    if target is None:
        return False
    if isinstance(task, Download):
        source_s = task.mtime_s or 0
    elif isinstance(task, Upload):
        source_s = os.stat(task.path).st_mtime
    else:
        source_s = client.head(task.source)._last_modified_ms / 1000
    size, target_s = target
    return size == task.size and not is_newer(source_s, target_s)


def _target(client: Client, task: Move) -> tuple[int, float] | None:
    """Size and time of the task's target, if it exists."""
    try:
        if isinstance(task, Download):
            there = os.stat(task.path)
            return there.st_size, there.st_mtime
        info = client.head(task.url)
    except (FileNotFoundError, NotFoundError):
        return None
    return info.size, info._last_modified_ms / 1000


def is_same(client: Client, task: Move) -> bool:
    """Whether source and target, of the same size, have the same bytes.

    As far as can be told without moving them: by their checksums.
    """
    if isinstance(task, Copy):
        one, other = client.head(task.source), client.head(task.url)
        if one.checksum_crc64nvme and other.checksum_crc64nvme:
            return one.checksum_crc64nvme == other.checksum_crc64nvme
        return one.etag == other.etag
    info = client.head(task.url)
    if info.checksum_crc64nvme:
        return _crc64nvme(task.path) == info.checksum_crc64nvme
    tag = info.etag.strip('"')
    return len(tag) == 32 and _md5(task.path) == tag  # of parts, or encrypted, it is none


def _crc64nvme(path: str) -> str:
    checksum = 0
    with open(path, "rb", buffering=0) as file:
        buffer = memoryview(bytearray(_PIECE))
        while size := file.readinto(buffer):
            checksum = _core.crc64nvme(buffer[:size], checksum)
    return checksum_text(checksum)


def _md5(path: str) -> str:
    checksum = hashlib.md5(usedforsecurity=False)
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            checksum.update(piece)
    return checksum.hexdigest()

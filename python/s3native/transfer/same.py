"""Whether two contents are the same, as far as can be told without moving them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from s3native import _core
from s3native.client import Client
from s3native.transfer.tasks import Copy, Download, Task, Upload, checksum_text

_PIECE = 1 << 20


@dataclass(frozen=True)
class UnlessSame:
    """A task whose target is there, of the same size: done only if the contents differ."""

    task: Task

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
        """Do the task if its contents differ, or if that cannot be told."""
        return not self._same(client) and self.task.run(client)

    def _same(self, client: Client) -> bool:
        task = self.task
        if isinstance(task, Copy):
            one, other = client.head(task.source), client.head(task.url)
            if one.checksum_crc64nvme and other.checksum_crc64nvme:
                return one.checksum_crc64nvme == other.checksum_crc64nvme
            return one.etag == other.etag
        assert isinstance(task, Upload | Download)
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

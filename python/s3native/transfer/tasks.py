"""One thing to be done: an upload, a download, a copy, a removal. Each knows how."""

from __future__ import annotations

import base64
import mimetypes
import os
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from s3native import _core
from s3native.client import Client
from s3native.errors import IntegrityError
from s3native.transfer.files import PartialFile, link_on_the_way
from s3native.transfer.places import LocalPlace, Place, S3Place
from s3native.transfer.plan import Entry, Step
from s3native.transfer.threads import Budget, map_in_threads

SMALL = 1 << 20
"""Bytes up to which a file is moved at once."""

_UPLOAD_PIECE = 32 << 20
_DOWNLOAD_PIECE = 8 << 20
_PIECES_AT_ONCE = 6
_memory = Budget(256 << 20)
"""Of all that is larger than SMALL, however many files are moved at once: of uploads the memory, of
downloads what is asked for."""


class Task(Protocol):
    """What a `Runner` does; its text says what that is."""

    @property
    def size(self) -> int:
        """Bytes that are moved."""

    @property
    def count(self) -> int:
        """Files or objects it is about."""

    def run(self, client: Client) -> bool:
        """Do it, or raise; False when there was nothing to do."""


class FileChangedError(OSError):
    """A file was written to while it was being uploaded."""


@dataclass(frozen=True)
class Upload:
    """A file to an object."""

    path: str
    url: str
    size: int
    settings: dict[str, Any] = field(default_factory=dict)
    count: int = 1

    def __str__(self) -> str:
        return f"upload {self.path} -> {self.url}"

    def run(self, client: Client) -> bool:
        """Do it; the object appears whole or not at all."""
        settings = self.settings
        if "content_type" not in settings:
            settings = settings | content_type_of(self.path)
        with open(self.path, "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            if before.st_size <= SMALL:
                data = file.read()
                self._check(before, file.fileno())
                client.put(self.url, data, **settings)
                return True
            piece = min(_UPLOAD_PIECE, before.st_size)
            with _memory.take(piece), client.open(self.url, "wb", **settings) as out:
                buffer = memoryview(bytearray(piece))
                while size := file.readinto(buffer):
                    out.write(buffer[:size])
                self._check(before, file.fileno())  # before the object appears
        return True

    def _check(self, before: os.stat_result, descriptor: int) -> None:
        after = os.fstat(descriptor)
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise FileChangedError(f"{self.path} was written to while it was read: try again")


@dataclass(frozen=True)
class Download:
    """An object to a file."""

    url: str
    path: str
    size: int
    mtime_s: float | None = None
    count: int = 1

    def __str__(self) -> str:
        return f"download {self.url} -> {self.path}"

    def run(self, client: Client) -> bool:
        """Do it; the file appears whole or not at all."""
        file = PartialFile(self.path)
        try:
            if self.size <= SMALL:
                file.write(memoryview(client.get(self.url)))
            else:
                with _memory.take(min(self.size, _PIECES_AT_ONCE * _DOWNLOAD_PIECE)):
                    self._in_pieces(client, file)
            file.commit(self.mtime_s)
        except BaseException:
            file.discard()
            raise
        return True

    def _in_pieces(self, client: Client, file: PartialFile) -> None:
        """Several at once, each by a thread of its own."""
        info = client.head(self.url)

        def fetch(start: int) -> tuple[int, int]:
            end = min(start + _DOWNLOAD_PIECE, info.size)
            checksum = client._get_into_file(
                self.url,
                file.descriptor,
                (start, end),
                if_match=info.etag,
                checksum=bool(info.checksum_crc64nvme),
            )
            return checksum, end - start

        pieces = map_in_threads(fetch, range(0, info.size, _DOWNLOAD_PIECE), _PIECES_AT_ONCE)
        checksum = 0
        for of_piece, size in pieces:
            checksum = _core.combine_crc64nvme(checksum, of_piece, size)
        if info.checksum_crc64nvme not in ("", checksum_text(checksum)):
            raise IntegrityError(f"{self.url} arrived with bytes that do not match its CRC64NVME")


@dataclass(frozen=True)
class Copy:
    """An object to another, by the server."""

    source: str
    url: str
    size: int
    settings: dict[str, Any] = field(default_factory=dict)
    count: int = 1

    def __str__(self) -> str:
        return f"copy {self.source} -> {self.url}"

    def run(self, client: Client) -> bool:
        """Do it."""
        client.copy(self.source, self.url, **self.settings)
        return True


Move = Upload | Download | Copy


def move(source: Place, target: Place, entry: Entry, settings: dict[str, Any]) -> Move:
    """Return the task that makes the target of what is at the source."""
    if isinstance(source, LocalPlace):
        assert isinstance(target, S3Place)
        return Upload(source.path, target.url, entry.size, settings)
    if isinstance(target, S3Place):
        return Copy(source.url, target.url, entry.size, settings)
    return Download(source.url, target.path, entry.size, entry.mtime_s)


@dataclass(frozen=True)
class Remove:
    """An object, or a file, is to be no more."""

    target: str
    size: int = 0
    count: int = 1

    def __str__(self) -> str:
        return f"delete {self.target}"

    def run(self, client: Client) -> bool:
        """Do it."""
        if self.target.startswith("s3://"):
            client.delete(self.target)
        else:
            os.unlink(self.target)
        return True


@dataclass(frozen=True)
class RemoveMany:
    """Up to 1 000 objects of a bucket are to be no more."""

    urls: tuple[str, ...]
    size: int = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.urls)

    def __str__(self) -> str:
        return "\n".join(f"delete {url}" for url in self.urls)

    def run(self, client: Client) -> bool:
        """Do it."""
        failed = client.delete_many(self.urls)
        if failed:
            raise OSError("; ".join(f"{url}: {error}" for url, error in failed))
        return True


@dataclass(frozen=True)
class Refuse:
    """Not to be done."""

    target: str
    reason: str
    size: int = 0
    count: int = 1

    def __str__(self) -> str:
        return self.target

    def run(self, client: Client) -> bool:
        """Say why."""
        raise ValueError(self.reason)


def task_of(
    step: Step, source: Place, target: Place, settings: dict[str, Any]
) -> Move | Remove | Refuse:
    """Return the task that a step means, of what lies below the source and the target.

    Links that lead out of a local target are not followed.
    """
    name = step.entry.name
    if step.action == "delete":
        return Remove(str(target.below(name)))
    if step.action == "refuse":
        return Refuse(str(source.below(name)), step.reason)
    if isinstance(target, LocalPlace) and (link := link_on_the_way(target.path, name)):
        reason = f"it would be written to where the link {link} leads"
        return Refuse(str(source.below(name)), reason)
    return move(source.below(name), target.below(name), step.entry, settings)


def checksum_text(crc64nvme: int) -> str:
    """Return a checksum as S3 writes it."""
    return base64.b64encode(crc64nvme.to_bytes(8, "big")).decode()


@lru_cache
def _content_type(ending: str) -> str | None:
    return mimetypes.guess_type("name" + ending)[0]


def content_type_of(path: str) -> dict[str, str]:
    """The setting that follows from a file's ending, if one does."""
    guessed = _content_type(os.path.splitext(path)[1].lower())
    return {} if guessed is None else {"content_type": guessed}

"""Where a transfer starts or ends: a path, or a bucket and a key. Nothing here looks at either."""

from __future__ import annotations

import os
from dataclasses import dataclass

from s3native import _core

_WILDCARDS = frozenset("*?[")


@dataclass(frozen=True)
class S3Place:
    """An object, or with a key that is empty or ends with "/" all that lies below it."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return self.url

    @property
    def url(self) -> str:
        """As the user would write it."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def is_folder(self) -> bool:
        """Whether the key can only be a prefix."""
        return not self.key or self.key.endswith("/")

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rstrip("/").rpartition("/")[2]

    @property
    def pattern(self) -> str:
        """The key if it has wildcards, else nothing."""
        return self.key if _WILDCARDS & set(self.key) else ""

    def folder(self) -> S3Place:
        """The same as a prefix that ends at a "/"."""
        return self if self.is_folder else S3Place(self.bucket, self.key + "/")

    def below(self, name: str) -> S3Place:
        """`name` in this folder."""
        return S3Place(self.bucket, self.folder().key + name)

    def before_wildcards(self) -> S3Place:
        """The folder in which everything lies that the pattern can match."""
        end = next(i for i, letter in enumerate(self.key) if letter in _WILDCARDS)
        return S3Place(self.bucket, self.key[: self.key.rfind("/", 0, end) + 1])


@dataclass(frozen=True)
class LocalPlace:
    """A path; "-" is standard input or output."""

    path: str

    def __str__(self) -> str:
        return self.path

    @property
    def is_stream(self) -> bool:
        """Whether it is standard input or output."""
        return self.path == "-"

    @property
    def is_folder(self) -> bool:
        """Whether it is written as a folder."""
        return self.path.endswith(os.sep) or os.path.basename(self.path) in (".", "..")

    @property
    def name(self) -> str:
        """The last part of the path."""
        return os.path.basename(os.path.abspath(self.path))

    def below(self, name: str) -> LocalPlace:
        """`name` in this folder."""
        return LocalPlace(os.path.join(self.path, name))


Place = S3Place | LocalPlace


def parse_place(text: str) -> Place:
    """Return what the user means; raises ValueError for a URL that makes no sense."""
    if text.startswith("s3://"):
        return S3Place(*_core.parse_url(text))
    if "://" in text:
        raise ValueError(f"{text}: only s3:// URLs and paths can be transferred")
    if not text:
        raise ValueError("an empty path")
    return LocalPlace(text)


def fault_as_path(name: str) -> str:
    """Why a key cannot be a file below a folder, or nothing when it can."""
    parts = name.split("/")
    if ".." in parts:
        return "it would lie outside of the target folder"
    if name.startswith("/") or "" in parts or "." in parts:
        return "a path cannot have empty parts, or '.'"
    if "\0" in name:
        return "a path cannot have a zero byte"
    return ""

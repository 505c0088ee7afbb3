"""`S3Reader`: objects as files to read, and the ways to read them."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from s3native.client import split_url
from s3native.file import BUFFER_SIZE, RANDOM_BUFFER_SIZE, ObjectReader

if TYPE_CHECKING:
    from s3native import Client, ObjectInfo
    from s3native.listing import Listed

ReaderConstructor = Callable[..., Any]
"""What makes readers: one of `S3ReaderConstructor`'s, or a function of the keyword arguments
``bucket``, ``key``, ``get_object_info()`` and ``get_stream(start, end)``."""

_DEFAULT_MAX_GAP = 32 << 20
_STREAM_PIECE = 1 << 20


class S3Reader(io.BufferedIOBase):
    """A binary file to read, of one object; what datasets and checkpoints hand out.

    All of `io.BufferedIOBase`, with `bucket` and `key`. Seeks beyond the end stay at the end.
    """

    @property
    def bucket(self) -> str:
        """The object's bucket."""
        return split_url(self.name)[0]  # type: ignore[attr-defined]

    @property
    def key(self) -> str:
        """The object's key."""
        return split_url(self.name)[1]  # type: ignore[attr-defined]

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go elsewhere, but not beyond the end: that may cost a HEAD request to find out."""
        position = super().seek(offset, whence)
        size = self.size if position else 0  # type: ignore[attr-defined]
        return super().seek(size) if position > size else position

    def __repr__(self) -> str:
        return f"<s3native.torch.S3Reader {self.name!r}{', closed' if self.closed else ''}>"  # type: ignore[attr-defined]


class StreamReader(S3Reader, ObjectReader):
    """An object that is read from S3, as far as it is read. No request is sent before that."""

    def prefetch(self) -> None:
        """Ask for the object's beginning; a HEAD request if nothing is known of it."""
        self.will_need([(0, BUFFER_SIZE)])


class HeldReader(S3Reader, io.BytesIO):
    """An object that was read already: the bytes are here."""

    def __init__(self, url: str, data: bytes) -> None:
        super().__init__(data)
        self.name = url
        self.size = len(data)

    def prefetch(self) -> None:
        """Do nothing: it is here."""

    def writable(self) -> bool:
        """Return False."""
        return False

    def write(self, _data: Any, /) -> int:
        """Raise io.UnsupportedOperation."""
        raise io.UnsupportedOperation("write")

    def truncate(self, _size: int | None = None, /) -> int:
        """Raise io.UnsupportedOperation."""
        raise io.UnsupportedOperation("truncate")

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        return _held_at, (self.name, self.getvalue(), self.tell())


def _held_at(url: str, data: bytes, position: int) -> HeldReader:
    reader = HeldReader(url, data)
    reader.seek(position)
    return reader


@dataclass(frozen=True)
class ReaderKind:
    """A way to read, as `S3ReaderConstructor` makes them.

    Args:
        buffer_size: bytes of one request for smaller reads, of which nothing is read ahead; None:
            read ahead as reads continue each other.
    """

    name: str
    buffer_size: int | None = None
    max_gap_size: float = _DEFAULT_MAX_GAP

    def __call__(
        self, bucket: str, key: str, get_object_info: Any, get_stream: Any
    ) -> StreamReader:
        """Return a reader, for a constructor of your own that passes on what it was given.

        Raises:
            TypeError: get_stream is not what a dataset or `S3FileSystem` gave.
        """
        if not isinstance(get_stream, _Streams):
            raise TypeError("get_stream must be the one that reader constructors are called with")
        url = f"s3://{bucket}/{key}"
        return self.open(get_stream.client, url, get_stream.info if url == get_stream.url else None)

    @property
    def reads_whole(self) -> bool:
        """Whether small objects are best asked for as a whole, ahead."""
        return self.name == "sequential"

    def open(self, client: Client, url: str, info: ObjectInfo | Listed | None) -> StreamReader:
        """Return a reader; what is known of the object is believed, and it must be that one."""
        options: dict[str, Any] = {"size": info.size, "etag": info.etag} if info else {}
        if self.buffer_size is None:
            return StreamReader(client, url, options or None, BUFFER_SIZE)
        return StreamReader(client, url, options | {"access": "random"}, self.buffer_size)


class S3ReaderConstructor:
    """Ways to read objects, for the ``reader_constructor`` of datasets."""

    @staticmethod
    def sequential() -> ReaderKind:
        """The default: read ahead as reads continue each other. Fits every way of reading."""
        return ReaderKind("sequential")

    @staticmethod
    def range_based(buffer_size: int | None = None) -> ReaderKind:
        """For parts of large objects: nothing is read ahead.

        Args:
            buffer_size: bytes of one request for smaller reads; default 16 KiB. With 0 nothing is
                asked for that is not read; with more, fewer requests read small pieces in order.

        Raises:
            ValueError: it is negative.
        """
        if buffer_size is None:
            buffer_size = RANDOM_BUFFER_SIZE
        if buffer_size < 0:
            raise ValueError(f"buffer_size must not be negative, is {buffer_size}")
        return ReaderKind("range_based", buffer_size)

    @staticmethod
    def dcp_optimized(max_gap_size: float = _DEFAULT_MAX_GAP) -> ReaderKind:
        """For `s3native.torch.dcp`, which asks for all that a plan needs at once.

        Args:
            max_gap_size: ranges at most so many bytes apart share a request; 32 MiB, as in
                s3torchconnector. More than 256 KiB are taken as 256 KiB: across wider gaps two
                requests beside each other cost less.

        Raises:
            ValueError: it is negative.
        """
        if max_gap_size < 0:
            raise ValueError("max_gap_size must be non-negative")
        return ReaderKind("dcp_optimized", max_gap_size=max_gap_size)

    @staticmethod
    def default() -> ReaderKind:
        """The same as `sequential`."""
        return S3ReaderConstructor.sequential()

    @staticmethod
    def get_reader_type_string(constructor: ReaderConstructor | ReaderKind | None) -> str:
        """The name of one of these ways to read, or "unknown"."""
        if constructor is None:
            return "sequential"
        return constructor.name if isinstance(constructor, ReaderKind) else "unknown"


def open_reader(
    constructor: ReaderConstructor | ReaderKind,
    client: Client,
    url: str,
    info: ObjectInfo | Listed | None,
) -> Any:
    """Return the reader of an object that a constructor makes."""
    if isinstance(constructor, ReaderKind):
        return constructor.open(client, url, info)
    bucket, key = split_url(url)
    streams = _Streams(client, url, info)
    return constructor(bucket=bucket, key=key, get_object_info=streams.get_info, get_stream=streams)


@dataclass(frozen=True)
class _Streams:
    """The ``get_stream`` of an object; it knows what the ways to read need."""

    client: Client
    url: str
    info: ObjectInfo | Listed | None

    def __call__(self, start: int | None = None, end: int | None = None) -> Iterator[bytes]:
        left = sys.maxsize if end is None else end - (start or 0)
        with self.client.open(self.url, access="sequential") as file:
            file.seek(start or 0)
            while piece := file.read(min(left, _STREAM_PIECE)):
                yield piece
                left -= len(piece)

    def get_info(self) -> ObjectInfo | Listed:
        return self.info or self.client.head(self.url)

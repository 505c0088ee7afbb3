"""S3 objects as Python files, behind `Client.open`."""

from __future__ import annotations

import io
import os
import warnings
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from s3native import _core
from s3native.client import Client, PutResult, put_settings

if TYPE_CHECKING:
    from collections.abc import Buffer as BufferLike  # type: ignore[attr-defined,unused-ignore]


BUFFER_SIZE = 128 * 1024
"""Bytes between small reads or writes and the engine. A request for so many costs little more than
one for a single byte; it is what Python's own files have since 3.14."""

READING = ("size", "etag", "version_id", "access", "readahead", "follow")
WRITING = (
    "if_match",
    "metadata",
    "content_type",
    "content_encoding",
    "cache_control",
    "storage_class",
    "server_side_encryption",
    "sse_kms_key_id",
    "tags",
    "part_size",
    "checksum",
)
TEXT = ("encoding", "errors", "newline")
_CLOSED = "I/O operation on closed file"

_raws: weakref.WeakSet[_Raw] = weakref.WeakSet()
_parents: list[Any] = []


class _Raw(io.RawIOBase):
    """What readers and writers have in common: the engine's half, which no forked child has."""

    mode: str

    def __init__(self, client: Client, url: str) -> None:
        self.name = url
        self.client = client
        self.position = 0
        _raws.add(self)

    def forget_engine(self) -> None:
        """In a forked child: the engine has no threads here. It is kept, not torn down."""
        if "engine" in self.__dict__:
            _parents.append(self.__dict__.pop("engine"))

    def check(self) -> None:
        """Raise ValueError when closed."""
        if self.closed:
            raise ValueError(_CLOSED)

    def tell(self) -> int:
        self.check()
        return self.position


class RawReader(_Raw):
    """The cursor over an engine's reader."""

    mode = "rb"

    def __init__(self, client: Client, url: str, options: dict[str, Any]) -> None:
        super().__init__(client, url)
        self.options = options
        self.engine = self._open()

    def _open(self) -> _core.Reader:
        return _core.Reader(self.client._engine, self.name, **self.options)

    def __getattr__(self, name: str) -> Any:
        if name != "engine":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.check()
        self.engine = self._open()  # first use in a forked child
        return self.engine

    def readable(self) -> bool:
        self.check()
        return True

    def seekable(self) -> bool:
        self.check()
        return True

    def readinto(self, buffer: BufferLike, /) -> int:
        read = self.engine.readinto(self.position, buffer)
        self.position += read
        return read

    def readall(self) -> bytes:
        data = self.engine.read_rest(self.position)
        self.position += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self.check()
        if whence == io.SEEK_CUR:
            offset += self.position
        elif whence == io.SEEK_END:
            offset += self.engine.size()
        elif whence != io.SEEK_SET:
            raise ValueError(f"whence must be 0, 1 or 2, not {whence!r}")
        if offset < 0:
            raise ValueError(f"negative seek position {offset}")
        self.position = offset
        return offset

    def close(self) -> None:
        if not self.closed:
            super().close()
            self.__dict__.pop("engine", None)


def open_object(client: Client, url: str, mode: str, given: dict[str, Any]) -> Any:
    """Do what `Client.open` promises, with the values of all its keyword arguments."""
    kind, is_text = _parse_mode(mode)
    defaults = Client.open.__kwdefaults__ or {}
    foreign = (WRITING if kind == "r" else READING) + (() if is_text else TEXT)
    for name in foreign:
        if given[name] != defaults[name]:
            raise TypeError(f"{name} has no meaning in mode {mode!r}")
    buffering = given["buffering"]
    if buffering == 0 and (is_text or kind != "r"):
        raise ValueError(f"mode {mode!r} cannot be unbuffered")
    buffering = BUFFER_SIZE if buffering < 0 else buffering
    text = {name: given[name] for name in TEXT} | {"encoding": given["encoding"] or "utf-8"}
    if kind == "r":
        options = {name: given[name] for name in READING}
        if buffering == 0:
            return RawReader(client, url, options)
        reader = ObjectReader(client, url, options, buffering)
        return io.TextIOWrapper(reader, **text) if is_text else reader
    settings = put_settings(given | {"if_none_match": kind == "x"})
    writer = ObjectWriter(client, url, kind + "b", settings, buffering)
    return TextWriter(writer, **text) if is_text else writer


def _parse_mode(mode: str) -> tuple[str, bool]:
    """Return "r", "w" or "x", and whether it is text."""
    kind = mode.replace("b", "", 1).replace("t", "", 1)
    if kind.rstrip("+") == "a" or "+" in kind:
        raise ValueError(
            f"mode {mode!r} is not possible: S3 cannot change an object, only replace it. Read it, "
            "and write what it shall be with mode 'wb' (or 'xb' if it must not exist)"
        )
    if kind not in ("r", "w", "x") or ("b" in mode and "t" in mode):
        raise ValueError(f"mode must be 'rb', 'r', 'wb', 'w', 'xb' or 'x', not {mode!r}")
    return kind, "b" not in mode


class ObjectReader(io.BufferedReader):
    """An object as a binary file to read; made by `Client.open`.

    Everything of `io.BufferedReader`, and more. The first read finds out size and ETag; later ones
    are pinned to them: if the object is overwritten they raise PreconditionFailedError. Reads raise
    S3Error as `Client.get` does, and the file can be used again afterwards. It may be used from any
    thread, in a forked child, and pickled, with its position.
    """

    raw: RawReader

    def __init__(self, client: Client, url: str, options: dict[str, Any], buffering: int) -> None:
        super().__init__(RawReader(client, url, options), buffering)
        self._buffering = buffering

    @property
    def info(self) -> _core.ObjectInfo:
        """What the server says about the object; a HEAD request unless something was read."""
        return self.raw.engine.info()

    @property
    def size(self) -> int:
        """Bytes of the object; a HEAD request unless it was given or something was read."""
        return self.raw.engine.size()

    @property
    def etag(self) -> str:
        """The ETag of the object; a HEAD request unless it was given or something was read."""
        return self.raw.options["etag"] or self.info.etag

    def pread(self, size: int, offset: int) -> bytes:
        """Up to `size` bytes from byte `offset` on; the cursor stays. Any number at once."""
        return self.raw.engine.pread(offset, size)

    def pread_into(self, buffer: BufferLike, offset: int) -> int:
        """As `pread`, straight into a writable buffer; returns how many bytes there were."""
        return self.raw.engine.pread_into(offset, buffer)

    def readview(self, size: int = -1) -> memoryview:
        """Up to `size` bytes at the cursor (default: all) as a view of the engine's memory.

        Not copied where they came in one request. The memory returns to the pool when the last
        view dies.
        """
        position = self.tell()
        size = max(0, self.size - position) if size < 0 else size
        view = memoryview(self.raw.engine.view(position, size))
        self.seek(position + len(view))
        return view

    def will_need(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Ask ahead for ranges, half-open, that will be read, in whatever order.

        As many as memory allows are asked for at once, the others as these are read. A HEAD
        request if nothing is known of the object yet.
        """
        self.raw.engine.will_need(ranges)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        raw = self.raw
        options = raw.options | raw.engine.pins()
        return _reopen, (raw.client, raw.name, options, self._buffering, self.tell())

    def __repr__(self) -> str:
        return f"<s3native.ObjectReader {self.name!r}{', closed' if self.closed else ''}>"


def _reopen(
    client: Client, url: str, options: dict[str, Any], buffering: int, position: int
) -> ObjectReader:
    reader = ObjectReader(client, url, options, buffering)
    reader.seek(position)
    return reader


class RawWriter(_Raw):
    """The end of an engine's writer."""

    def __init__(self, client: Client, url: str, mode: str, options: dict[str, Any]) -> None:
        super().__init__(client, url)
        self.mode = mode
        self.engine = _core.Writer(client._engine, url, **options)
        self.result: PutResult | None = None

    def __getattr__(self, name: str) -> Any:
        if name != "engine":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.check()
        raise ValueError(f"{self.name} is being written by the parent process")

    def writable(self) -> bool:
        self.check()
        return True

    def write(self, data: BufferLike, /) -> int:
        self.engine.write(data)
        size = memoryview(data).nbytes
        self.position += size
        return size

    def close(self) -> None:
        if self.closed:
            return
        try:
            if "engine" in self.__dict__:
                self.result = PutResult(**self.engine.close())
        finally:
            super().close()
            self.__dict__.pop("engine", None)

    def abort(self) -> None:
        """Close, and nothing of what was written becomes visible."""
        if not self.closed:
            engine = self.__dict__.pop("engine", None)
            super().close()
            if engine is not None:
                engine.abort()

    def __del__(self) -> None:
        self.abort()


class ObjectWriter(io.BufferedWriter):
    """An object as a binary file to write; made by `Client.open`.

    Everything of `io.BufferedWriter`. Parts are sent while more is written; the object appears,
    whole, when the file is closed, and not at all when it is aborted: by `abort`, by an exception
    that leaves its `with`, or because nobody closed it (ResourceWarning). `flush` has no effect
    that others could see. Writes and `close` raise S3Error as `Client.put` does; then nothing has
    become visible.
    """

    raw: RawWriter

    def __init__(
        self, client: Client, url: str, mode: str, options: dict[str, Any], buffering: int
    ) -> None:
        super().__init__(RawWriter(client, url, mode, options), buffering)

    @property
    def result(self) -> PutResult | None:
        """What the server says about the object; None before `close`."""
        return self.raw.result

    def close(self) -> None:
        """Send the rest and make the object visible; closing again does nothing."""
        if not self.closed:
            _flush(self)
            super().close()

    def abort(self) -> None:
        """Close, and nothing of what was written becomes visible; does nothing when closed."""
        self.raw.abort()

    def __exit__(self, kind: Any, *exception: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def __del__(self) -> None:
        _abort_unclosed(self, self.raw)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        raise TypeError("a file that is being written cannot be pickled")

    def __repr__(self) -> str:
        return f"<s3native.ObjectWriter {self.raw.name!r}{', closed' if self.closed else ''}>"


class TextWriter(io.TextIOWrapper):
    """An `ObjectWriter` of text. Aborted as that is, with all that it still holds."""

    buffer: ObjectWriter

    @property
    def result(self) -> PutResult | None:
        """What the server says about the object; None before `close`."""
        return self.buffer.result

    def abort(self) -> None:
        """Close, and nothing of what was written becomes visible; does nothing when closed."""
        self.buffer.abort()

    def close(self) -> None:
        """Send the rest and make the object visible; closing again does nothing."""
        if not self.closed:
            _flush(self)
            super().close()

    def __exit__(self, kind: Any, *exception: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def __del__(self) -> None:
        _abort_unclosed(self, self.buffer.raw)


def _flush(file: ObjectWriter | TextWriter) -> None:
    """Python's own close would go on, and make a part visible, where this is interrupted."""
    try:
        file.flush()
    except BaseException:
        file.abort()
        raise


def _abort_unclosed(file: Any, raw: RawWriter) -> None:
    if raw.closed:
        return
    if "engine" in raw.__dict__:  # else it is the parent process's
        warnings.warn(f"unclosed file {file!r}: aborted", ResourceWarning, 2, source=file)
    raw.abort()


def _pin_readers() -> None:
    """Before a fork: what the child opens again must be the same object."""
    for raw in list(_raws):
        if isinstance(raw, RawReader) and "engine" in raw.__dict__:
            raw.options |= raw.engine.pins()


def _forget_engines() -> None:
    for raw in list(_raws):
        raw.forget_engine()


os.register_at_fork(before=_pin_readers, after_in_child=_forget_engines)

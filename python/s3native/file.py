"""S3 objects as Python files, behind `Client.open`."""

from __future__ import annotations

import io
import os
import warnings
import weakref
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from s3native import _core
from s3native.client import Client, PutResult, put_settings

if TYPE_CHECKING:
    from collections.abc import Buffer as BufferLike  # type: ignore[attr-defined,unused-ignore]


BUFFER_SIZE = 128 * 1024
"""Bytes between small reads or writes and the engine. A request for so many costs little more than
one for a single byte; it is what Python's own files have since 3.14."""

RANDOM_BUFFER_SIZE = 16 * 1024
"""The same where nothing is expected to follow on."""


class OpenOptions(TypedDict, total=False):
    """Keyword arguments of `Client.open`."""

    buffering: int
    encoding: str | None
    errors: str | None
    newline: str | None
    size: int | None
    etag: str
    version_id: str
    access: Literal["auto", "sequential", "random"]
    readahead: int | None
    follow: bool
    if_match: str
    metadata: Mapping[str, str] | None
    content_type: str
    content_encoding: str
    cache_control: str
    storage_class: str
    server_side_encryption: str
    sse_kms_key_id: str
    tags: Mapping[str, str] | None
    part_size: int
    checksum: Literal["crc64nvme", "none"] | None


_OPTIONS = OpenOptions.__annotations__.keys()
_TEXT = {"encoding", "errors", "newline"}
_READING = {"size", "etag", "version_id", "access", "readahead", "follow"}
_WRITING = _OPTIONS - _TEXT - _READING - {"buffering"}
_CLOSED = "I/O operation on closed file"

_writers: weakref.WeakSet[RawWriter] = weakref.WeakSet()
_parents: list[Any] = []


def open_object(client: Client, url: str, mode: str, options: OpenOptions) -> Any:
    """Do what `Client.open` promises."""
    if mode == "rb" and not options:  # of thousands of small objects, opening is what costs
        return ObjectReader(client, url, None, BUFFER_SIZE)
    kind, is_text = _parse_mode(mode)
    given: dict[str, Any] = {**options}
    foreign = given.keys() & (_WRITING if kind == "r" else _READING)
    if not is_text:
        foreign |= given.keys() & _TEXT
    foreign |= given.keys() - _OPTIONS
    if foreign:
        raise TypeError(f"{min(foreign)} has no meaning in mode {mode!r}")
    buffering = given.pop("buffering", -1)
    if buffering == 0 and (is_text or kind != "r"):
        raise ValueError(f"mode {mode!r} cannot be unbuffered")
    if buffering < 0:
        buffering = RANDOM_BUFFER_SIZE if given.get("access") == "random" else BUFFER_SIZE
    text = {"encoding": "utf-8"} | {name: given.pop(name) for name in _TEXT & given.keys()}
    if kind == "r":
        reader = ObjectReader(client, url, given, buffering)
        return io.TextIOWrapper(reader, **text) if is_text else reader
    settings = put_settings(given | {"if_none_match": kind == "x"})
    writer = ObjectWriter(client, url, kind + "b", settings, buffering)
    if not is_text:
        return writer
    try:
        return TextWriter(writer, **text)
    except BaseException:
        writer.abort()
        raise


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


class ObjectReader(_core.Cursor, io.BufferedIOBase):
    """An object as a binary file to read; made by `Client.open`.

    Behaves as `io.BufferedReader`, and more. The first read finds out size and ETag; later ones are
    pinned to them: if the object is overwritten they raise PreconditionFailedError. Reads raise
    S3Error as `Client.get` does, and the file can be used again afterwards. It may be used from any
    thread, in a forked child, and pickled, with its position.
    """

    mode = "rb"

    def readable(self) -> bool:
        """Return True."""
        self._checked()
        return True

    def seekable(self) -> bool:
        """Return True."""
        self._checked()
        return True

    @property
    def info(self) -> _core.ObjectInfo:
        """What the server says about the object; a HEAD request unless something was read."""
        return self._info()

    @property
    def size(self) -> int:
        """Bytes of the object; a HEAD request unless it was given or something was read."""
        return self._size()

    @property
    def etag(self) -> str:
        """The ETag of the object; a HEAD request unless it was given or something was read."""
        return (self._options or {}).get("etag") or self.info.etag

    def pread(self, size: int, offset: int) -> bytes:
        """Up to `size` bytes from byte `offset` on; the cursor stays. Any number at once."""
        return self._pread(size, offset)

    def pread_into(self, buffer: BufferLike, offset: int) -> int:
        """As `pread`, straight into a writable buffer; returns how many bytes there were."""
        return self._pread_into(buffer, offset)

    def will_need(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Ask ahead for ranges, half-open, that will be read, in whatever order.

        As many as memory allows are asked for at once, the others as these are read. A HEAD
        request if nothing is known of the object yet.
        """
        self._will_need(ranges)

    def flush(self) -> None:
        """Do nothing."""
        self._checked()

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        self._checked()
        self._pin()
        return type(self), self._state()

    def __repr__(self) -> str:
        return f"<s3native.ObjectReader {self.name!r}{', closed' if self.closed else ''}>"

    def _checked(self) -> None:
        if self.closed:
            raise ValueError(_CLOSED)


class RawWriter(io.RawIOBase):
    """The end of an engine's writer; a forked child has none.

    `write` is the engine's own method, while there is one: an interrupt that came in between would
    leave it open whether the bytes were taken.
    """

    closed = False
    _engine: _core.Writer | None = None

    def __init__(self, client: Client, url: str, mode: str, options: dict[str, Any]) -> None:
        self.name = url
        self.mode = mode
        self.result: PutResult | None = None
        self._engine = _core.Writer(client._engine, url, **options)
        vars(self)["write"] = self._engine.write
        _writers.add(self)

    @property
    def is_ours(self) -> bool:
        """Whether this process writes it, and not its parent."""
        return self._engine is not None

    def forget_engine(self) -> None:
        """In a forked child: it is kept, not torn down, and never closed here."""
        _parents.append(self._take_engine())

    def writable(self) -> bool:
        self._checked()
        return True

    def tell(self) -> int:
        return self._checked().tell()

    def write(self, data: BufferLike, /) -> int:
        return self._checked().write(data)

    def close(self) -> None:
        if self.closed:
            return
        engine = self._take_engine()
        try:
            if engine is not None:
                self.result = PutResult(**engine.close())
        finally:
            super().close()
            self.closed = True

    def abort(self) -> None:
        """Close, and nothing of what was written becomes visible."""
        if self.closed:
            return
        engine = self._take_engine()
        super().close()
        self.closed = True
        if engine is not None:
            engine.abort()

    def __del__(self) -> None:
        self.abort()

    def _take_engine(self) -> _core.Writer | None:
        engine, self._engine = self._engine, None
        vars(self).pop("write", None)
        return engine

    def _checked(self) -> _core.Writer:
        if self.closed:
            raise ValueError(_CLOSED)
        if self._engine is None:
            raise ValueError(f"{self.name} is being written by the parent process")
        return self._engine


class _Atomic:
    """What files that are written have in common: all of the object appears, or nothing."""

    if TYPE_CHECKING:  # of io's classes
        closed: bool

        def flush(self) -> None: ...

    @property
    def _raw(self) -> RawWriter:
        raise NotImplementedError

    @property
    def result(self) -> PutResult | None:
        """What the server says about the object; None before `close`."""
        return self._raw.result

    def close(self) -> None:
        """Send the rest and make the object visible; closing again does nothing."""
        if self.closed:
            return
        try:
            self.flush()
        except BaseException:  # io's own close would go on, and make a part visible
            self.abort()
            raise
        super().close()  # type: ignore[misc]

    def abort(self) -> None:
        """Close, and nothing of what was written becomes visible; does nothing when closed."""
        self._raw.abort()

    def __exit__(self, kind: Any, *exception: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def __del__(self) -> None:
        try:
            raw = self._raw
        except (AttributeError, ValueError):  # detached
            return
        if raw is None or raw.closed:  # None: it could not be opened
            return
        if raw.is_ours:
            warnings.warn(f"unclosed file {self!r}: aborted", ResourceWarning, 2, source=self)
        raw.abort()

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        raise TypeError("a file that is being written cannot be pickled")


class ObjectWriter(_Atomic, io.BufferedWriter):
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
    def _raw(self) -> RawWriter:
        return self.raw

    def __repr__(self) -> str:
        return f"<s3native.ObjectWriter {self.raw.name!r}{', closed' if self.closed else ''}>"


class TextWriter(_Atomic, io.TextIOWrapper):
    """An `ObjectWriter` of text: it appears or is aborted as that is, with all that it still holds.

    Everything of `io.TextIOWrapper`.
    """

    buffer: ObjectWriter

    @property
    def _raw(self) -> RawWriter:
        return self.buffer.raw


def _pin_readers() -> None:
    """Before a fork: what the child opens again must be the same object."""
    for reader in _core.open_cursors():
        if isinstance(reader, ObjectReader):
            reader._pin()


def _forget_engines() -> None:
    """In a forked child: engines have no threads here. They are kept, not torn down."""
    for reader in _core.open_cursors():
        reader._forget()
    for writer in list(_writers):
        writer.forget_engine()


os.register_at_fork(before=_pin_readers, after_in_child=_forget_engines)

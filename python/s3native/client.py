"""`Client`: every S3 operation, over the one engine of the process."""

from __future__ import annotations

import builtins  # `list` names a method inside Client
import datetime
import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from s3native import _core

if TYPE_CHECKING:
    from collections.abc import Buffer as BufferLike  # type: ignore[attr-defined,unused-ignore]

    from typing_extensions import Self, Unpack

    from s3native.file import OpenOptions

ByteRange = tuple[int, int | None]
"""Half-open [start, end); end None means to the object's end."""


class KnownObject(Protocol):
    """An object whose size in bytes somebody remembers, such as an `ObjectInfo` of a listing."""

    @property
    def url(self) -> str:
        """Its s3:// URL."""

    @property
    def size(self) -> int:
        """What its size was."""


@dataclass(frozen=True)
class Credentials:
    """An access key. Its repr shows no secret.

    A function that returns these can stand for them: it is called once for all threads, five
    minutes before `expiry`.
    """

    access_key: str
    secret_key: str
    session_token: str | None = None
    expiry: datetime.datetime | None = None

    def __repr__(self) -> str:
        shown = self.access_key[-4:] if len(self.access_key) > 8 else ""
        return f"Credentials(access_key='****{shown}', secret_key='****')"


@dataclass(frozen=True)
class Config:
    """A client's resolved settings: `values` by field, `sources` telling where each came from.

    Secrets are masked. A source is "argument", "environment NAME", "profile NAME" or "default".
    """

    values: Mapping[str, Any]
    sources: Mapping[str, str]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True)
class PutResult:
    """What the server says about an object it stored; empty strings where it says nothing."""

    etag: str
    version_id: str
    checksum_crc64nvme: str


@dataclass(frozen=True)
class ListPage:
    """One page of a listing: `objects`, and the common `prefixes` when a delimiter was given."""

    objects: list[_core.ObjectInfo]
    prefixes: list[str]


@dataclass(frozen=True)
class BucketInfo:
    """A bucket's name and creation time (UTC)."""

    name: str
    created: datetime.datetime | None


class Client:
    """A handle on the engine with one configuration. Cheap to make; use it from any thread.

    Every option left out comes from the environment, then the AWS profile, then the default.
    `client.config` shows what was chosen and why. No request is sent until an operation is called.
    A client may be used from any thread, in `with`, and beside clients with other options.

    Args:
        endpoint: "HOST:PORT" or "http(s)://HOST:PORT" of an S3 server; default Amazon.
        region: default "us-east-1".
        profile: AWS profile for credentials and settings.
        credentials: `Credentials`, a function returning fresh ones, or "anonymous".
        addressing: "auto" (virtual-hosted on Amazon, path style elsewhere), "path", "virtual".
        use_https, verify_ssl, ca_bundle: TLS; verified by default, at least 1.2.
        proxy, no_proxy: HTTP proxy URL, and hosts that go without it.
        part_size: bytes of one part of a large GET or PUT; default 8 MiB.
        throughput_target_gbps: sets the number of connections that large transfers open, one for
            each Gbps; default 10.
        max_connections: the most there are to one host; default that number, and 64 while there are
            requests of up to 1 MiB.
        memory_limit: bytes that all clients of the process together keep in flight or pooled;
            default a quarter of the machine's memory, 256 MiB to 4 GiB. The last client that is
            given one sets it.
        pin_memory: "mlock" page-locks the engine's memory, "cuda" registers it with CUDA, as far
            as the system allows: `Buffer.pinned` tells. For the whole process: the last client
            that is given one decides. Default "none".
        event_loops: I/O threads; default half the cores, at least 2.
        connect_timeout_ms: default 3000.
        first_byte_timeout_s: a connection whose answer does not begin so long after the request
            is given up; ten times as long where the server has work to do (copy, the completion
            of an upload); default stall_timeout_s.
        stall_timeout_s: a connection without a byte for so long, or with less than 1 KiB/s of a
            body, is given up; default 30.
        total_timeout_s: bound on each call; default none.
        max_attempts: default 10. retry_mode: "standard", "adaptive" or "legacy".
        request_checksum, response_checksum: "when_supported" (default) or "when_required".

    Raises:
        ValueError: an argument, environment variable or profile file that makes no sense.
    """

    closed: bool = False
    """Whether `close` has been called."""

    def __init__(
        self,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        profile: str | None = None,
        credentials: Credentials | Callable[[], Credentials] | Literal["anonymous"] | None = None,
        addressing: Literal["auto", "path", "virtual"] | None = None,
        use_https: bool | None = None,
        verify_ssl: bool | None = None,
        ca_bundle: str | None = None,
        proxy: str | None = None,
        no_proxy: str | None = None,
        part_size: int | None = None,
        throughput_target_gbps: float | None = None,
        max_connections: int | None = None,
        memory_limit: int | None = None,
        pin_memory: Literal["none", "mlock", "cuda"] | None = None,
        event_loops: int | None = None,
        connect_timeout_ms: int | None = None,
        first_byte_timeout_s: int | None = None,
        stall_timeout_s: int | None = None,
        total_timeout_s: int | None = None,
        max_attempts: int | None = None,
        retry_mode: Literal["standard", "adaptive", "legacy"] | None = None,
        request_checksum: Literal["when_supported", "when_required"] | None = None,
        response_checksum: Literal["when_supported", "when_required"] | None = None,
    ) -> None:
        options = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        self._options = {k: v for k, v in options.items() if v is not None}
        if "AWS_LOG_LEVEL" in os.environ:
            from s3native import telemetry

            telemetry.use_environment()
        self._engine = _core.Client(self._options)
        _clients.add(self)

    def __getattr__(self, name: str) -> Any:
        if name != "_engine":
            raise AttributeError(f"'Client' object has no attribute {name!r}")
        if self.closed:
            raise ValueError("this client is closed")
        self._engine = _core.Client(self._options)  # first use in a forked child
        return self._engine

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_client, (self._options,)

    def close(self) -> None:
        """Let go of the connections; what is under way in other threads still ends well.

        Afterwards every operation raises ValueError. Closing again does nothing.
        """
        self.closed = True
        self.__dict__.pop("_engine", None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        if self.closed:
            return "<s3native.Client, closed>"
        return f"<s3native.Client for {self.config.values['endpoint']}>"

    @property
    def config(self) -> Config:
        """The resolved configuration, secrets masked."""
        return Config(**self._engine.config())

    def head(self, url: str, *, version_id: str = "") -> _core.ObjectInfo:
        """Size, ETag, metadata and so on of an object, in one request.

        Raises:
            NotFoundError: no such object. ValueError: not an s3:// URL of an object.
        """
        return self._engine.head(url, version_id)

    def get(
        self,
        url: str,
        *,
        range: ByteRange | None = None,
        if_match: str = "",
        version_id: str = "",
    ) -> _core.Buffer:
        """The bytes of an object, or of a range, in memory of the engine's pool.

        The result is a writable buffer: `memoryview(buf)` and `np.frombuffer(buf, np.uint8)` are
        views without a copy. Its memory goes back to the pool when the last view dies.

        Raises:
            NotFoundError, RangeError (start at or behind the end), PreconditionFailedError
            (`if_match`, or overwritten during the read).
        """
        return self._engine.get(url, range, if_match, version_id)

    def get_into(
        self,
        url: str,
        buffer: BufferLike,
        *,
        range: ByteRange | None = None,
        if_match: str = "",
        version_id: str = "",
    ) -> int:
        """Receives an object, or a range, straight into `buffer`; returns the bytes received.

        `buffer` is any writable C-contiguous buffer: numpy array of any dtype, bytearray,
        memoryview, mmap. Fewer bytes than asked for arrive only at the object's end.

        Raises:
            ValueError: the buffer is read-only, not contiguous, or too small.
            S3Error: as `get`.
        """
        return self._engine.get_into(url, buffer, range, if_match, version_id)

    def _get_into_file(
        self,
        url: str,
        descriptor: int,
        range: tuple[int, int],
        *,
        if_match: str = "",
        checksum: bool = False,
    ) -> int:
        """Receives a range of an object into the same place of an open file, by one request.

        Where the kernel can, the bytes never enter this process. Returns the CRC64NVME of what the
        file has there then, or 0 unless `checksum`: the file must be open for reading, too.

        Raises:
            OSError: the file cannot be written, such as on a full disk.
            S3Error: as `get`; RangeError when the object ends within the range.
        """
        return self._engine.get_into_file(url, descriptor, range, if_match, checksum)

    def get_ranges(
        self,
        url: str,
        ranges: Sequence[tuple[int, int]],
        *,
        coalesce_gap: int = 256 * 1024,
        if_match: str = "",
        version_id: str = "",
    ) -> list[_core.Buffer]:
        """One buffer for each of many ranges of one object, in the order given.

        Ranges may overlap, repeat and come in any order. Those at most `coalesce_gap` bytes apart
        share a request (default 256 KiB, about what a request's latency is worth in bandwidth).

        Raises:
            PreconditionFailedError: the object was overwritten between the requests.
        """
        return self._engine.get_ranges(url, list(ranges), coalesce_gap, if_match, version_id)

    def get_many(
        self,
        requests: Iterable[
            str | KnownObject | tuple[str, ByteRange] | tuple[str, tuple[int, int], BufferLike]
        ],
        *,
        ordered: bool = True,
        concurrency: int = 32,
        into: BufferLike | None = None,
    ) -> _core.GetManyIterator:
        """Fetches many objects or ranges, `concurrency` in flight, within the memory limit.

        Of large ones, no more are in flight than keep all connections busy.

        Yields items with `index`, `url`, `data` (a Buffer), `info` and `error`. A failed request
        is an item with `error` set; the others go on. `requests` is consumed as items are taken.

        Args:
            requests: URLs, pairs of a URL and a range, or objects with `url` and `size`, such as
                `ObjectInfo`, whose sizes save a request where they are large and are not relied on.
                With a third, a writable buffer, a range is received straight into that, and
                `data` is a memoryview of it.
            ordered: yield in the order of `requests`, else as they complete.
            into: a writable buffer in which all ranges are received, one behind the other.
        """
        return self._engine.get_many(requests, ordered, concurrency, into)

    def put(
        self,
        url: str,
        data: BufferLike,
        *,
        if_none_match: bool = False,
        if_match: str = "",
        metadata: Mapping[str, str] | None = None,
        content_type: str = "",
        content_encoding: str = "",
        cache_control: str = "",
        storage_class: str = "",
        server_side_encryption: str = "",
        sse_kms_key_id: str = "",
        tags: Mapping[str, str] | None = None,
        part_size: int = 0,
        checksum: Literal["crc64nvme", "none"] | None = None,
    ) -> PutResult:
        """Stores `data` as an object, sent straight from its memory.

        Data larger than one part goes as a multipart upload. An upload that fails or is
        interrupted is aborted: nothing becomes visible, nothing is left to pay for.

        Args:
            if_none_match: store only if no such object exists.
            if_match: store only over the object with this ETag.
            checksum: "crc64nvme" for the server to verify, "none", or by `request_checksum`.

        Raises:
            PreconditionFailedError: a condition did not hold.
            ValueError: data is not contiguous, or larger than S3's 5 TiB.
        """
        settings = put_settings(locals())
        return PutResult(**self._engine.put(url, data, **settings))

    def open(self, url: str, mode: str = "rb", **options: Unpack[OpenOptions]) -> Any:
        """Opens an object as a file, as `io.open` does. No request is sent before it is needed.

        Args:
            mode: "rb" (default) or "r" to read, "wb" or "w" to write, "xb" or "x" to write an
                object that must not exist. Without "b": text.
            buffering: bytes between small reads or writes and the engine, default 128 KiB; 0 for
                none, in mode "rb" only.
            encoding, errors, newline: of text, as for `io.open`; encoding defaults to UTF-8.
            size, etag, version_id: of the object to read, if known; believed, and size and etag
                save a request.
            access: "auto" (default) reads ahead when reads continue each other, "sequential" from
                the second read on, "random" never.
            readahead: bytes ahead of the cursor at most; default a quarter of memory_limit.
            follow: the object grows, as logs do: each read asks for its end, and is of the object
                as it is then.
            if_match, metadata, content_type, content_encoding, cache_control, storage_class,
            server_side_encryption, sse_kms_key_id, tags, part_size, checksum: of the object to
                write, as for `put`.

        Returns:
            `ObjectReader`, `ObjectWriter` or `TextWriter`, from `s3native.file`, or an
            `io.TextIOWrapper` over the first.

        Raises:
            ValueError: a mode that makes no sense, or is impossible on S3: "a", "r+".
            TypeError: an option of another mode.
        """
        from s3native import file  # what never opens one need not load it

        return file.open_object(self, url, mode, options)

    def list(
        self, url: str, *, delimiter: str = "", start_after: str = "", page_size: int = 1000
    ) -> Iterator[ListPage]:
        """Pages of the objects whose keys start with the URL's key, in key order.

        Args:
            delimiter: group keys that share a prefix up to it, as directories ("/").
            start_after: list only keys after this one.
            page_size: keys per request, 1 to 1000.
        """
        if not 1 <= page_size <= 1000:
            raise ValueError(f"page_size must be 1 to 1000, not {page_size}")
        bucket, prefix = _core.parse_url(url)
        return self._pages(bucket, prefix, delimiter, start_after, page_size)

    def _pages(
        self, bucket: str, prefix: str, delimiter: str, start_after: str, page_size: int
    ) -> Iterator[ListPage]:
        token = ""
        while True:
            objects, prefixes, token = self._engine.list(
                bucket, prefix, delimiter, start_after, token, page_size
            )
            yield ListPage(objects, prefixes)
            if not token:
                return

    def _list_plain(
        self, bucket: str, prefix: str
    ) -> Iterator[builtins.list[tuple[str, int, float]]]:
        """Pages of (key without the prefix, size, time of last change): a third of the cost."""
        token = ""
        while True:
            entries, token = self._engine.list_plain(bucket, prefix, token)
            yield entries
            if not token:
                return

    def delete(self, url: str, *, version_id: str = "") -> None:
        """Deletes an object. Deleting what does not exist is no error, as S3 has it."""
        self._engine.delete(url, version_id)

    def delete_many(self, urls: Iterable[str]) -> builtins.list[tuple[str, Exception]]:
        """Deletes objects in batches of 1000; returns (URL, error) for each that failed."""
        failed: builtins.list[tuple[str, Exception]] = self._engine.delete_many(builtins.list(urls))
        return failed

    def copy(
        self,
        source: str,
        destination: str,
        *,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "",
        storage_class: str = "",
        if_none_match: bool = False,
        source_version_id: str = "",
    ) -> PutResult:
        """Copies an object on the server, in parts above 5 GiB.

        Metadata and content type travel along unless `metadata` replaces them.
        """
        settings = {
            "metadata": dict(metadata or {}),
            "content_type": content_type,
            "storage_class": storage_class,
            "if_none_match": if_none_match,
        }
        replace = metadata is not None or bool(content_type)
        return PutResult(
            **self._engine.copy(source, destination, settings, replace, "", source_version_id)
        )

    def create_bucket(self, bucket: str) -> None:
        """Creates a bucket in the client's region."""
        self._engine.create_bucket(bucket)

    def delete_bucket(self, bucket: str) -> None:
        """Deletes an empty bucket."""
        self._engine.delete_bucket(bucket)

    def list_buckets(self) -> builtins.list[BucketInfo]:
        """The buckets these credentials own."""
        return [BucketInfo(name, created) for name, created in self._engine.list_buckets()]

    def abort_stale_uploads(self, prefix: str, *, older_than: datetime.timedelta) -> int:
        """Aborts multipart uploads below `prefix` begun before `older_than` ago; returns how many.

        What a killed process left behind costs money until it is aborted.
        """
        before = datetime.datetime.now(datetime.timezone.utc) - older_than
        return self._engine.abort_stale_uploads(prefix, int(before.timestamp() * 1000))

    def presign(
        self,
        url: str,
        *,
        method: Literal["GET", "PUT", "HEAD", "DELETE"] = "GET",
        expires: int = 3600,
        query: Mapping[str, str] | None = None,
    ) -> str:
        """A URL that allows `method` on the object for `expires` seconds without credentials.

        Args:
            expires: at most seven days.
            query: S3's own parameters of the request, by their names in its API, such as
                {"versionId": ...} or {"response-content-disposition": ...}. With one, the URL may
                be of a bucket.

        Raises:
            ValueError: an argument that S3 would refuse. CredentialsError: there are none.
        """
        return self._engine.presign(url, method, expires, dict(query or {}))

    def stats(self) -> dict[str, int]:
        """Counters of this process: requests, retries, bytes, memory."""
        return _core.stats()


_clients: weakref.WeakSet[Client] = weakref.WeakSet()
_engines_of_the_parent: list[_core.Client] = []


def _forget_engines() -> None:
    """In a forked child: the parent's engines have no threads here. They are kept, not torn down,
    since that would wait for those threads; each client makes its own on first use."""
    for client in _clients:
        engine = client.__dict__.pop("_engine", None)
        if engine is not None:
            _engines_of_the_parent.append(engine)


os.register_at_fork(after_in_child=_forget_engines)


_OBJECT_SETTINGS = (
    "if_none_match",
    "if_match",
    "content_type",
    "content_encoding",
    "cache_control",
    "storage_class",
    "server_side_encryption",
    "sse_kms_key_id",
)


def split_url(url: str) -> tuple[str, str]:
    """The bucket and the key of an s3:// URL; raises ValueError."""
    bucket, key = _core.parse_url(url)
    return bucket, key


def put_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """What `put` and writers tell the engine, from arguments of the same names."""
    settings = {name: given[name] for name in _OBJECT_SETTINGS if name in given}
    settings |= {name: dict(given.get(name) or {}) for name in ("metadata", "tags")}
    wanted = {None: None, "crc64nvme": True, "none": False}
    checksum = given.get("checksum")
    if checksum not in wanted:
        raise ValueError(f"checksum must be 'crc64nvme' or 'none', not {checksum!r}")
    return {
        "object": settings,
        "part_size": given.get("part_size", 0),
        "checksum": wanted[checksum],
    }


def _rebuild_client(options: dict[str, Any]) -> Client:
    return Client(**options)

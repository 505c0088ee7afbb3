"""The least that a job's requests can cost: its bytes moved by `_core.LimitLoop`, and no client.

The requests are those that parallel clients make: ranges of large objects, and parts, which are
objects of their own here; a listing's pages come one after the other, from keys looked up before.
Where a server wants signatures they are in the URLs, made before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from s3native import _core
from s3native.bench import content
from s3native.bench.clients import Client
from s3native.bench.clients.s3native import make_engine_client
from s3native.bench.operations import mixed_calls, random_offsets
from s3native.bench.protocol import Job
from s3native.bench.rounds import Done, Operation, again
from s3native.bench.workloads import PART_SIZE

_CONNECTIONS = 4
"""For large objects, at least."""


@dataclass(frozen=True)
class _Call:
    """A request: of a GET with a size, that many bytes from `start` go to `offset` in memory."""

    method: str
    key: str
    start: int = 0
    size: int = 0
    offset: int = 0
    of_part: bool = True
    query: dict[str, str] = field(default_factory=dict)


class Limit(Operation):
    """A job's requests by as many blocking connections as it has calls at once, or four."""

    def __init__(self, client: Client, job: Job) -> None:
        super().__init__(client, job)
        self._urls = _Urls(job)
        if job.operation == "load_distributed":  # of what clients saved, each in files of its own
            data = content.array(job.size, job.seed)
            make_engine_client(job).put(job.target.url(job.keys[0]), data)
        bulk = job.operation in _BULK
        threads = max(_CONNECTIONS, job.in_flight) if bulk else job.in_flight
        listed = self._pages() if job.operation == "list" else []
        # One after the other.
        self._passes = [(calls, self._loop(calls, threads)) for calls in listed or _calls(job)]

    def _pages(self) -> list[list[_Call]]:
        """A listing's requests, each from the last key of the page before."""
        prefix = str(self.job.options["prefix"])
        calls, after = [], ""
        for page in make_engine_client(self.job).list(self.job.target.url(prefix)):
            query = {"list-type": "2", "prefix": prefix}
            calls.append(_Call("GET", "", query=query | ({"start-after": after} if after else {})))
            after = page.objects[-1].key if page.objects else ""
        return [calls]

    def _loop(self, calls: list[_Call], threads: int) -> _core.LimitLoop:
        requests = [self._request(call) for call in calls]
        host, port, tls = self._urls.where(calls[0].key)
        bundle = self.job.target.ca_bundle or ""
        return _core.LimitLoop(host, port, tls, bundle, min(threads, len(calls)), requests)

    def _request(self, call: _Call) -> tuple[bytes, bool, bool, int, int]:
        lines = [f"{call.method} {self._urls.path(call)} HTTP/1.1", f"Host: {self._urls.host}"]
        sends = call.method == "PUT"
        if sends:
            lines.append(f"Content-Length: {call.size}")
        elif call.size and call.of_part:
            lines.append(f"Range: bytes={call.start}-{call.start + call.size - 1}")
        head = "\r\n".join([*lines, "", ""]).encode()
        return head, sends, call.method != "HEAD", call.offset, call.size

    def run(self) -> Done:
        return again(self.job, self._run)

    def _run(self) -> Done:
        done = Done()
        for calls, loop in self._passes:
            seconds, latencies, statuses = loop.run()
            for call, status in zip(calls, statuses, strict=True):
                if status // 100 != 2:
                    raise RuntimeError(f"{call.method} of {call.key}: status {status}")
            done.seconds += seconds
            done.latencies_us += latencies
            done.moved_bytes += sum(call.size for call in calls)
        done.count = _count(self.job)
        return done


class _Urls:
    """Where keys are, as whom."""

    def __init__(self, job: Job) -> None:
        self._target = job.target
        self._client = make_engine_client(job)
        self.host = ""

    def where(self, key: str) -> tuple[str, int, bool]:
        """The server's name and port, and whether it speaks TLS."""
        parts = self._split(_Call("GET", key or "any"))
        tls = parts.scheme == "https"
        return str(parts.hostname), parts.port or (443 if tls else 80), tls

    def path(self, call: _Call) -> str:
        """What a request's first line has; sets `host`."""
        parts = self._split(call)
        self.host = parts.netloc
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def _split(self, call: _Call) -> SplitResult:
        url = self._target.url(call.key)
        if self._target.anonymous:
            query = f"?{urlencode(call.query, quote_via=quote)}" if call.query else ""
            return urlsplit(
                f"{self._target.endpoint}/{self._target.bucket}/{quote(call.key)}{query}"
            )
        method: Any = call.method
        return urlsplit(
            self._client.presign(url, method=method, expires=12 * 3600, query=call.query)
        )


_BULK_GETS = frozenset(
    {
        "get_into",
        "get",
        "read_file",
        "read_file_into",
        "load_state",
        "load_safetensors",
        "load_distributed",
    }
)
_BULK_PUTS = frozenset({"put", "write_file", "save_state", "save_distributed"})
_BULK = _BULK_GETS | _BULK_PUTS
_GETS = _BULK_GETS | {"get_many", "read_files", "load_samples"}
_PUTS = _BULK_PUTS | {"put_many"}


def has_limit(operation: str) -> bool:
    """Whether there is a loop for it: not for training, whose measure is the accelerator's time."""
    return operation in _GETS | _PUTS | {"random_read", "head", "list", "mixed"}


def _count(job: Job) -> int:
    """Objects or calls that a pass counts as, like a client's."""
    options = job.options
    if job.operation == "list":
        return int(options["count"])
    return int(options.get("calls") or options.get("reads") or len(job.keys))


def _calls(job: Job) -> Iterator[list[_Call]]:
    """Yield a job's requests, in lists of those that may be made at once."""
    if job.operation in _GETS:
        yield [
            call
            for number, key in enumerate(job.keys)
            for call in _parts(job, "GET", key, number % job.in_flight)
        ]
    elif job.operation in _PUTS:
        yield [call for key in job.keys for call in _parts(job, "PUT", key, 0)]
    elif job.operation == "random_read":
        yield [
            _Call("GET", job.keys[0], offset, job.size, number % job.in_flight * job.size)
            for number, offset in enumerate(random_offsets(job))
        ]
    elif job.operation == "head":
        yield [_Call("HEAD", key) for key in job.keys]
    else:
        sizes = {"get": job.size, "put": job.size}
        yield [
            _Call(
                verb.upper(), key, 0, sizes.get(verb, 0), number % job.in_flight * job.size, False
            )
            for number, (verb, key) in enumerate(mixed_calls(job))
        ]


def _parts(job: Job, method: str, key: str, place: int) -> Iterator[_Call]:
    """An object's ranges, or its parts as objects."""
    part_size = job.part_size or PART_SIZE
    if job.size <= part_size:
        yield _Call(method, key, 0, job.size, place * job.size, of_part=False)
        return
    for start in range(0, job.size, part_size):
        size = min(part_size, job.size - start)
        name = key if method == "GET" else f"{key}.part-{start // part_size}"
        yield _Call(method, name, start, size, place * job.size + start)

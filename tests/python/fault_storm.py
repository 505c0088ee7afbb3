"""A storm of faults between clients and a real MinIO, and what must hold in it and after it.

`StormServer` hands requests on to a MinIO and, at a given rate, does one of `FAULTS` to them.
`Storm` runs every operation against it from several threads and checks each outcome: the right
bytes or the right typed error, never part of an object.
"""

from __future__ import annotations

import datetime
import random
import threading
import time
from collections import Counter
from collections.abc import Callable

import s3native
from content import content
from faults import FAULTS, Exchange, right_answer
from raw_server import Line, RawServer, Request
from s3native.testing import MinioServer

PART = 5 << 20  # S3's smallest
STALL_S = 1
MEMORY_LIMIT = 48 << 20
THREADS = 8
# A call that has nothing under way is granted a request even at the limit.
MOST_RESERVED = MEMORY_LIMIT + THREADS * (8 << 20)


class StormServer:
    """A server that is `server`, with faults: `rate` of all requests meet one."""

    def __init__(self, server: MinioServer, *, seed: int, rate: float) -> None:
        self.done: Counter[str] = Counter()
        self.calm = False  # no more faults
        self._server = server
        self._chance = random.Random(seed)
        self._rate = rate
        self._lock = threading.Lock()
        self._raw = RawServer(self._answer)

    @property
    def endpoint(self) -> str:
        """The URL clients connect to."""
        return self._raw.endpoint

    def __enter__(self) -> StormServer:
        self._raw.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._raw.__exit__(*exception)

    @property
    def open_connections(self) -> int:
        """Those that neither side has closed."""
        return self._raw.open_connections

    def _answer(self, request: Request, line: Line) -> None:
        exchange = Exchange(request, line, self._server)
        fault = self._choose(exchange)
        if fault is None:
            line.send(right_answer(exchange)[0])
        else:
            FAULTS[fault].do(exchange)

    def _choose(self, exchange: Exchange) -> str | None:
        with self._lock:
            if self.calm or self._chance.random() >= self._rate:
                return None
            names = [name for name, fault in FAULTS.items() if fault.to(exchange)]
            weights = [FAULTS[name].weight for name in names]
            name = self._chance.choices(names, weights)[0]
            self.done[name] += 1
            return name


# ---- the work ----


class Storm:
    """Threads that work on one bucket through a `StormServer` until enough faults were done."""

    def __init__(self, server: MinioServer, bucket: str, storm: StormServer, *, seed: int) -> None:
        self.outcomes: Counter[str] = Counter()
        self.most_reserved = 0  # bytes of the memory budget
        self._bucket = bucket
        self._ends_of_puts: dict[str, set[str]] = {}  # by key
        self._storm = storm
        self._seed = seed
        self._lock = threading.Lock()
        options = server.client_options()
        self._calm = s3native.Client(**options, part_size=PART)
        self._client = s3native.Client(
            **options | {"endpoint": storm.endpoint},
            part_size=PART,
            max_connections=8,
            stall_timeout_s=STALL_S,
            memory_limit=MEMORY_LIMIT,
        )
        self._large = content(2 * PART + 12_345)
        self._small = content(110_000)
        self._calm.put(f"s3://{bucket}/kept/large", self._large)
        for i in range(5):
            self._calm.put(f"s3://{bucket}/kept/{i}", self._small[i:])

    def run(self, faults: int) -> None:
        """Works until `faults` were done; raises what any thread found wrong."""
        found: list[BaseException] = []

        def work(number: int) -> None:
            chance = random.Random(self._seed * 1000 + number)
            try:
                while self._storm.done.total() < faults and not found:
                    self._step(chance, number)
            except BaseException as failure:
                found.append(failure)

        workers = [threading.Thread(target=work, args=(i,)) for i in range(THREADS)]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            reserved = self._client.stats()["memory_reserved"]
            self.most_reserved = max(self.most_reserved, reserved)
            time.sleep(0.005)
        self._storm.calm = True
        self._client.close()
        if found:
            raise found[0]

    def pending_uploads(self) -> dict[str, set[str]]:
        """Keys of uploads that the server still holds, and how their puts ended.

        Only the server knows of an upload whose beginning was answered, if at all, by a lost answer
        and then a refusal. Such keys do not count.
        """
        any_age = datetime.timedelta(minutes=-1)
        return {
            key: ends
            for key, ends in self._ends_of_puts.items()
            if self._calm.abort_stale_uploads(self._url(key), older_than=any_age)
            and not any("CreateMultipartUpload" in end for end in ends)
        }

    def _step(self, chance: random.Random, number: int) -> None:
        steps = [
            (8, self._get_small),
            (3, self._get_range),
            (2, self._get_large),
            (2, self._get_many),
            (2, self._list),
            (3, self._put_small),
            (2, self._put_large),
            (3, self._read_file),
            (2, self._write_file),
            (1, self._copy),
            (1, self._delete),
        ]
        (step,) = chance.choices([s for _, s in steps], [w for w, _ in steps])
        try:
            step(chance, number)
            outcome = "right"
        except s3native.S3Error as error:
            self._check_error(error)
            outcome = type(error).__name__
        with self._lock:
            self.outcomes[outcome] += 1

    def _check_error(self, error: s3native.S3Error) -> None:
        text = str(error)
        assert error.operation, text
        assert error.operation in text
        assert self._bucket in text
        assert ";" in text, f"no hint: {text}"
        assert type(error) is not s3native.S3Error or error.http_status == 301, text

    def _url(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def _get_small(self, chance: random.Random, number: int) -> None:
        i = chance.randrange(5)
        assert bytes(self._client.get(self._url(f"kept/{i}"))) == self._small[i:]

    def _get_range(self, chance: random.Random, number: int) -> None:
        start = chance.randrange(len(self._large) - 1)
        end = min(len(self._large), start + chance.choice((2, 1000, 100_000)))
        into = bytearray(end - start)
        assert self._client.get_into(self._url("kept/large"), into, range=(start, end)) == len(into)
        assert into == self._large[start:end]

    def _get_large(self, chance: random.Random, number: int) -> None:
        into = bytearray(len(self._large))
        assert self._client.get_into(self._url("kept/large"), into) == len(into)
        assert into == self._large

    def _get_many(self, chance: random.Random, number: int) -> None:
        numbers = [chance.randrange(5) for _ in range(10)]
        items = self._client.get_many([self._url(f"kept/{i}") for i in numbers])
        for i, item in zip(numbers, items, strict=True):
            if item.error is not None:
                self._check_error(item.error)
            else:
                assert bytes(item.data) == self._small[i:]

    def _list(self, chance: random.Random, number: int) -> None:
        pages = self._client.list(self._url("kept/"))
        keys = [info.key for page in pages for info in page.objects]
        assert keys == ["kept/0", "kept/1", "kept/2", "kept/3", "kept/4", "kept/large"]

    def _put_small(self, chance: random.Random, number: int) -> None:
        self._put(f"mine/{number}/small", chance.randbytes(chance.choice((0, 10, 100_000))))

    def _put_large(self, chance: random.Random, number: int) -> None:
        self._put(f"mine/{number}/large", chance.randbytes(PART + chance.randrange(1, PART)))

    def _put(self, key: str, data: bytes) -> None:
        self._store(key, data, lambda: self._client.put(self._url(key), data))

    def _write_file(self, chance: random.Random, number: int) -> None:
        key = f"mine/{number}/file"
        data = chance.randbytes(chance.choice((0, 10, 100_000, PART + 1, 2 * PART)))
        size = chance.choice((1000, 100_000, 3 << 20))

        def write() -> None:
            with self._client.open(self._url(key), "wb") as file:
                for start in range(0, len(data), size):
                    file.write(data[start : start + size])

        self._store(key, data, write)

    def _read_file(self, chance: random.Random, number: int) -> None:
        with self._client.open(self._url("kept/large")) as file:
            for _ in range(chance.randrange(1, 20)):
                if chance.random() < 0.2:
                    file.seek(chance.randrange(len(self._large)))
                start = file.tell()
                size = chance.choice((64, 10_000, 100_000, 3 << 20))
                assert file.read(size) == self._large[start : start + size]

    def _store(self, key: str, data: bytes, send: Callable[[], object]) -> None:
        ends = self._ends_of_puts.setdefault(key, set())
        before = self._content(key)
        try:
            send()
        except s3native.S3Error as error:
            ends.add(str(error))
            after = self._content(key)
            assert after in (before, data), f"part of {key} is visible"
            raise
        assert self._content(key) == data, f"{key} is not what was put"

    def _copy(self, chance: random.Random, number: int) -> None:
        key = f"mine/{number}/copy"
        before = self._content(key)
        i = chance.randrange(5)
        try:
            self._client.copy(self._url(f"kept/{i}"), self._url(key))
        except s3native.S3Error:
            assert self._content(key) in (before, self._small[i:])
            raise
        assert self._content(key) == self._small[i:]

    def _delete(self, chance: random.Random, number: int) -> None:
        key = f"mine/{number}/small"
        before = self._content(key)
        try:
            self._client.delete(self._url(key))
        except s3native.S3Error:
            assert self._content(key) in (before, None)
            raise
        assert self._content(key) is None

    def _content(self, key: str) -> bytes | None:
        """What is visible, asked for without faults."""
        try:
            return bytes(self._calm.get(self._url(key)))
        except s3native.NotFoundError:
            return None

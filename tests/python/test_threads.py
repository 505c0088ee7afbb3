"""One client used by many threads, and closed under them."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import s3native
from conftest import PART_SIZE
from content import content
from held import Held, eventually_not_more_than
from raw_object import within
from test_put import pending_uploads

THREADS = 64
STEPS = 20
KEPT = [content(30_000 + i, seed=i) for i in range(10)]
LARGE = content(2 * PART_SIZE + 123)


class Worker:
    """One thread's work: every operation, on objects of its own and on those of all."""

    def __init__(self, client: s3native.Client, bucket: str, number: int) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"mine/{number:02}"
        self._chance = random.Random(number)
        self._mine: dict[str, bytes] = {}

    def run(self) -> None:
        """Checks the outcome of each step, and what is there in the end."""
        kinds: list[Callable[[], None]] = [
            self._put,
            self._get,
            self._get_into,
            self._get_large,
            self._head,
            self._list,
            self._get_many,
            self._delete,
        ]
        for step in range(STEPS):
            kinds[step % len(kinds)]()
        self._list()

    def _url(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def _kept(self) -> tuple[str, bytes]:
        i = self._chance.randrange(len(KEPT))
        return self._url(f"kept/{i}"), KEPT[i]

    def _put(self) -> None:
        key = f"{self._prefix}/{len(self._mine)}"
        self._mine[key] = self._chance.randbytes(self._chance.choice((0, 10, 50_000)))
        self._client.put(self._url(key), self._mine[key])
        assert bytes(self._client.get(self._url(key))) == self._mine[key]

    def _get(self) -> None:
        url, data = self._kept()
        assert bytes(self._client.get(url)) == data

    def _get_into(self) -> None:
        url, data = self._kept()
        into = bytearray(len(data))
        assert self._client.get_into(url, into) == len(data)
        assert into == data

    def _get_large(self) -> None:
        """Across a part's border."""
        span = (PART_SIZE - 50_000, PART_SIZE + 50_000)
        assert bytes(self._client.get(self._url("large"), range=span)) == LARGE[slice(*span)]

    def _head(self) -> None:
        url, data = self._kept()
        assert self._client.head(url).size == len(data)
        with pytest.raises(s3native.NotFoundError):
            self._client.head(self._url(f"{self._prefix}/missing"))

    def _list(self) -> None:
        pages = self._client.list(self._url(f"{self._prefix}/"))
        found = {info.key: info.size for page in pages for info in page.objects}
        assert found == {key: len(data) for key, data in self._mine.items()}

    def _get_many(self) -> None:
        chosen = [self._kept() for _ in range(8)]
        items = self._client.get_many([url for url, _ in chosen], concurrency=4)
        assert [bytes(item.data) for item in items] == [data for _, data in chosen]

    def _delete(self) -> None:
        if self._mine:
            key, _ = self._mine.popitem()
            self._client.delete(self._url(key))
            with pytest.raises(s3native.NotFoundError):
                self._client.get(self._url(key))


def fill(client: s3native.Client, bucket: str) -> None:
    """The objects of all threads."""
    client.put(f"s3://{bucket}/large", LARGE)
    for i, data in enumerate(KEPT):
        client.put(f"s3://{bucket}/kept/{i}", data)


def results(futures: list[Future[Any]]) -> list[Any]:
    """What they return; raises what the first that failed did."""
    return [future.result(timeout=60) for future in futures]


@pytest.mark.slow
def test_sixty_four_threads_on_one_client(
    server: Any, client: s3native.Client, bucket: str, settled: Callable[[], None]
) -> None:
    fill(client, bucket)
    before = Held.now()
    with s3native.Client(**server.client_options(), part_size=PART_SIZE) as shared:
        workers = [Worker(shared, bucket, number) for number in range(THREADS)]
        with ThreadPoolExecutor(THREADS) as pool:
            results([pool.submit(worker.run) for worker in workers])
    held = eventually_not_more_than(before)
    assert not held.exceeds(before), (before, held)


def until_closed(call: Callable[[], None]) -> int:
    """Repeats the call until it is told that the client is closed; how often it went well."""
    count = 0
    while True:
        try:
            call()
        except ValueError as error:
            assert str(error) == "this client is closed"
            return count
        count += 1


def endless_calls(client: s3native.Client, bucket: str) -> list[Callable[[], None]]:
    """Calls of every kind that check their outcome; each is for one thread."""
    into = bytearray(len(LARGE))

    def get_into() -> None:
        assert client.get_into(f"s3://{bucket}/large", into) == len(LARGE)
        assert into == LARGE

    def get() -> None:
        assert bytes(client.get(f"s3://{bucket}/kept/1")) == KEPT[1]

    def get_many() -> None:
        items = client.get_many([f"s3://{bucket}/kept/{i % 10}" for i in range(40)])
        assert [bytes(item.data) for item in items] == KEPT * 4

    def put_large() -> None:
        client.put(f"s3://{bucket}/put/large", LARGE)

    def put_small() -> None:
        client.put(f"s3://{bucket}/put/small", KEPT[0])

    def pages() -> None:
        listed = [page.objects for page in client.list(f"s3://{bucket}/kept/", page_size=3)]
        assert [len(objects) for objects in listed] == [3, 3, 3, 1]

    def head() -> None:
        assert client.head(f"s3://{bucket}/large").size == len(LARGE)

    return [get_into, get, get_many, put_large, put_small, pages, head]


@pytest.mark.parametrize("after_s", [0, 0.02, 0.3])
def test_a_client_closed_while_threads_use_it(
    after_s: float,
    server: Any,
    client: s3native.Client,
    boto: Any,
    bucket: str,
    settled: Callable[[], None],
) -> None:
    """What is under way ends well, what comes later is refused; nobody waits for ever."""
    fill(client, bucket)
    before = Held.now()
    shared = s3native.Client(**server.client_options(), part_size=PART_SIZE)
    calls = endless_calls(shared, bucket) * 3
    with ThreadPoolExecutor(len(calls)) as pool, within(after_s + 10):
        running = [pool.submit(until_closed, call) for call in calls]
        time.sleep(after_s)
        shared.close()
        results(running)
    assert shared.closed
    held = eventually_not_more_than(before)
    assert not held.exceeds(before), (before, held)
    assert pending_uploads(boto, bucket, "put/large") == []


def test_closing_from_many_threads(server: Any, client: s3native.Client, bucket: str) -> None:
    """At the same time as the first requests."""
    fill(client, bucket)
    for _ in range(30):
        shared = s3native.Client(**server.client_options(), part_size=PART_SIZE)
        start = threading.Barrier(8)

        def work(number: int, client: s3native.Client, start: threading.Barrier) -> None:
            start.wait(10)
            if number % 2:
                client.close()
                return
            try:
                assert bytes(client.get(f"s3://{bucket}/kept/0")) == KEPT[0]
            except ValueError as error:
                assert str(error) == "this client is closed"

        with ThreadPoolExecutor(8) as pool:
            results([pool.submit(work, i, shared, start) for i in range(8)])
        assert shared.closed

"""`get_many`: order, errors per item, bounded memory, and ends that leave nothing behind."""

from __future__ import annotations

import gc
import itertools
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import s3native
from content import content

COUNT = 60


@pytest.fixture(scope="module")
def urls(client: s3native.Client) -> Iterator[list[str]]:
    """URLs of objects of 0 to 59 000 bytes."""
    made = [f"s3://get-many-tests/{i:03}" for i in range(COUNT)]
    client.create_bucket("get-many-tests")
    for i, url in enumerate(made):
        client.put(url, content(i * 1000, seed=i))
    yield made
    client.delete_many(made)
    client.delete_bucket("get-many-tests")


def check(items: list[s3native.GetManyItem], urls: list[str]) -> None:
    for item in items:
        assert item.error is None
        assert item.url == urls[item.index]
        assert bytes(item.data) == content(item.index * 1000, seed=item.index)
        assert (item.info.url, item.info.size) == (item.url, item.index * 1000)


def test_ordered(client: s3native.Client, urls: list[str], settled: Callable[[], None]) -> None:
    items = list(client.get_many(urls))
    assert [item.index for item in items] == list(range(COUNT))
    check(items, urls)


@pytest.mark.parametrize("concurrency", [1, 2, 7, 500])
@pytest.mark.parametrize("ordered", [True, False])
def test_every_concurrency(
    client: s3native.Client, urls: list[str], ordered: bool, concurrency: int
) -> None:
    items = list(client.get_many(urls, ordered=ordered, concurrency=concurrency))
    indices = [item.index for item in items]
    assert (indices if ordered else sorted(indices)) == list(range(COUNT))
    check(items, urls)


def test_nothing_to_get(client: s3native.Client) -> None:
    assert list(client.get_many([])) == []
    assert list(client.get_many(iter(()), ordered=False)) == []


def test_failed_requests_are_items(client: s3native.Client, urls: list[str], bucket: str) -> None:
    mixed: list[Any] = []
    for i, url in enumerate(urls):
        mixed += [url, f"s3://{bucket}/missing/{i}", (url, (100_000, 100_001))]
    for ordered in (True, False):
        items = sorted(client.get_many(mixed, ordered=ordered), key=lambda item: item.index)
        assert len(items) == 3 * COUNT
        for i in range(COUNT):
            good, missing, behind = items[3 * i : 3 * i + 3]
            assert bytes(good.data) == content(i * 1000, seed=i)
            assert isinstance(missing.error, s3native.NotFoundError)
            assert (missing.data, missing.info) == (None, None)
            assert missing.error.key == f"missing/{i}"
            assert isinstance(behind.error, s3native.RangeError)
            assert "failed" in repr(behind)


def test_pairs_and_infos_as_requests(client: s3native.Client, urls: list[str]) -> None:
    page = next(client.list("s3://get-many-tests/"))
    requests: list[Any] = [page.objects[9], (urls[5], (10, 20)), (urls[5], (4990, None)), urls[3]]
    requests += [(urls[5], (7, 7))]
    items = list(client.get_many(requests))
    assert bytes(items[0].data) == content(9000, seed=9)
    assert items[0].url == urls[9]
    assert bytes(items[1].data) == content(5000, seed=5)[10:20]
    assert bytes(items[2].data) == content(5000, seed=5)[4990:]
    assert bytes(items[3].data) == content(3000, seed=3)
    assert bytes(items[4].data) == b""
    assert items[1].info.size == 5000


class Known(NamedTuple):
    """What somebody remembers of an object."""

    url: str
    size: int
    etag: str = ""


@pytest.mark.parametrize("wrong_by", [0, 1, -1, 50_000, -50_000])
@pytest.mark.parametrize("ordered", [True, False])
def test_sizes_that_are_known_or_wrong(
    client: s3native.Client, urls: list[str], ordered: bool, wrong_by: int
) -> None:
    known = [Known(url, max(0, i * 1000 + wrong_by)) for i, url in enumerate(urls)]
    items = list(client.get_many(known, ordered=ordered))
    assert sorted(item.index for item in items) == list(range(COUNT))
    check(items, urls)


@pytest.mark.parametrize("size", [-1, "5", 1.5, None, 1 << 70])
def test_sizes_that_are_none(client: s3native.Client, urls: list[str], size: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        next(client.get_many([Known(urls[0], size)]))


def test_requests_are_taken_lazily(client: s3native.Client, urls: list[str]) -> None:
    taken = []

    def endless() -> Iterator[str]:
        for url in itertools.cycle(urls):
            taken.append(url)
            yield url

    items = client.get_many(endless(), concurrency=4)
    assert taken == []
    for _ in range(10):
        next(items)
    assert 10 <= len(taken) <= 10 + 2 * 4
    items.close()


def test_into_one_buffer(client: s3native.Client, urls: list[str]) -> None:
    ranges = [(url, (1, 900)) for url in urls[1:]]
    for ordered in (True, False):
        into = np.zeros(899 * len(ranges), np.uint8)
        for item in client.get_many(ranges, into=into, ordered=ordered):
            assert item.error is None
            assert isinstance(item.data, memoryview)
            assert np.shares_memory(np.frombuffer(item.data, np.uint8), into)
        expected = [content(i * 1000, seed=i)[1:900] for i in range(1, COUNT)]
        assert into.tobytes() == b"".join(expected)


def test_into_arrays_of_other_types(client: s3native.Client, urls: list[str]) -> None:
    into = np.zeros((4, 100), np.float64)
    requests = [(urls[i], (0, 800)) for i in range(10, 14)]
    items = list(client.get_many(requests, into=into))
    for row, item in enumerate(items):
        assert bytes(item.data) == into[row].tobytes()
        assert bytes(item.data) == content((10 + row) * 1000, seed=10 + row)[:800]


def test_each_range_into_memory_of_its_own(client: s3native.Client, urls: list[str]) -> None:
    arrays = [np.zeros((5, 20 + i), np.float32) for i in range(COUNT)]
    requests = [
        (url, (10, 10 + min(array.nbytes, 1000 * i - 10)), array)
        for i, (url, array) in enumerate(zip(urls, arrays, strict=True))
        if i > 0
    ]
    for ordered in (True, False):
        for array in arrays:
            array.fill(0)
        for item in client.get_many(iter(requests), ordered=ordered):
            _, (start, end), array = requests[item.index]
            assert item.error is None
            assert np.shares_memory(np.frombuffer(item.data, np.uint8), array)
            expected = content(1000 * (item.index + 1), seed=item.index + 1)[start:end]
            assert bytes(item.data) == expected == array.tobytes()[: end - start]


def test_ranges_into_memory_beside_others(client: s3native.Client, urls: list[str]) -> None:
    own = bytearray(200)
    items = list(client.get_many([(urls[3], (100, 300), own), urls[2], (urls[4], (0, 50))]))
    assert own == content(3000, seed=3)[100:300]
    assert [type(item.data).__name__ for item in items] == ["memoryview", "Buffer", "Buffer"]
    empty = next(iter(client.get_many([(urls[3], (5, 5), bytearray())])))
    assert (empty.error, bytes(empty.data)) == (None, b"")


def test_memory_of_its_own_that_cannot_be_filled(client: s3native.Client, urls: list[str]) -> None:
    with pytest.raises(ValueError, match="room for 10 bytes, too few for request 1"):
        list(client.get_many([urls[1], (urls[1], (0, 11), bytearray(10))]))
    with pytest.raises(ValueError, match="range with an end"):
        next(client.get_many([(urls[1], (0, None), bytearray(10))]))  # type: ignore[list-item]
    with pytest.raises(ValueError, match="buffer of its own"):
        next(client.get_many([(urls[1], (0, 1), bytearray(1))], into=bytearray(1)))
    with pytest.raises(ValueError, match="writable"):
        next(client.get_many([(urls[1], (0, 1), b"x")]))


def test_into_that_cannot_be_filled(client: s3native.Client, urls: list[str]) -> None:
    with pytest.raises(ValueError, match="range with an end"):
        next(client.get_many([urls[1]], into=bytearray(10_000)))
    with pytest.raises(ValueError, match="into has room for 5 bytes, too few for request 1"):
        list(client.get_many([(urls[1], (0, 5)), (urls[1], (0, 6))], into=bytearray(10)))
    with pytest.raises(ValueError, match="writable"):
        client.get_many([], into=b"read-only")
    with pytest.raises(TypeError, match="buffer protocol"):
        client.get_many([], into="text")  # type: ignore[arg-type]


def test_objects_larger_than_predicted(client: s3native.Client, bucket: str) -> None:
    sizes = [10] * 40 + [300_000] * 3 + [10] * 10 + [12_000_000] + [10] * 10
    urls = [f"s3://{bucket}/{i}" for i in range(len(sizes))]
    for i, (url, size) in enumerate(zip(urls, sizes, strict=True)):
        client.put(url, content(size, seed=i))
    for ordered in (True, False):
        for item in client.get_many(urls, ordered=ordered):
            assert item.error is None
            assert bytes(item.data) == content(sizes[item.index], seed=item.index)


@pytest.mark.parametrize("ordered", [True, False])
def test_large_objects_are_not_all_fetched_at_once(
    client: s3native.Client, bucket: str, ordered: bool, settled: Callable[[], None]
) -> None:
    """Twice what all connections carry at once, 100 MiB here, is enough in flight."""
    url = f"s3://{bucket}/large"
    client.put(url, content(12_000_000, seed=1))
    before, most, count = client.stats()["pool_in_use"], 0, 0
    for item in client.get_many([url] * 40, ordered=ordered, concurrency=40):
        assert len(item.data) == 12_000_000
        most = max(most, client.stats()["pool_in_use"] - before)
        count += 1
    assert count == 40
    assert most < 300_000_000  # beside the first parts of all


def test_thousands_of_small_objects(
    client: s3native.Client, bucket: str, settled: Callable[[], None]
) -> None:
    names = [f"s3://{bucket}/small/{i}" for i in range(100)]
    for i, name in enumerate(names):
        client.put(name, b"%d" % i)
    wanted = names * 30
    values = [int(bytes(item.data)) for item in client.get_many(wanted, concurrency=64)]
    assert values == list(range(100)) * 30


def test_memory_stays_bounded(server: Any, bucket: str, settled: Callable[[], None]) -> None:
    limit = 24 << 20
    small = s3native.Client(**server.client_options(), memory_limit=limit)
    size = 4 << 20
    small.put(f"s3://{bucket}/four", content(size))
    base = small.stats()["pool_in_use"]
    most = 0
    for ordered in (True, False):
        urls = [f"s3://{bucket}/four"] * 40
        for item in small.get_many(urls, ordered=ordered, concurrency=32):
            assert len(item.data) == size
            stats = small.stats()
            most = max(most, stats["pool_in_use"] - base)
            assert stats["memory_reserved"] <= limit + size + (1 << 20)
    # The budget, the item in hand and one that is always granted.
    assert most <= limit + 3 * size


def test_memory_limit_smaller_than_one_object(server: Any, bucket: str) -> None:
    small = s3native.Client(**server.client_options(), memory_limit=1 << 20)
    small.put(f"s3://{bucket}/large", content(5_000_000))
    items = small.get_many([f"s3://{bucket}/large"] * 4)
    assert [len(item.data) for item in items] == [5_000_000] * 4


def test_streams_at_the_limit_do_not_block_each_other(server: Any, bucket: str) -> None:
    small = s3native.Client(**server.client_options(), memory_limit=6 << 20)
    small.put(f"s3://{bucket}/two", content(2 << 20))
    streams = [small.get_many([f"s3://{bucket}/two"] * 6, ordered=i % 2 == 0) for i in range(4)]
    for _ in range(6):  # in turn, on one thread
        for stream in streams:
            assert len(next(stream).data) == 2 << 20


@pytest.mark.parametrize("taken", [0, 1, 10])
@pytest.mark.parametrize("how", ["close", "collect"])
def test_early_end_leaves_nothing_in_flight(
    client: s3native.Client,
    urls: list[str],
    settled: Callable[[], None],
    taken: int,
    how: str,
) -> None:
    items: Any = client.get_many(itertools.cycle(urls), ordered=False)
    for _ in range(taken):
        next(items)
    if how == "close":
        items.close()
        items.close()
        assert list(items) == []
    del items
    gc.collect()
    settled()


def test_exhausted_iterator_stays_exhausted(client: s3native.Client, urls: list[str]) -> None:
    items = client.get_many(urls[:3])
    assert len(list(items)) == 3
    assert list(items) == []
    with pytest.raises(StopIteration):
        next(items)


class Marker:
    """Something that tells whether a frame was let go of."""


def test_a_raised_error_keeps_nothing(client: s3native.Client, bucket: str) -> None:
    """Error, traceback, frame and item are a cycle; so are a stream and a generator that knows it.

    Not collected, they would keep the stream's memory.
    """
    markers: list[weakref.ref[Marker]] = []

    def first(requests: Iterable[str]) -> None:
        marker = Marker()
        markers.append(weakref.ref(marker))
        items = client.get_many(requests)
        for item in items:
            assert item.error is not None
            raise item.error

    def known() -> None:
        marker = Marker()
        markers.append(weakref.ref(marker))
        items: Iterator[s3native.GetManyItem] | None = None

        def requests() -> Iterator[str]:
            yield f"s3://{bucket}/missing"
            yield f"s3://{bucket}/missing/{marker}/{items}"

        items = client.get_many(requests(), concurrency=1)
        next(items)

    with pytest.raises(s3native.NotFoundError):
        first([f"s3://{bucket}/missing"] * 10)
    known()
    gc.collect()
    assert [marker() for marker in markers] == [None, None]


def test_exception_of_the_request_iterator_propagates(
    client: s3native.Client, urls: list[str], settled: Callable[[], None]
) -> None:
    def failing() -> Iterator[str]:
        yield from urls[:5]
        raise RuntimeError("no more names")

    items = client.get_many(failing())
    with pytest.raises(RuntimeError, match="no more names"):
        list(items)
    del items


@pytest.mark.parametrize("wrong", [5, None, b"s3://bucket/key", ["s3://b/k"], (5, (0, 1))])
def test_wrong_request_types(client: s3native.Client, wrong: Any) -> None:
    with pytest.raises(TypeError, match="get_many"):
        next(client.get_many([wrong]))


def test_wrong_requests(client: s3native.Client) -> None:
    with pytest.raises(TypeError, match="iterable"):
        client.get_many("s3://bucket/key")
    with pytest.raises(TypeError):
        client.get_many(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="s3://"):
        next(client.get_many(["http://bucket/key"]))
    with pytest.raises(ValueError, match="range"):
        next(client.get_many([("s3://bucket/key", (5, 1))]))
    with pytest.raises(ValueError, match="concurrency"):
        client.get_many([], concurrency=0)


def test_many_streams_in_threads(client: s3native.Client, urls: list[str]) -> None:
    failures: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(3):
                check(list(client.get_many(urls, ordered=False, concurrency=8)), urls)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []

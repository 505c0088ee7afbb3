"""`get`, `get_into` and `get_ranges`: every byte, at every edge."""

from __future__ import annotations

import mmap
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import s3native
from conftest import PART_SIZE
from content import content
from s3native.testing import MinioServer

SIZES = [0, 1, 4095, 4096, 4097, PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, 3 * PART_SIZE + 7]
SIZE = 3 * PART_SIZE + 7


@pytest.fixture(scope="module")
def data() -> bytes:
    return content(SIZE)


@pytest.fixture(scope="module")
def stored(client: s3native.Client, data: bytes) -> Iterator[str]:
    """URL of an object of a little more than three parts."""
    client.create_bucket("get-tests")
    client.put("s3://get-tests/large", data)
    yield "s3://get-tests/large"
    client.delete("s3://get-tests/large")
    client.delete_bucket("get-tests")


@pytest.mark.parametrize("size", SIZES)
def test_whole_objects_of_every_size(client: s3native.Client, bucket: str, size: int) -> None:
    url, expected = f"s3://{bucket}/object", content(size, seed=size)
    client.put(url, expected)
    assert bytes(client.get(url)) == expected
    received = bytearray(size)
    assert client.get_into(url, received) == size
    assert received == expected


def test_get_does_not_depend_on_what_was_read_before(client: s3native.Client, bucket: str) -> None:
    sizes = [SIZE, 0, 1, 100_000, PART_SIZE + 1, 10, PART_SIZE]
    for size in sizes:
        client.put(f"s3://{bucket}/{size}", content(size, seed=size))
    for size in sizes + sizes[::-1]:
        assert bytes(client.get(f"s3://{bucket}/{size}")) == content(size, seed=size)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (0, 1),
        (0, PART_SIZE),
        (PART_SIZE - 1, PART_SIZE + 1),
        (PART_SIZE, 2 * PART_SIZE),
        (1, SIZE - 1),
        (SIZE - 1, SIZE),
        (SIZE - 8, None),
        (0, None),
        (12345, None),
        (0, SIZE),
    ],
)
def test_ranges(
    client: s3native.Client, stored: str, data: bytes, start: int, end: int | None
) -> None:
    expected = data[start:end]
    assert bytes(client.get(stored, range=(start, end))) == expected
    received = bytearray(len(expected))
    assert client.get_into(stored, received, range=(start, end)) == len(expected)
    assert received == expected


def test_range_past_the_end_is_read_short(
    client: s3native.Client, stored: str, data: bytes
) -> None:
    start = SIZE - 100
    assert bytes(client.get(stored, range=(start, SIZE + 50))) == data[start:]
    received = bytearray(150)
    assert client.get_into(stored, received, range=(start, SIZE + 50)) == 100
    assert received == data[start:] + bytes(50)


def test_range_of_many_parts_past_the_end_is_read_short(
    client: s3native.Client, stored: str, data: bytes
) -> None:
    assert bytes(client.get(stored, range=(5, SIZE + 2 * PART_SIZE))) == data[5:]


@pytest.mark.parametrize("at", [0, 7, SIZE, SIZE + 10])
def test_empty_range_asks_for_nothing(client: s3native.Client, stored: str, at: int) -> None:
    before = client.stats()["requests"]
    assert len(client.get(stored, range=(at, at))) == 0
    assert client.get_into(stored, bytearray(), range=(at, at)) == 0
    assert client.stats()["requests"] == before


@pytest.mark.parametrize("start", [SIZE, SIZE + 1, 10 * SIZE])
@pytest.mark.parametrize("to_end", [True, False])
def test_range_that_starts_at_or_behind_the_end(
    client: s3native.Client, stored: str, start: int, to_end: bool
) -> None:
    wanted = (start, None if to_end else start + 10)
    with pytest.raises(s3native.RangeError) as caught:
        client.get(stored, range=wanted)
    assert caught.value.http_status == 416
    with pytest.raises(s3native.RangeError):
        client.get_into(stored, bytearray(10), range=wanted)


def test_range_of_an_empty_object(client: s3native.Client, bucket: str) -> None:
    client.put(f"s3://{bucket}/empty", b"")
    assert len(client.get(f"s3://{bucket}/empty", range=(0, None))) == 0
    assert len(client.get(f"s3://{bucket}/empty", range=(0, 10))) == 0
    with pytest.raises(s3native.RangeError):
        client.get(f"s3://{bucket}/empty", range=(1, 2))


@pytest.mark.parametrize("bad", [(-1, 5), (5, 1), (0, -1), (-2, None)])
def test_ranges_that_make_no_sense(client: s3native.Client, stored: str, bad: Any) -> None:
    with pytest.raises(ValueError, match="range"):
        client.get(stored, range=bad)
    with pytest.raises(ValueError, match="range"):
        client.get_into(stored, bytearray(10), range=bad)


@pytest.mark.parametrize("bad", [5, (1,), (1, 2, 3), ("a", "b"), (0.5, 2), "01", {}])
def test_ranges_of_wrong_types(client: s3native.Client, stored: str, bad: Any) -> None:
    with pytest.raises(TypeError, match="range"):
        client.get(stored, range=bad)


def _anonymous_mmap(size: int) -> mmap.mmap:
    return mmap.mmap(-1, size)


def _file_mmap(size: int) -> mmap.mmap:
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        return mmap.mmap(file.fileno(), size)


@pytest.mark.parametrize(
    "make",
    [
        bytearray,
        lambda size: memoryview(bytearray(size)),
        lambda size: memoryview(bytearray(size + 10))[3 : size + 3],
        lambda size: np.empty(size, np.uint8),
        lambda size: np.empty(size, np.int8),
        lambda size: np.empty(size // 2, np.int16),
        lambda size: np.empty(size // 4, np.float32),
        lambda size: np.empty(size // 8, np.float64),
        lambda size: np.empty(size // 16, np.complex128),
        lambda size: np.empty((size // 64, 8), np.float64),
        lambda size: np.empty((2, size // 32, 16), np.bool_),
        lambda size: np.empty((size // 64, 8), np.float64)[:],
        _anonymous_mmap,
        _file_mmap,
    ],
    ids="bytearray memoryview slice uint8 int8 int16 float32 float64 complex128 2-D 3-D view "
    "mmap file-mmap".split(),
)
def test_get_into_any_writable_buffer(
    client: s3native.Client, stored: str, data: bytes, make: Callable[[int], Any]
) -> None:
    size = PART_SIZE + 64  # more than one part
    buffer = make(size)
    assert client.get_into(stored, buffer, range=(1, size + 1)) == size
    assert bytes(buffer) == data[1 : size + 1]


def test_get_into_touches_nothing_behind_the_object(client: s3native.Client, bucket: str) -> None:
    client.put(f"s3://{bucket}/small", b"abc")
    buffer = bytearray(b"x" * 10_000)
    assert client.get_into(f"s3://{bucket}/small", buffer) == 3
    assert buffer == b"abc" + b"x" * 9_997


def _read_only() -> np.ndarray:
    array = np.zeros(100, np.uint8)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "buffer",
    [
        b"x" * 100,
        memoryview(b"x" * 100),
        _read_only(),
        np.zeros((10, 10), order="F"),
        np.zeros(200, np.uint8)[::2],
        np.zeros((20, 20), np.uint8)[:, :10],
    ],
    ids="bytes view read-only fortran strided columns".split(),
)
def test_get_into_refuses_what_it_cannot_fill(
    client: s3native.Client, stored: str, buffer: Any
) -> None:
    before = bytes(buffer)
    with pytest.raises(ValueError, match=r"buffer must be writable and C-contiguous"):
        client.get_into(stored, buffer, range=(0, 10))
    assert bytes(buffer) == before


@pytest.mark.parametrize("buffer", [None, "text", 5, [1, 2], object()])
def test_get_into_refuses_what_is_no_buffer(
    client: s3native.Client, stored: str, buffer: Any
) -> None:
    with pytest.raises(TypeError, match="buffer protocol"):
        client.get_into(stored, buffer)


def test_get_into_a_buffer_that_is_too_small_names_both_sizes(
    client: s3native.Client, stored: str
) -> None:
    with pytest.raises(ValueError, match=r"\b100 bytes.*holds 99"):
        client.get_into(stored, bytearray(99), range=(0, 100))
    with pytest.raises(ValueError, match=rf"\b{SIZE} bytes.*holds {SIZE - 1}"):
        client.get_into(stored, bytearray(SIZE - 1))
    with pytest.raises(ValueError, match=rf"\b{SIZE - 10} bytes.*holds 9\b"):
        client.get_into(stored, bytearray(9), range=(10, None))
    with pytest.raises(ValueError, match=rf"\b{SIZE} bytes.*holds 0\b"):
        client.get_into(stored, bytearray())


def test_if_match(client: s3native.Client, stored: str, data: bytes) -> None:
    etag = client.head(stored).etag
    assert bytes(client.get(stored, if_match=etag)) == data
    assert bytes(client.get(stored, if_match=etag, range=(1, 5))) == data[1:5]
    for wanted in (None, (0, 4)):
        with pytest.raises(s3native.PreconditionFailedError):
            client.get(stored, if_match='"0123456789abcdef0123456789abcdef"', range=wanted)


def test_versions(client: s3native.Client, bucket: str, boto: Any) -> None:
    boto.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    url = f"s3://{bucket}/versioned"
    first, second = client.put(url, b"first"), client.put(url, b"the second")
    try:
        assert first.version_id
        assert bytes(client.get(url)) == b"the second"
        assert bytes(client.get(url, version_id=first.version_id)) == b"first"
        assert client.head(url, version_id=first.version_id).size == 5
        assert client.head(url).version_id == second.version_id
    finally:
        for version in (first, second):
            client.delete(url, version_id=version.version_id)


def test_get_ranges_in_the_order_given(client: s3native.Client, stored: str, data: bytes) -> None:
    ranges = [
        (SIZE - 10, SIZE),
        (0, 10),
        (5, 15),
        (5, 15),
        (PART_SIZE - 3, PART_SIZE + 3),
        (100, 100),
        (9_000_000, 9_100_000),
    ]
    for gap in (0, 256 * 1024, 1 << 30):
        got = client.get_ranges(stored, ranges, coalesce_gap=gap)
        assert [bytes(piece) for piece in got] == [data[start:end] for start, end in ranges]


def test_get_ranges_coalesces(client: s3native.Client, stored: str, data: bytes) -> None:
    ranges = [(i * 1000, i * 1000 + 100) for i in range(100)]
    before = client.stats()["requests"]
    got = client.get_ranges(stored, ranges)
    assert client.stats()["requests"] == before + 1
    assert all(bytes(piece) == data[a:b] for piece, (a, b) in zip(got, ranges, strict=True))


def test_get_ranges_at_the_end(client: s3native.Client, stored: str, data: bytes) -> None:
    got = client.get_ranges(stored, [(SIZE - 10, SIZE + 10), (SIZE - 3, SIZE)])
    assert [bytes(piece) for piece in got] == [data[-10:], data[-3:]]
    with pytest.raises(s3native.RangeError):
        client.get_ranges(stored, [(SIZE + 5, SIZE + 10)])


def test_get_ranges_stays_within_the_memory_limit(
    client: s3native.Client, server: MinioServer, stored: str, data: bytes
) -> None:
    usual, limit = client.stats()["memory_limit"], 4 << 20
    step = 1 << 20
    ranges = [(start, start + step - 1) for start in range(0, SIZE - step, step)]
    seen = []

    def watch() -> None:
        while not over.wait(0.001):
            seen.append(client.stats()["memory_reserved"])

    over = threading.Event()
    s3native.Client(**server.client_options(), memory_limit=limit)
    with ThreadPoolExecutor(1) as pool:
        watched = pool.submit(watch)
        try:
            for _ in range(5):
                got = client.get_ranges(stored, ranges, coalesce_gap=0)
                assert [bytes(piece) for piece in got] == [data[a:b] for a, b in ranges]
        finally:
            over.set()
            s3native.Client(**server.client_options(), memory_limit=usual)
        watched.result()
    assert 0 < max(seen) <= limit
    assert client.stats()["memory_reserved"] == 0


def test_get_ranges_of_nothing(client: s3native.Client, stored: str) -> None:
    assert client.get_ranges(stored, []) == []


@pytest.mark.parametrize("bad", [[(5, 1)], [(-1, 5)], [(0, None)], [None]])
def test_get_ranges_refuses_nonsense(client: s3native.Client, stored: str, bad: Any) -> None:
    with pytest.raises(ValueError, match="range"):
        client.get_ranges(stored, bad)


def test_head(client: s3native.Client, stored: str) -> None:
    info = client.head(stored)
    assert (info.bucket, info.key, info.url) == ("get-tests", "large", stored)
    assert info.size == SIZE
    assert info.etag.startswith('"')
    assert info.last_modified is not None
    assert info.last_modified.utcoffset() is not None
    assert str(SIZE) in repr(info)


def test_from_nginx_without_signatures(nginx_server: Any) -> None:
    expected = content(SIZE, seed=3)
    nginx_server.write("bucket", "object", expected)
    client = s3native.Client(
        endpoint=nginx_server.endpoint, credentials="anonymous", part_size=PART_SIZE
    )
    assert bytes(client.get("s3://bucket/object")) == expected
    assert (
        bytes(client.get("s3://bucket/object", range=(7, PART_SIZE + 9)))
        == expected[7 : PART_SIZE + 9]
    )

"""`Buffer`: views without a copy, and memory that returns to the pool with the last of them."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import s3native
from content import content

SIZE = 1_000_000


@pytest.fixture
def url(client: s3native.Client, bucket: str) -> str:
    client.put(f"s3://{bucket}/object", content(SIZE))
    return f"s3://{bucket}/object"


def in_use(client: s3native.Client) -> int:
    gc.collect()
    return client.stats()["pool_in_use"]


def test_views_share_memory(client: s3native.Client, url: str) -> None:
    buffer = client.get(url)
    array = np.frombuffer(buffer, np.uint8)
    view = memoryview(buffer)
    assert np.shares_memory(array, np.frombuffer(view, np.uint8))
    array[17] ^= 0xFF
    assert view[17] == array[17] == content(SIZE)[17] ^ 0xFF
    assert bytes(buffer)[17] == array[17]


def test_views_are_writable_flat_bytes(client: s3native.Client, url: str) -> None:
    view = memoryview(client.get(url))
    assert (view.format, view.ndim, view.shape, view.readonly) == ("B", 1, (SIZE,), False)
    assert view.c_contiguous
    assert np.frombuffer(view, np.float32).flags.writeable


def test_memory_is_aligned(client: s3native.Client, url: str) -> None:
    assert np.frombuffer(client.get(url), np.uint8).ctypes.data % 64 == 0


def test_length_bytes_and_repr(client: s3native.Client, url: str) -> None:
    buffer = client.get(url, range=(10, 30))
    assert len(buffer) == 20
    assert bytes(buffer) == content(SIZE)[10:30]
    assert repr(buffer) == "<s3native.Buffer of 20 bytes>"
    assert buffer.pinned is False


def test_empty_buffer(client: s3native.Client, url: str) -> None:
    buffer = client.get(url, range=(5, 5))
    assert (len(buffer), bytes(buffer), memoryview(buffer).nbytes) == (0, b"", 0)
    assert np.frombuffer(bytearray(buffer), np.uint8).size == 0


def test_memory_returns_with_the_last_view(
    client: s3native.Client, url: str, settled: Callable[[], None]
) -> None:
    before = in_use(client)
    buffer: Any = client.get(url)
    held = in_use(client) - before
    assert held >= SIZE
    array: Any = np.frombuffer(buffer, np.uint8)[100:200]
    view: Any = memoryview(buffer)
    del buffer
    assert in_use(client) == before + held
    del view
    assert in_use(client) == before + held
    assert bytes(array) == content(SIZE)[100:200]
    del array
    assert in_use(client) == before
    assert client.stats()["pool_idle"] >= held


def test_memory_is_used_again(client: s3native.Client, url: str) -> None:
    del_me = client.get(url, range=(0, SIZE))
    del del_me
    gc.collect()
    before = client.stats()
    for _ in range(5):
        assert len(client.get(url, range=(0, SIZE))) == SIZE
    after = client.stats()
    assert after["pool_misses"] == before["pool_misses"]
    assert after["pool_hits"] >= before["pool_hits"] + 5


def test_two_buffers_never_share_memory(client: s3native.Client, url: str) -> None:
    one, other = client.get(url), client.get(url)
    np.frombuffer(one, np.uint8)[:] = 0
    assert bytes(other) == content(SIZE)


def test_buffer_outlives_its_client(server: Any, url: str) -> None:
    buffer = s3native.Client(**server.client_options()).get(url)
    gc.collect()
    assert bytes(buffer) == content(SIZE)


def test_buffers_are_not_made_or_pickled(client: s3native.Client, url: str) -> None:
    with pytest.raises(TypeError):
        s3native.Buffer()
    with pytest.raises(TypeError):
        pickle.dumps(client.get(url))

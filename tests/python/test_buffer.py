"""`Buffer`: views without a copy, and memory that returns to the pool with the last of them."""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
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


# ---- pinned memory ----


def may_lock(size: int) -> bool:
    """Whether the kernel lets this process lock as much."""
    memory = mmap.mmap(-1, size)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None)
    return bool(libc.mlock(ctypes.c_void_p(address), ctypes.c_size_t(size)) == 0)


def test_nothing_is_pinned_unless_asked(client: s3native.Client, url: str) -> None:
    assert not client.get(url).pinned
    assert client.stats()["pool_page_locked"] == 0


@pytest.mark.usefixtures("pageable_afterwards")
def test_locked_by_the_kernel(server: Any, url: str) -> None:
    with s3native.Client(**server.client_options(), pin_memory="mlock") as client:
        assert client.config.values["pin_memory"] == "mlock"
        buffer = client.get(url)
        assert bytes(buffer) == content(SIZE)
        assert buffer.pinned == may_lock(2 * SIZE)
        assert (client.stats()["pool_page_locked"] >= SIZE) == buffer.pinned
        view = client.open(url).readview(1000)
        assert view.obj.pinned == buffer.pinned


def test_without_cuda_memory_is_pageable_and_a_warning_says_so(server: Any, url: str) -> None:
    if Path("/dev/nvidiactl").exists():
        pytest.skip("there may be CUDA here")
    script = (
        "import s3native\n"
        "client = s3native.Client(pin_memory='cuda')\n"
        f"buffers = [client.get({url!r}) for _ in range(2)]\n"
        "print(len(buffers[1]), buffers[1].pinned, client.stats()['pool_page_locked'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | server.environment() | {"AWS_LOG_LEVEL": "warn"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(SIZE), "False", "0"], done.stderr
    assert done.stderr.count("memory is not page-locked: no CUDA runtime") == 1


@pytest.mark.usefixtures("pageable_afterwards")
def test_a_client_that_is_not_asked_changes_nothing(server: Any, url: str) -> None:
    with s3native.Client(**server.client_options(), pin_memory="mlock") as client:
        pinned = client.get(url).pinned
        s3native.Client(**server.client_options())
        assert client.get(url).pinned == pinned


def test_other_words_are_refused(server: Any) -> None:
    with pytest.raises(ValueError, match="pin_memory must be one of none, mlock, cuda"):
        s3native.Client(**server.client_options(), pin_memory="huge")  # type: ignore[arg-type]

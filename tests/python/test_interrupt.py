"""Ctrl-C, timeouts and stalls: calls end at once, leave nothing behind, and the client goes on."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import s3native
from conftest import PART_SIZE
from content import content
from test_put import pending_uploads
from throttle import ThrottlingProxy

SIZE = 8 * PART_SIZE  # ten seconds on one slow connection
ALLOWED_S = 0.9


@contextmanager
def interrupted(after_s: float = 0.4) -> Iterator[None]:
    """Expects KeyboardInterrupt soon after a SIGINT that comes `after_s` from now."""
    sent_at: list[float] = []

    def send() -> None:
        sent_at.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(after_s, send)
    # A shell starts what runs in its background with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            yield
        ended_at = time.monotonic()
        timer.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended_at - sent_at[0] < ALLOWED_S


@pytest.fixture
def large(client: s3native.Client, bucket: str) -> str:
    client.put(f"s3://{bucket}/large", content(SIZE))
    return f"s3://{bucket}/large"


def still_works(client: s3native.Client, bucket: str) -> None:
    client.put(f"s3://{bucket}/after", b"after")
    assert bytes(client.get(f"s3://{bucket}/after")) == b"after"


def test_get(slow: s3native.Client, large: str, bucket: str, settled: Callable[[], None]) -> None:
    with interrupted():
        slow.get(large, range=(0, SIZE))
    settled()
    still_works(slow, bucket)


def test_get_into_leaves_the_buffer_alone_afterwards(
    slow: s3native.Client, large: str, bucket: str
) -> None:
    buffer = bytearray(SIZE)
    with interrupted():
        slow.get_into(large, buffer)
    buffer[:] = bytes(SIZE)  # the engine has let go: nothing is written any more
    time.sleep(0.3)
    assert not any(memoryview(buffer))
    buffer.extend(b"resizable again")
    still_works(slow, bucket)


def test_get_many(
    slow: s3native.Client, large: str, bucket: str, settled: Callable[[], None]
) -> None:
    items = slow.get_many([(large, (i * 100, SIZE)) for i in range(8)])
    with interrupted():
        next(items)
    items.close()
    settled()
    still_works(slow, bucket)


@pytest.mark.parametrize("size", [PART_SIZE, SIZE], ids=["single", "multipart"])
def test_put(slow: s3native.Client, bucket: str, boto: Any, size: int) -> None:
    with interrupted():
        slow.put(f"s3://{bucket}/never", content(size))
    assert pending_uploads(boto, bucket, "never") == []
    with pytest.raises(s3native.NotFoundError):
        slow.head(f"s3://{bucket}/never")
    still_works(slow, bucket)


def test_a_server_that_does_not_answer(
    slow: s3native.Client, slow_line: ThrottlingProxy, bucket: str
) -> None:
    slow_line.hold()
    with interrupted(0.2):
        slow.head(f"s3://{bucket}/key")
    with interrupted(0.2):
        next(slow.list(f"s3://{bucket}/"))
    slow_line.release()
    still_works(slow, bucket)


def test_other_threads_go_on(
    slow: s3native.Client, client: s3native.Client, large: str, bucket: str
) -> None:
    results: list[bytes] = []
    thread = threading.Thread(
        target=lambda: results.append(bytes(slow.get(large, range=(0, 4_000_000))))
    )
    thread.start()
    with interrupted(0.2):
        slow.get(large, range=(0, SIZE))
    thread.join()
    assert results == [content(SIZE)[:4_000_000]]


def test_total_timeout(
    server: Any, slow_line: ThrottlingProxy, large: str, settled: Callable[[], None]
) -> None:
    options = server.client_options() | {"endpoint": slow_line.endpoint, "total_timeout_s": 1}
    client = s3native.Client(**options, max_connections=1, part_size=PART_SIZE)
    started = time.monotonic()
    with pytest.raises(s3native.RequestTimeoutError, match="total_timeout") as caught:
        client.get(large, range=(0, SIZE))
    assert 0.9 < time.monotonic() - started < 2
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.retryable


@pytest.mark.slow
def test_a_stalled_connection_is_given_up(
    server: Any, slow_line: ThrottlingProxy, large: str, bucket: str
) -> None:
    options = server.client_options() | {"endpoint": slow_line.endpoint, "stall_timeout_s": 1}
    client = s3native.Client(**options, max_attempts=1)
    still_works(client, bucket)
    slow_line.hold()
    started = time.monotonic()
    with pytest.raises((s3native.RequestTimeoutError, s3native.ConnectionFailedError)):
        client.get(large, range=(0, 1000))
    assert time.monotonic() - started < 10
    slow_line.release()
    still_works(client, bucket)

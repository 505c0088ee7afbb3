"""`ObjectWriter` when something fails, is interrupted, forked or short of memory."""

# ruff: noqa: F811
from __future__ import annotations

import contextlib
import copy
import datetime
import gc
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import s3native
from conftest import PART_SIZE
from content import content
from file_objects import in_child
from file_writes import (  # noqa: F401
    BOTH_MODES,
    BOTH_SIZES,
    LARGE,
    MIB,
    as_of,
    nothing_left,
    unraisable,
    url,
    write_in_pieces,
)
from s3native.testing import MinioServer
from test_interrupt import interrupted
from test_put import pending_uploads
from throttle import ThrottlingProxy

# ---- failures ----


@BOTH_MODES
@BOTH_SIZES
def test_a_missing_bucket(client: s3native.Client, mode: str, size: int) -> None:
    file = client.open("s3://no-such-bucket-here/key", mode)
    with pytest.raises(s3native.NotFoundError):
        file.write(as_of(mode, size))
        file.close()
    with contextlib.suppress(s3native.NotFoundError):
        file.close()
    assert file.closed
    assert file.result is None


@BOTH_MODES
def test_a_server_that_goes_away(mode: str, settled: Callable[[], None]) -> None:
    with MinioServer() as private:
        options = private.client_options() | {"max_attempts": 2}
        with s3native.Client(**options, part_size=PART_SIZE) as client:
            client.create_bucket("bucket")
            url = "s3://bucket/key"
            with client.open(url, mode) as small, client.open(url, mode) as large:
                small.write(as_of(mode, 10))
                large.write(as_of(mode, LARGE))
                private.stop()
                with pytest.raises(s3native.S3Error):
                    for _ in range(10):
                        large.write(as_of(mode, LARGE))
                    large.close()
                for _ in range(2):
                    with contextlib.suppress(s3native.S3Error, ValueError):
                        large.write(as_of(mode, 10))
                with contextlib.suppress(s3native.S3Error, ValueError):
                    large.close()
                assert large.closed
                with pytest.raises(s3native.S3Error):
                    small.close()
                assert small.closed
            assert small.result is large.result is None
    settled()


def test_writing_on_after_a_failure(
    client: s3native.Client, nothing_left: Callable[[], None]
) -> None:
    """Nobody gets an object with a hole."""
    file = client.open("s3://no-such-bucket-here/key", "wb", buffering=1000)
    with pytest.raises(s3native.NotFoundError):
        for _ in range(3):
            file.write(content(PART_SIZE))
    with pytest.raises((s3native.NotFoundError, ValueError)):
        file.write(b"x" * 2000)
    with pytest.raises((s3native.NotFoundError, ValueError)):
        file.close()
    assert file.closed
    file.close()


@pytest.mark.parametrize("size", [PART_SIZE, 8 * PART_SIZE], ids=["single", "multipart"])
@BOTH_MODES
def test_ctrl_c(
    slow: s3native.Client,
    client: s3native.Client,
    url: str,
    settled: Callable[[], None],
    nothing_left: Callable[[], None],
    mode: str,
    size: int,
) -> None:
    data = as_of(mode, size)
    with interrupted(), slow.open(url, mode) as file:
        file.write(data)
    assert file.closed
    nothing_left()
    settled()
    with client.open(url, mode) as file:
        file.write(data)
    assert client.head(url).size == size


def test_ctrl_c_that_is_caught(
    slow: s3native.Client, url: str, nothing_left: Callable[[], None]
) -> None:
    """Writing on is refused: nobody knows how much of it was taken."""
    file = slow.open(url, "wb")
    with interrupted():
        file.write(content(8 * PART_SIZE))
    for _ in range(2):
        with pytest.raises((s3native.S3Error, ValueError)):
            file.write(content(PART_SIZE + 1))
    with pytest.raises((s3native.S3Error, ValueError)):
        file.close()
    assert file.closed
    nothing_left()


def test_ctrl_c_while_closing(
    slow: s3native.Client, url: str, nothing_left: Callable[[], None]
) -> None:
    file = slow.open(url, "wb", part_size=64 * MIB)
    file.write(content(8 * PART_SIZE))
    with interrupted():
        file.close()
    assert file.closed
    assert file.result is None
    nothing_left()


def test_nothing_can_come_between_engine_and_buffer(client: s3native.Client, url: str) -> None:
    """An interrupt there would leave it open whether the bytes were taken."""
    file = client.open(url, "wb")
    file.write(b"once,")
    entered: list[str] = []

    def note(frame: Any, event: str, argument: Any) -> None:
        entered.append(frame.f_code.co_name)

    sys.settrace(note)
    try:
        file.flush()
    finally:
        sys.settrace(None)
    assert entered == []
    file.close()
    assert bytes(client.get(url)) == b"once,"


def test_a_killed_process_leaves_an_upload_only(
    server: Any, client: s3native.Client, bucket: str, url: str, boto: Any
) -> None:
    script = f"""
import os, signal, s3native
file = s3native.open({url!r}, "wb", part_size={PART_SIZE})
file.write(b"x" * {LARGE})
os.kill(os.getpid(), signal.SIGKILL)
"""
    run = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | server.environment(),
        timeout=60,
        check=False,
    )
    assert run.returncode == -9
    with pytest.raises(s3native.NotFoundError):
        client.head(url)
    assert len(pending_uploads(boto, bucket, "object")) == 1
    assert client.abort_stale_uploads(url, older_than=datetime.timedelta(hours=1)) == 0
    assert client.abort_stale_uploads(url, older_than=datetime.timedelta(0)) == 1
    assert pending_uploads(boto, bucket, "object") == []


# ---- other processes and threads ----


@BOTH_MODES
@BOTH_SIZES
def test_a_forked_child_cannot_write_it(
    client: s3native.Client, bucket: str, url: str, boto: Any, mode: str, size: int
) -> None:
    data = as_of(mode, size)
    with client.open(url, mode) as file, client.open(f"{url}-2", mode) as flushed:
        file.write(data)
        flushed.write(data)
        flushed.flush()

        def writes() -> None:
            with pytest.raises(ValueError, match="written by the parent"):
                file.write(as_of(mode, LARGE))
                file.flush()

        def closes() -> None:
            with contextlib.suppress(ValueError):
                file.close()
            flushed.close()
            assert file.closed
            assert flushed.closed
            assert file.result is flushed.result is None

        def aborts() -> None:
            file.abort()
            flushed.abort()

        def writes_its_own() -> None:
            with client.open(f"{url}-child", mode) as own:
                own.write(data)

        for child in (writes, closes, aborts, gc.collect, writes_its_own):
            in_child(child)
        with pytest.raises(s3native.NotFoundError):
            client.head(url)
        assert len(pending_uploads(boto, bucket, "object")) == (size > PART_SIZE)
    for name in (url, f"{url}-2", f"{url}-child"):
        assert bytes(client.get(name)) == (data if mode == "wb" else data.encode())


def test_a_child_that_leaves_the_with(client: s3native.Client, url: str) -> None:
    """As multiprocessing's children do: the parent's file goes on."""
    with client.open(url, "wb") as file:
        file.write(b"parent")

        def child() -> None:
            with pytest.raises(ZeroDivisionError), file:
                raise ZeroDivisionError

        in_child(child)
        file.write(b" goes on")
    assert bytes(client.get(url)) == b"parent goes on"


@BOTH_MODES
def test_pickling_is_refused(client: s3native.Client, url: str, mode: str) -> None:
    with client.open(url, mode) as file:
        for duplicate in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                duplicate(file)
        file.write(as_of(mode, 3))
    assert client.head(url).size == 3


def test_threads_write_whole_pieces(client: s3native.Client, url: str) -> None:
    pieces = [bytes([number]) * 10_000 for number in range(8)]
    with client.open(url, "wb", buffering=1000) as file:

        def write(piece: bytes) -> None:
            for _ in range(100):
                file.write(piece)

        threads = [threading.Thread(target=write, args=(piece,)) for piece in pieces]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    data = bytes(client.get(url))
    found = [data[start : start + 10_000] for start in range(0, len(data), 10_000)]
    assert sorted(found) == sorted(pieces * 100)


def test_many_files_at_once(
    client: s3native.Client, bucket: str, settled: Callable[[], None]
) -> None:
    files = [client.open(f"s3://{bucket}/{i}", "wb") for i in range(200)]
    for step in range(3):
        for i, file in enumerate(files):
            file.write(b"%d-%d" % (i, step))
    for file in files:
        file.close()
    for i in range(200):
        assert client.open(f"s3://{bucket}/{i}").read() == b"%d-0%d-1%d-2" % (i, i, i)
    del file, files
    settled()


def test_memory_stays_bounded(server: Any, bucket: str, settled: Callable[[], None]) -> None:
    limit = 32 * MIB
    small = s3native.Client(**server.client_options(), memory_limit=limit, part_size=PART_SIZE)
    base, most = small.stats()["pool_in_use"], 0
    with small.open(f"s3://{bucket}/large", "wb") as file:
        for _ in range(20):
            write_in_pieces(file, content(4 * MIB), 500_000)
            most = max(most, small.stats()["pool_in_use"] - base)
    assert small.head(f"s3://{bucket}/large").size == 80 * MIB
    assert most <= limit + 2 * PART_SIZE


def test_writers_at_the_limit_do_not_block_each_other(server: Any, bucket: str) -> None:
    options = server.client_options() | {"memory_limit": 16 * MIB, "total_timeout_s": 3}
    small = s3native.Client(**options, part_size=PART_SIZE)
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(small.open(f"s3://{bucket}/{i}", "wb")) for i in range(20)]
        for step in range(6):  # in turn, on one thread
            for file in files:
                file.write(content(MIB, seed=step))
    for file in files:
        assert file.result is not None


@pytest.mark.slow
def test_a_signal_handler_that_aborts_the_file(
    server: Any, slow_line: ThrottlingProxy, url: str
) -> None:
    """It may be refused, but it does not hang."""
    script = f"""
import contextlib, signal, s3native
file = s3native.open({url!r}, "wb", part_size={PART_SIZE})
signal.signal(signal.SIGALRM, lambda *_: file.abort())
signal.setitimer(signal.ITIMER_REAL, 0.3)
with contextlib.suppress(Exception):
    file.write(bytes({LARGE}))
"""
    try:
        run = subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | server.environment() | {"AWS_ENDPOINT_URL": slow_line.endpoint},
            timeout=5,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.fail("it hangs")
    assert run.returncode == 0


def test_a_closed_client(server: Any, url: str, nothing_left: Callable[[], None]) -> None:
    """Closing a client does not take what is being written with it."""
    shared = s3native.Client(**server.client_options(), part_size=PART_SIZE)
    file = shared.open(url, "wb")
    file.write(content(100))
    shared.close()
    started = time.monotonic()
    with contextlib.suppress(ValueError, s3native.S3Error):
        file.close()
    assert time.monotonic() - started < 5
    assert file.closed
    if file.result is None:
        nothing_left()

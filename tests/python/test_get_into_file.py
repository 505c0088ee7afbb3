"""Ranges that go into files: the right bytes at their place, and nothing beside them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import s3native
from content import content
from raw_object import (
    BROKEN,
    DATA,
    RANGE,
    SIZE,
    URL,
    Transport,
    connect,
    reply_to,
    serve,
    stalls_in_the_body,
    within,
)
from raw_server import Line, RawServer, Request, pieces
from s3native import _core
from test_connection_faults import FAULTS, FINAL, RANGE_FAULTS, spoilt

EXPECTED = bytes(RANGE[0]) + DATA[slice(*RANGE)]
"""What an empty file is afterwards."""


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def text_of(file: int) -> bytes:
    return os.pread(file, 1 << 30, 0)


def test_it_is_put_where_it_belongs(transport: Transport, file: int) -> None:
    os.pwrite(file, b"\xff" * (SIZE + 10), 0)
    with RawServer(serve, **transport.server) as server:
        client = connect(server, **transport.client)
        for start, end in [(150_000, SIZE), (0, 1), (1, 100_000), (100_000, 150_000), (7, 7)]:
            found = client._get_into_file(URL, file, (start, end), checksum=True)
            assert found == _core.crc64nvme(DATA[start:end])
            assert client._get_into_file(URL, file, (start, end)) == 0
        assert text_of(file) == DATA + b"\xff" * 10


@pytest.mark.parametrize("sizes", [[1], [100, 1, 5000], [300, 1 << 20]])
def test_answers_in_pieces(transport: Transport, file: int, sizes: list[int]) -> None:
    def answer(request: Request, line: Line) -> None:
        line.send(*pieces(reply_to(request).text(), [*sizes, 70_000, 1]), pause=0.01)

    with RawServer(answer, **transport.server) as server:
        client = connect(server, **transport.client)
        for _ in range(2):  # the second one is driven
            client._get_into_file(URL, file, RANGE)
            assert text_of(file) == EXPECTED
            os.truncate(file, 0)


@pytest.mark.parametrize("name", [name for name in FAULTS | RANGE_FAULTS if name not in FINAL])
def test_a_wrong_answer_is_asked_for_again(transport: Transport, file: int, name: str) -> None:
    with RawServer(spoilt((FAULTS | RANGE_FAULTS)[name], times=1), **transport.server) as server:
        client = connect(server, max_attempts=3, **transport.client)
        client._get_into_file(URL, file, RANGE)
        assert text_of(file) == EXPECTED


@pytest.mark.parametrize("name", FAULTS | RANGE_FAULTS)
def test_a_server_that_stays_wrong(file: int, name: str) -> None:
    """An error in the end, or the right bytes where the answer was only unusual."""
    os.pwrite(file, b"\xff" * (SIZE + 10), 0)
    with RawServer(spoilt((FAULTS | RANGE_FAULTS)[name])) as server:
        client = connect(server, max_attempts=2)
        with within(10), contextlib.suppress(s3native.S3Error):
            client._get_into_file(URL, file, RANGE)
            assert text_of(file)[slice(*RANGE)] == DATA[slice(*RANGE)]
    assert set(text_of(file)[: RANGE[0]] + text_of(file)[RANGE[1] :]) == {255}


@pytest.mark.parametrize("surplus", [1, 5000])
@pytest.mark.parametrize("pause", [0.0, 0.02])
def test_bytes_behind_the_body_answer_nothing(
    transport: Transport, file: int, surplus: int, pause: float
) -> None:
    def answer(request: Request, line: Line) -> None:
        text = reply_to(request).text()
        if request.index < 2:
            line.send(text, b"x" * surplus, pause=pause)
        else:
            line.send(text)

    with RawServer(answer, **transport.server) as server:
        client = connect(server, **transport.client)
        for _ in range(4):
            with contextlib.suppress(s3native.IntegrityError):
                client._get_into_file(URL, file, RANGE)
                assert text_of(file) == EXPECTED
            time.sleep(2 * pause + 0.02)
        assert [request.connection for request in server.requests] == [0, 1, 2, 2]


def test_an_object_that_ends_within_the_range(file: int) -> None:
    with RawServer(serve) as server:
        client = connect(server)
        with pytest.raises(s3native.RangeError, match="ends within"):
            client._get_into_file(URL, file, (SIZE - 10, SIZE + 10))
        with pytest.raises(s3native.RangeError):
            client._get_into_file(URL, file, (SIZE, SIZE + 10))
        with pytest.raises(s3native.PreconditionFailedError):
            client._get_into_file(URL, file, RANGE, if_match='"other"')


def test_ranges_that_make_no_sense(file: int) -> None:
    client = s3native.Client(endpoint="http://127.0.0.1:1")
    for wrong in [(5, 4), (-1, 4), (5, None)]:
        with pytest.raises(ValueError):
            client._get_into_file(URL, file, wrong)  # type: ignore[arg-type]


def test_files_that_cannot_be_written(transport: Transport, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    read_only = os.open(tmp_path / "file", os.O_RDONLY)
    full = os.open("/dev/full", os.O_RDWR)
    try:
        with RawServer(serve, **transport.server) as server:
            client = connect(server, max_attempts=3, **transport.client)
            for _ in range(3):
                with pytest.raises(OSError, match="No space left"):
                    client._get_into_file(URL, full, RANGE)
                with pytest.raises(OSError, match="Bad file descriptor"):
                    client._get_into_file(URL, read_only, RANGE)
            assert len(server.requests) == 6, "asking again would not help"
            assert bytes(client.get(URL)) == DATA
    finally:
        os.close(read_only)
        os.close(full)


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """The limit is the process's: in one of its own."""
    program = """if True:
        import os, resource, sys, s3native
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
        file = os.open(sys.argv[2], os.O_RDWR | os.O_CREAT)
        client = s3native.Client(endpoint=sys.argv[1], credentials="anonymous")
        for _ in range(2):
            try:
                client._get_into_file("s3://bucket/key", file, (1000, 101_000))
            except OSError as error:
                print(error.strerror)
    """
    with RawServer(serve) as server:
        told = subprocess.run(
            [sys.executable, "-c", program, server.endpoint, str(tmp_path / "file")],
            capture_output=True,
            text=True,
        )
    assert told.stdout == "File too large\n" * 2, told.stderr
    assert (tmp_path / "file").stat().st_size <= 60_000


@pytest.mark.parametrize("attempts", [1, 3])
def test_stalls_and_interrupts(transport: Transport, file: int, attempts: int) -> None:
    class Interruption(Exception):
        pass

    def interrupt(*_: object) -> None:
        raise Interruption

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with RawServer(stalls_in_the_body, **transport.server) as server:
            client = connect(server, max_attempts=attempts, **transport.client)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with within(0.5), pytest.raises(Interruption):
                client._get_into_file(URL, file, RANGE)
    finally:
        signal.signal(signal.SIGALRM, before)
    with RawServer(stalls_in_the_body, **transport.server) as server:
        client = connect(server, stall_timeout_s=1, **transport.client)
        with within(3), pytest.raises(s3native.RequestTimeoutError):
            client._get_into_file(URL, file, RANGE)


def test_from_many_threads(client: s3native.Client, bucket: str, file: int) -> None:
    """Fewer connections than threads: some are driven, and others watched."""
    data, url = content(20_000_003), f"s3://{bucket}/key"
    client.put(url, data)
    size = 300_001

    def fetch(start: int) -> int:
        wanted = start, min(start + size, len(data))
        return client._get_into_file(url, file, wanted, checksum=True)

    starts = range(0, len(data), size)
    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(fetch, starts))
    assert found == [_core.crc64nvme(data[start : start + size]) for start in starts]
    assert text_of(file) == data


def test_after_what_is_broken_all_is_well(transport: Transport, file: int) -> None:
    with RawServer(spoilt(FAULTS["reset-in-body"], times=2), **transport.server) as server:
        client = connect(server, **transport.client)
        for _ in range(2):
            with pytest.raises(BROKEN):
                client._get_into_file(URL, file, RANGE)
        client._get_into_file(URL, file, RANGE)
        assert text_of(file) == EXPECTED

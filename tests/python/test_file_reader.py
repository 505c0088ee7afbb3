"""`ObjectReader`: more than Python's files, with few requests and never mixed objects."""

# ruff: noqa: F811
from __future__ import annotations

import contextlib
import copy
import gc
import io
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import s3native
from conftest import PART_SIZE
from content import content
from file_objects import DATA, MIB, TEXT, file, in_child, moved, stored, url  # noqa: F401
from s3native.file import BUFFER_SIZE, ObjectReader
from test_interrupt import interrupted

# ---- more than Python's files ----


def test_pread(file: ObjectReader) -> None:
    file.read(100)
    into = bytearray(50)
    assert file.pread(10, MIB) == DATA[MIB : MIB + 10]
    assert file.pread(100, len(DATA) - 10) == DATA[-10:]
    assert file.pread(10, len(DATA)) == file.pread(10, len(DATA) + 10) == b""
    assert file.pread_into(into, 2 * MIB) == 50
    assert into == DATA[2 * MIB : 2 * MIB + 50]
    assert file.pread_into(into, len(DATA) - 7) == 7
    assert file.tell() == 100
    for wrong in (-1, 1.5, "1"):
        with pytest.raises((TypeError, ValueError)):
            file.pread(10, wrong)  # type: ignore[arg-type]
        with pytest.raises((TypeError, ValueError)):
            file.pread(wrong, 10)  # type: ignore[arg-type]


def test_pread_from_threads(file: ObjectReader) -> None:
    file.seek(5)

    def read(number: int) -> None:
        for i in range(40):
            start = (number * 104_729 + i * 7919) % len(DATA)
            expected = DATA[start : start + 3000]
            into = bytearray(3000)
            assert file.pread(3000, start) == expected
            assert file.pread_into(into, start) == len(expected)
            assert into[: len(expected)] == expected

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read, range(8)))
    assert file.tell() == 5


def test_readview(file: ObjectReader, settled: Callable[[], None]) -> None:
    view = file.readview(1000)
    assert (view.nbytes, view.format, view.ndim, file.tell()) == (1000, "B", 1, 1000)
    assert view.contiguous
    assert np.frombuffer(view, np.float64).tobytes() == DATA[:1000]
    rest = file.readview()
    assert rest == DATA[1000:]
    assert file.readview() == file.readview(10) == b""
    file.close()
    assert view == DATA[:1000]
    assert rest == DATA[1000:]


def test_a_large_object_after_many_small_ones(client: s3native.Client, bucket: str) -> None:
    data = content(20 * MIB)
    url, small = stored(client, bucket, data), stored(client, bucket, b"small", key="small")
    for whole in (lambda f: f.read(), lambda f: f.readview(), lambda f: f.read(MIB) + f.read()):
        for _ in range(70):
            assert client.open(small).read() == b"small"
        assert whole(client.open(url)) == data
        assert whole(client.open(url, follow=True)) == data
    before = client.stats()["pool_in_use"]
    kept = client.open(url).read()
    assert len(kept) == len(data)
    assert client.stats()["pool_in_use"] == before


def test_broken_files_do_not_disturb_forks(client: s3native.Client, url: str) -> None:
    with pytest.raises(ValueError, match="bad URL") as kept:
        client.open("s3://x")
    unfinished = ObjectReader.__new__(ObjectReader)
    with pytest.raises(ValueError, match="initialized"):
        unfinished.read()
    reader = client.open(url)
    assert reader.read(5) == DATA[:5]
    assert reader in s3native._core.open_cursors()
    assert unfinished not in s3native._core.open_cursors()
    assert len(s3native._core.open_cursors()) == 1
    with pytest.raises(ValueError, match="initialized"):
        reader.__init__(client, url, {}, 1)

    def goes_on() -> None:
        assert reader.read(5) == DATA[5:10]

    in_child(goes_on)
    assert "bad URL" in str(kept.value)


def test_a_readview_of_a_small_object_takes_one_request(
    client: s3native.Client, bucket: str
) -> None:
    data = content(110_000)
    url = stored(client, bucket, data)
    views = []
    with client.open(url) as file:
        assert moved(client, "requests", lambda: views.append(file.readview())) == 1
    assert views == [data]


def test_readview_of_what_is_at_hand_copies_nothing(file: ObjectReader) -> None:
    file.read(10)
    first = np.frombuffer(file.readview(100), np.uint8)
    file.seek(10)
    second = np.frombuffer(file.readview(50), np.uint8)
    assert np.shares_memory(first, second)
    assert first.tobytes() == DATA[10:110]


def test_changing_a_view_changes_no_later_read(file: ObjectReader) -> None:
    file.read(10)
    with contextlib.suppress(ValueError):  # as views may be read-only
        np.frombuffer(file.readview(100), np.uint8)[:] = 0
    file.seek(10)
    assert file.read(100) == DATA[10:110]


def test_files_at_the_limit_do_not_block_each_other(server: Any, bucket: str) -> None:
    limit = 8 * MIB
    small = s3native.Client(**server.client_options(), memory_limit=limit, part_size=PART_SIZE)
    data, most = content(8 * MIB), 0
    url = stored(small, bucket, data)
    files = [small.open(url, access=access) for access in ("auto", "sequential") * 15]
    for start in range(0, len(data), MIB // 2):  # in turn, on one thread
        for each in files:
            assert each.read(MIB // 2) == data[start : start + MIB // 2]
        most = max(most, small.stats()["memory_reserved"])
    assert most <= limit + PART_SIZE


def test_readview_pieces_survive_each_other(client: s3native.Client, bucket: str) -> None:
    data = content(12 * MIB)
    with client.open(stored(client, bucket, data)) as file:
        views = list(iter(lambda: file.readview(700_001), b""))
    assert b"".join(views) == data


def test_will_need(client: s3native.Client, bucket: str, settled: Callable[[], None]) -> None:
    data = content(16 * MIB)
    url = stored(client, bucket, data)
    ranges = [(i * MIB + 1, i * MIB + 5001) for i in (3, 15, 1, 7, 8)]
    with client.open(url, access="random") as file:
        file.will_need(ranges)
        for start, end in reversed(ranges):
            file.seek(start)
            assert file.read(end - start) == data[start:end]
            assert file.pread(end - start, start) == data[start:end]
        file.will_need([])
        file.will_need([(16 * MIB - 5, 17 * MIB), (20 * MIB, 21 * MIB)])
        file.seek(-5, io.SEEK_END)
        assert file.read() == data[-5:]
        for wrong in ([(5, 1)], [(5, None)], [5], 5):
            with pytest.raises((TypeError, ValueError)):
                file.will_need(wrong)  # type: ignore[arg-type]


def test_will_need_asks_once(client: s3native.Client, url: str) -> None:
    with client.open(url, access="random") as file:
        file.read(1)

        def hinted() -> None:
            file.will_need([(MIB, MIB + 1000), (2 * MIB, 2 * MIB + 1000)])
            for start in (MIB, 2 * MIB):
                file.seek(start)
                assert file.readview(1000) == DATA[start : start + 1000]

        assert moved(client, "requests", hinted) == 2


def test_what_is_known_of_the_object(client: s3native.Client, url: str) -> None:
    head = client.head(url)
    with client.open(url) as file:
        assert moved(client, "requests", lambda: file.size) == 1

        def again() -> None:
            assert (file.size, file.etag, file.info) == (len(DATA), head.etag, head)

        assert moved(client, "requests", again) == 0
    with client.open(url) as file:
        file.read(1)

        def after_a_read() -> None:
            assert (file.size, file.etag, file.info.size) == (len(DATA), head.etag, len(DATA))

        assert moved(client, "requests", after_a_read) == 0


def test_size_and_etag_that_are_given(client: s3native.Client, url: str) -> None:
    head = client.head(url)
    with client.open(url, size=head.size, etag=head.etag) as file:

        def believed() -> None:
            assert (file.size, file.etag) == (head.size, head.etag)
            assert file.seek(-10, io.SEEK_END) == len(DATA) - 10

        assert moved(client, "requests", believed) == 0
        assert file.read() == DATA[-10:]
    with client.open(url, size=len(DATA)) as file:
        assert file.read() == DATA


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1, 10 * len(DATA), 5])
@pytest.mark.parametrize("step", [-1, 10, 300_000, 64 * MIB])
def test_a_wrong_size(client: s3native.Client, url: str, size: int, step: int) -> None:
    with client.open(url, size=size) as file:
        for _ in range(2):
            with pytest.raises(s3native.PreconditionFailedError):
                file.read(step)


def test_a_size_far_too_large(client: s3native.Client, url: str) -> None:
    """The end that was told is not there: no end of the object, but another object."""
    with client.open(url, size=10 * len(DATA)) as file:
        file.seek(5 * len(DATA))
        with pytest.raises(s3native.PreconditionFailedError):
            file.read(10)


def test_a_wrong_etag(client: s3native.Client, url: str) -> None:
    for options in ({"etag": '"wrong"'}, {"etag": '"wrong"', "size": len(DATA)}):
        with client.open(url, **options) as file:  # type: ignore[arg-type]
            for call in (file.read, lambda: file.read(5), lambda: file.pread(5, 5)):
                with pytest.raises(s3native.PreconditionFailedError):
                    call()
            with pytest.raises(s3native.PreconditionFailedError):
                assert file.info


def test_a_missing_object(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/missing"
    with client.open(url) as file, client.open(url, "r") as text:
        calls: list[Callable[[], Any]] = [
            file.read,
            lambda: file.read(5),
            lambda: next(file),
            file.peek,
            lambda: file.seek(0, io.SEEK_END),
            lambda: file.size,
            file.readview,
            lambda: file.pread(5, 5),
            lambda: file.will_need([(0, 5)]),
            text.read,
        ]
        for call in calls:
            with pytest.raises(s3native.NotFoundError) as caught:
                call()
            assert caught.value.key == "missing"
            assert isinstance(caught.value, FileNotFoundError) == issubclass(
                s3native.NotFoundError, FileNotFoundError
            )
        client.put(url, b"now there")
        assert (file.tell(), file.read()) == (0, b"now there")
        assert text.read() == "now there"


def test_an_overwritten_object(client: s3native.Client, bucket: str) -> None:
    url = stored(client, bucket, content(8 * MIB))
    with client.open(url, access="random") as file, client.open(url) as unread:
        assert file.read(10) == content(8 * MIB)[:10]
        client.put(url, content(8 * MIB, seed=1))
        file.seek(4 * MIB)
        for call in (file.read, lambda: file.read(5), file.readline, lambda: file.pread(5, 5)):
            with pytest.raises(s3native.PreconditionFailedError):
                call()
        assert file.tell() == 4 * MIB
        assert unread.read() == content(8 * MIB, seed=1)


def test_reading_ahead_never_mixes_objects(client: s3native.Client, bucket: str) -> None:
    data = content(12 * MIB)
    url = stored(client, bucket, data)
    with client.open(url, readahead=2 * MIB) as file:
        got = file.read(MIB) + file.read(MIB)
        client.put(url, content(12 * MIB, seed=1))
        with pytest.raises(s3native.PreconditionFailedError):
            while piece := file.read(100_000):
                got += piece
        assert data.startswith(got)


def test_follow(client: s3native.Client, bucket: str) -> None:
    data = content(500_000)
    url = stored(client, bucket, data[:10])
    with client.open(url, follow=True) as file:
        assert (file.read(), file.read(), file.size) == (data[:10], b"", 10)
        for size in (11, 1000, 300_000, 300_001):
            client.put(url, data[:size])
            assert file.size == size
            file.seek(0)
            assert file.read() == data[:size]
            assert file.read() == b""
        client.put(url, data)
        assert file.read(5) == data[300_001:300_006]
        assert file.seek(0, io.SEEK_END) == len(data)
        assert file.readline() == b""


def test_follow_lines(client: s3native.Client, bucket: str) -> None:
    log = b""
    url = f"s3://{bucket}/log"
    with client.open(url, follow=True) as file:
        for i in range(20):
            log += b"event %d\n" % i
            client.put(url, log)
            assert file.readlines() == [b"event %d\n" % i]


def test_versions(client: s3native.Client, bucket: str, boto: Any) -> None:
    boto.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    url = f"s3://{bucket}/object"
    stored_data = [content(200_000, seed=i) for i in range(2)]
    versions = [client.put(url, data).version_id for data in stored_data]
    for data, version in zip(stored_data, versions, strict=True):
        with client.open(url, version_id=version) as file:
            assert file.read(5) + file.read() == data
            assert file.info.version_id == version
            assert pickle.loads(pickle.dumps(file)).pread(9, 9) == data[9:18]
        boto.delete_object(Bucket=bucket, Key="object", VersionId=version)


# ---- what it costs ----


def test_a_look_at_the_header_moves_little(client: s3native.Client, bucket: str) -> None:
    url = stored(client, bucket, content(32 * MIB))

    def probe() -> None:
        with client.open(url) as file:
            assert len(file.read(64)) == 64

    allowed = BUFFER_SIZE + 4096  # the answer's headers
    assert moved(client, "bytes_received", probe) <= allowed
    assert moved(client, "requests", probe) == 1


def test_random_reads_bring_what_they_ask_for(client: s3native.Client, bucket: str) -> None:
    data = content(16 * MIB)
    url = stored(client, bucket, data)

    def jump() -> None:
        with client.open(url, access="random", buffering=0) as file:
            for i in range(30):
                start = i * 7_654_321 % len(data)
                file.seek(start)
                assert file.read(1000) == data[start : start + 1000]

    assert moved(client, "requests", jump) == 30
    assert moved(client, "bytes_received", jump) < 30 * 3000


def test_reading_on_takes_few_requests(client: s3native.Client, bucket: str) -> None:
    data = content(16 * MIB)
    url = stored(client, bucket, data)

    def lines() -> None:
        with client.open(url) as file:
            for _ in file:
                pass

    assert moved(client, "requests", lines) <= 40
    assert moved(client, "bytes_received", lines) < 1.1 * len(data)


def test_a_small_object_takes_one_request(client: s3native.Client, bucket: str) -> None:
    url = stored(client, bucket, b"small")
    assert moved(client, "requests", lambda: client.open(url).read()) == 1
    assert moved(client, "requests", lambda: client.open(url, "r").read()) == 1
    assert moved(client, "requests", lambda: list(client.open(url))) == 1


@pytest.mark.parametrize("closes", [False, True])
def test_files_leave_nothing_behind(client: s3native.Client, url: str, closes: bool) -> None:
    def count() -> tuple[int, ...]:
        gc.collect()
        types = ObjectReader, s3native._core.Cursor
        alive = len(s3native._core.open_cursors())
        return alive, client.stats()["pool_in_use"], *map(sys.getrefcount, types)

    client.open(url).read(1)
    before = count()
    for i in range(50):
        opened = client.open(url)
        opened.read(100)
        if i % 2:
            opened.itself = opened
        if closes:
            opened.close()
    del opened
    assert count() == before


# ---- other processes, threads and interrupts ----


@pytest.mark.parametrize("duplicate", [lambda f: pickle.loads(pickle.dumps(f)), copy.copy])
def test_pickling(client: s3native.Client, url: str, duplicate: Callable[[Any], Any]) -> None:
    with client.open(url, access="random", buffering=1000) as file:
        unread = duplicate(file)
        file.seek(100)
        positioned = duplicate(file)
        assert file.read(10) == DATA[100:110]
        pinned = duplicate(file)
        assert (unread.tell(), positioned.tell(), pinned.tell()) == (0, 100, 110)
        assert (pinned.name, pinned.mode) == (url, "rb")
        assert (unread.read(5), positioned.read(5)) == (DATA[:5], DATA[100:105])
        assert moved(client, "requests", lambda: (pinned.size, pinned.etag)) == 0
        assert pinned.read() == DATA[110:]
        assert file.tell() == 110


def test_pickled_files_stay_with_their_object(client: s3native.Client, url: str) -> None:
    unread = client.open(url)
    read = client.open(url)
    read.read(1)
    pickled = [pickle.dumps(unread), pickle.dumps(read)]
    client.put(url, b"another")
    assert pickle.loads(pickled[0]).read() == b"another"
    with pytest.raises(s3native.PreconditionFailedError):
        pickle.loads(pickled[1]).read()


def test_a_forked_child_goes_on(client: s3native.Client, url: str) -> None:
    with client.open(url) as file, client.open(url) as unread, client.open(url, "rb") as closed:
        assert file.read(1000) + file.read(1000) == DATA[:2000]
        closed.close()

        def child() -> None:
            assert file.tell() == 2000
            assert file.read(100) == DATA[2000:2100]
            assert file.read() == DATA[2100:]
            assert file.pread(10, 5) == DATA[5:15]
            assert unread.read() == DATA
            assert file.etag == unread.etag
            with pytest.raises(ValueError, match="closed file"):
                closed.read()
            in_child(lambda: check(file.pread(5, 5) == DATA[5:10]))
            file.close()

        for _ in range(3):
            in_child(child)
        assert file.tell() == 2000
        assert file.read() == DATA[2000:]
        assert unread.read() == DATA


def check(condition: bool) -> None:
    """In a lambda."""
    assert condition


def test_a_forked_child_has_the_same_object(client: s3native.Client, url: str) -> None:
    with client.open(url) as file:
        file.read(10)
        client.put(url, content(len(DATA), seed=1))

        def child() -> None:
            with pytest.raises(s3native.PreconditionFailedError):
                file.pread(10, 2 * MIB)

        in_child(child)


def test_forks_while_threads_read(client: s3native.Client, url: str) -> None:
    ended = threading.Event()
    with client.open(url) as file, ThreadPoolExecutor(2) as pool:

        def read() -> None:
            while not ended.is_set():
                assert file.pread(MIB, MIB) == DATA[MIB : 2 * MIB]

        def move() -> None:
            while not ended.is_set():
                file.seek(0)
                file.read(300_000)

        def child() -> None:
            file.seek(5)
            assert file.read(10) == DATA[5:15]
            assert file.pread(10, 5) == DATA[5:15]

        reads = [pool.submit(read), pool.submit(move)]
        try:
            for _ in range(10):
                in_child(child)
        finally:
            ended.set()
        for one in reads:
            one.result(20)


@pytest.mark.parametrize("size", [1000, 200_000])
def test_threads_share_one_cursor(client: s3native.Client, url: str, size: int) -> None:
    with client.open(url) as file, ThreadPoolExecutor(16) as pool:
        start = threading.Barrier(16)

        def read(number: int) -> list[bytes]:
            start.wait(10)
            return list(iter(lambda: file.read(size), b""))

        pieces = [piece for taken in pool.map(read, range(16)) for piece in taken]
    positions = {DATA.index(piece): len(piece) for piece in pieces}
    assert len(positions) == len(pieces)
    assert sum(positions.values()) == len(DATA)


CALLS: dict[str, Callable[[Any], Any]] = {
    "read": lambda f: f.read(),
    "read-size": lambda f: f.read(16 * MIB - 10),
    "readinto": lambda f: f.readinto(bytearray(16 * MIB - 10)),
    "readview": lambda f: f.readview(),
    "pread": lambda f: f.pread(16 * MIB, 0),
    "readline": lambda f: f.readline(),
}


@pytest.mark.parametrize("name", CALLS)
def test_ctrl_c(
    client: s3native.Client,
    slow: s3native.Client,
    bucket: str,
    settled: Callable[[], None],
    name: str,
) -> None:
    data = content(16 * MIB).replace(b"\n", b" ")
    with slow.open(stored(client, bucket, data)) as file:
        with interrupted():
            CALLS[name](file)
        file.seek(5)
        assert file.read(100) == data[5:105]
        assert file.pread(100, MIB) == data[MIB : MIB + 100]
    settled()


@pytest.mark.parametrize("name", ["read", "read-size", "readinto", "readline"])
def test_an_interrupted_read_can_be_repeated(
    client: s3native.Client, slow: s3native.Client, bucket: str, name: str
) -> None:
    """The cursor is where it was, though a part of the answer was at hand."""
    data = content(16 * MIB).replace(b"\n", b" ")
    with slow.open(stored(client, bucket, data)) as file:
        assert file.read(10) == data[:10]
        with interrupted():
            CALLS[name](file)
        assert file.tell() == 10


def test_a_reentrant_call(client: s3native.Client, slow: s3native.Client, bucket: str) -> None:
    data = content(8 * MIB)
    failures = []

    def again(*_: object) -> None:
        try:
            file.read(5)
        except RuntimeError as error:
            failures.append(str(error))

    before = signal.signal(signal.SIGUSR1, again)
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGUSR1])
    try:
        with slow.open(stored(client, bucket, data)) as file:
            timer.start()
            assert file.read() == data
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
    assert failures == ["reentrant call inside a file that is being read"]

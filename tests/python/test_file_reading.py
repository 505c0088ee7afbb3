"""`open` to read: Python's own files are the model."""

# ruff: noqa: F811
from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
import s3native
from conftest import PART_SIZE
from content import content
from file_objects import DATA, MIB, TEXT, file, in_child, moved, stored, url  # noqa: F401
from held import Held, eventually_not_more_than
from s3native.file import BUFFER_SIZE, ObjectReader

# ---- what is opened ----


def test_what_it_is(file: ObjectReader, url: str) -> None:
    assert isinstance(file, io.BufferedIOBase)
    assert isinstance(file, io.IOBase)
    assert not isinstance(file, (io.RawIOBase, io.TextIOBase))
    assert (file.name, file.mode, file.closed) == (url, "rb", False)
    assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)
    assert not file.isatty()
    assert url in repr(file)
    for unsupported in (file.fileno, file.detach, file.truncate, lambda: file.write(b"x")):
        with pytest.raises(io.UnsupportedOperation):
            unsupported()


@pytest.mark.parametrize("mode", ["rb", "br"])
def test_binary_modes(client: s3native.Client, url: str, mode: str) -> None:
    with client.open(url, mode) as file:
        assert type(file) is ObjectReader
        assert file.read() == DATA


@pytest.mark.parametrize("mode", ["r", "rt", "tr"])
def test_text_modes(client: s3native.Client, bucket: str, mode: str) -> None:
    url = stored(client, bucket, TEXT.encode())
    with client.open(url, mode) as file:
        assert type(file) is io.TextIOWrapper
        assert (file.encoding, file.name) == ("utf-8", url)
        assert file.read() == TEXT
    assert file.closed
    assert file.buffer.closed


def test_default_client(environment: Any, bucket: str) -> None:
    s3native.put(f"s3://{bucket}/object", b"one\ntwo\n")
    assert s3native.open(f"s3://{bucket}/object").read() == b"one\ntwo\n"
    assert s3native.open(f"s3://{bucket}/object", "r").readlines() == ["one\n", "two\n"]


def test_what_is_left_of_a_temporary(client: s3native.Client, url: str) -> None:
    assert client.open(url).read() == DATA
    assert client.open(url).read(5) == DATA[:5]
    assert [len(line) for line in client.open(url)] == [len(line) for line in io.BytesIO(DATA)]


def test_opening_sends_nothing(client: s3native.Client, url: str) -> None:
    def open_only() -> None:
        for mode in ("rb", "r"):
            with client.open(url, mode, buffering=1000, access="random") as file:
                file.seek(7)
                file.tell()
                file.seekable()

    assert moved(client, "requests", open_only) == 0
    assert moved(client, "requests", lambda: client.open(url).read(10)) == 1


@pytest.mark.parametrize("mode", ["", "b", "t", "rbt", "rr", "rbb", "wr", "U", "rb ", "R"])
def test_modes_that_are_none(client: s3native.Client, mode: str) -> None:
    with pytest.raises(ValueError, match="mode must be 'rb', 'r', 'wb', 'w', 'xb' or 'x'"):
        client.open("s3://bucket/key", mode)


@pytest.mark.parametrize(
    ("mode", "name", "value"),
    [
        ("rb", "encoding", "utf-8"),
        ("rb", "newline", ""),
        ("rb", "metadata", {"a": "b"}),
        ("rb", "part_size", PART_SIZE),
        ("r", "if_match", '"x"'),
        ("r", "checksum", "none"),
        ("rb", "range", (0, 1)),
    ],
)
def test_options_of_other_modes(client: s3native.Client, mode: str, name: str, value: Any) -> None:
    options: Any = {name: value}
    with pytest.raises(TypeError, match=f"{name} has no meaning in mode '{mode}'"):
        client.open("s3://bucket/key", mode, **options)


def test_wrong_arguments(client: s3native.Client) -> None:
    with pytest.raises(ValueError, match="access must be"):
        client.open("s3://bucket/key", access="forwards")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cannot be unbuffered"):
        client.open("s3://bucket/key", "r", buffering=0)
    with pytest.raises((ValueError, TypeError)):
        client.open("s3://bucket/key", readahead=-1)
    with pytest.raises((ValueError, TypeError)):
        client.open("s3://bucket/key", size=-1)
    for wrong in ("key", "http://bucket/key", "s3://bucket", "s3://bucket/"):
        with pytest.raises(ValueError):
            client.open(wrong)


def test_names_beyond_ascii(client: s3native.Client, bucket: str) -> None:
    url = stored(client, bucket, b"data", "grüße/日本 🦊 a+b%2F?x=1#y")
    with client.open(url) as file:
        assert (file.name, file.read()) == (url, b"data")
        assert url in repr(file)
        assert pickle.loads(pickle.dumps(file)).name == url


# ---- reading ----


@pytest.mark.parametrize("size", [0, 1, 63, BUFFER_SIZE, 3 * BUFFER_SIZE, MIB, 4 * MIB, MIB + 1])
def test_sizes(client: s3native.Client, bucket: str, size: int) -> None:
    data = content(size, seed=size)
    url = stored(client, bucket, data)
    for step in (-1, 1000, BUFFER_SIZE, BUFFER_SIZE + 1, MIB):
        read_in_steps(client.open(url), data, step)


def read_in_steps(opened: ObjectReader, data: bytes, step: int) -> None:
    """To the end, and beyond."""
    with opened as file:
        pieces = list(iter(lambda: file.read(step), b""))
        assert b"".join(pieces) == data
        assert all(len(piece) == step for piece in pieces[:-1])
        assert file.tell() == file.size == len(data)
        assert file.read() == file.read(10) == file.read1() == file.readline() == b""
        assert file.peek() == b""
        assert file.readinto(bytearray(10)) == file.readinto1(bytearray(10)) == 0


@pytest.mark.parametrize("access", ["auto", "sequential", "random"])
def test_buffer_sizes(client: s3native.Client, url: str, access: Any) -> None:
    for buffering in (-1, 0, 1, 16, 1000, MIB):
        with client.open(url, access=access, buffering=buffering) as file:
            assert [file.read(n) for n in (0, 1, 5)] == [b"", DATA[:1], DATA[1:6]]
            assert file.readline(40) == io.BytesIO(DATA[6:]).readline(40)
            position = file.tell()
            assert file.read(300_000) == DATA[position : position + 300_000]
            assert file.read() == DATA[position + 300_000 :]


@pytest.mark.parametrize("access", ["auto", "sequential", "random"])
def test_readahead(client: s3native.Client, url: str, access: Any) -> None:
    for readahead in (None, 0, 1, 1000, MIB, 1 << 40):
        with client.open(url, access=access, readahead=readahead) as file:
            assert b"".join(iter(partial(file.read, 100_000), b"")) == DATA


def test_seek_and_tell(file: ObjectReader) -> None:
    size = len(DATA)
    assert (file.seek(10), file.tell(), file.read(2)) == (10, 10, DATA[10:12])
    assert (file.seek(5, io.SEEK_CUR), file.read(2)) == (17, DATA[17:19])
    assert (file.seek(-4, io.SEEK_CUR), file.read(2)) == (15, DATA[15:17])
    assert (file.seek(-3, io.SEEK_END), file.read()) == (size - 3, DATA[-3:])
    assert (file.seek(0, io.SEEK_END), file.read(1)) == (size, b"")
    assert (file.seek(1000, io.SEEK_END), file.tell()) == (size + 1000, size + 1000)
    assert file.read() == file.read(5) == file.readline() == file.peek() == b""
    assert file.tell() == size + 1000
    assert (file.seek(2 * MIB), file.read(MIB)) == (2 * MIB, DATA[2 * MIB : 3 * MIB])
    assert (file.seek(0), file.read()) == (0, DATA)


def test_seeks_that_are_none(file: ObjectReader) -> None:
    file.seek(10)
    with pytest.raises(ValueError, match="negative seek position"):
        file.seek(-1)
    with pytest.raises(ValueError, match="negative seek position"):
        file.seek(-11, io.SEEK_CUR)
    with pytest.raises(ValueError, match="negative seek position"):
        file.seek(-len(DATA) - 1, io.SEEK_END)
    with pytest.raises(ValueError, match="whence"):
        file.seek(0, 3)
    for wrong in (1.5, "1"):
        with pytest.raises(TypeError):
            file.seek(wrong)  # type: ignore[arg-type]
    assert file.tell() == 10


def test_seek_to_none(file: ObjectReader) -> None:
    file.seek(10)
    with pytest.raises(TypeError):
        file.seek(None, io.SEEK_CUR)  # type: ignore[arg-type]
    assert file.tell() == 10


@pytest.mark.parametrize(("offset", "whence"), [((1 << 63) - 1, 1), (1, 1 << 32)])
def test_seeks_too_far(file: ObjectReader, offset: int, whence: int) -> None:
    file.seek((1 << 63) - 1)
    with pytest.raises((ValueError, OverflowError)):
        file.seek(offset, whence)
    assert file.tell() == (1 << 63) - 1


def test_reading_behind_the_end_of_the_unknown(client: s3native.Client, url: str) -> None:
    for call in (lambda f: f.read(), lambda f: f.read(10), lambda f: f.readline()):
        with client.open(url) as file:
            file.seek(len(DATA) + 5)
            assert call(file) == b""
            assert file.tell() == len(DATA) + 5
            file.seek(-1, io.SEEK_END)
            assert file.read() == DATA[-1:]


def test_nothing_to_read_needs_no_request(client: s3native.Client, file: ObjectReader) -> None:
    def nothing() -> None:
        assert file.read(0) == file.read1(0) == file.readline(0) == b""
        assert file.readinto(bytearray()) == 0
        assert file.readinto1(bytearray()) == 0
        assert file.pread(0, 10) == b""
        assert file.pread_into(bytearray(), 10) == 0

    assert moved(client, "requests", nothing) == 0
    assert file.tell() == 0


def test_wrong_sizes(file: ObjectReader) -> None:
    for call in (file.read, file.read1, file.readline):
        for wrong in ("1", 1.5, b"1"):
            with pytest.raises(TypeError):
                call(wrong)  # type: ignore[operator]
    with pytest.raises(OverflowError):
        file.read(1 << 70)
    with pytest.raises(TypeError):
        file.readinto(None)
    with pytest.raises(TypeError, match="writable"):
        file.readinto(b"read-only")
    assert file.read(None) == DATA


def test_read_more_than_there_is(client: s3native.Client, url: str) -> None:
    assert client.open(url).read(64 * MIB) == DATA
    assert client.open(url).pread(64 * MIB, 5) == DATA[5:]
    assert bytes(client.open(url).readview(64 * MIB)) == DATA


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int64, np.complex128])
def test_arrays(client: s3native.Client, bucket: str, dtype: Any) -> None:
    data = content(48 * 50_000)
    with client.open(stored(client, bucket, data)) as file:
        into = np.zeros(len(data) // np.dtype(dtype).itemsize, dtype)
        assert file.readinto(into) == len(data)
        assert into.tobytes() == data
        square = np.zeros((30, 40), dtype)
        assert file.pread_into(square, 480) == square.nbytes
        assert square.tobytes() == data[480 : 480 + square.nbytes]


def test_lines(client: s3native.Client, bucket: str) -> None:
    data = b"first\n\n" + b"x" * 300_000 + b"\nlast, and no end"
    url, twin = stored(client, bucket, data), io.BytesIO(data)
    assert list(client.open(url)) == twin.readlines()
    assert client.open(url).readlines() == data.splitlines(keepends=True)
    assert client.open(url).readlines(10) == [b"first\n", b"\n", b"x" * 300_000 + b"\n"]
    with client.open(url) as file:
        assert [file.readline(n) for n in (3, 0, 100, -1)] == [b"fir", b"", b"st\n", b"\n"]
        assert file.readline(200_000) == b"x" * 200_000
        assert next(file) == b"x" * 100_000 + b"\n"
        assert next(iter(file)) == b"last, and no end"
        for _ in range(2):
            with pytest.raises(StopIteration):
                next(file)


def test_reading_between_lines(client: s3native.Client, bucket: str) -> None:
    data = b"".join(b"%05d\n" % i for i in range(50_000))
    with client.open(stored(client, bucket, data)) as file:
        for i, line in enumerate(file):
            assert line == b"%05d\n" % (2 * i)
            assert file.tell() == (2 * i + 1) * 6
            assert file.read(6) == b"%05d\n" % (2 * i + 1)
    assert i == 24_999


def test_peek(file: ObjectReader) -> None:
    peeked = file.peek()
    assert peeked
    assert DATA.startswith(peeked)
    assert file.tell() == 0
    assert file.peek(5) == file.peek(0) == peeked
    assert file.read(100) == DATA[:100]
    assert DATA[100:].startswith(file.peek(1))


def test_read1_brings_what_is_at_hand(client: s3native.Client, file: ObjectReader) -> None:
    assert file.read(10) == DATA[:10]
    assert moved(client, "requests", lambda: file.read1(100)) == 0
    assert file.tell() == 110
    rest = bytearray()
    while piece := file.read1(1 << 30):
        rest += piece
    assert bytes(rest) == DATA[110:]


def test_readinto1(file: ObjectReader) -> None:
    into, got = bytearray(50_000), bytearray()
    while size := file.readinto1(into):
        got += into[:size]
    assert bytes(got) == DATA


@pytest.mark.parametrize("limit", [None, 1000, 64])
def test_text(client: s3native.Client, bucket: str, limit: int | None) -> None:
    url = stored(client, bucket, TEXT.encode())
    with client.open(url, "r", buffering=limit or -1) as file:
        assert list(file) == TEXT.splitlines(keepends=True)
        file.seek(0)
        assert [file.readline() for _ in range(3)] == TEXT.splitlines(keepends=True)[:3]
        cookie = file.tell()
        rest = file.read(100)
        file.seek(cookie)
        assert file.read(100) == rest
        assert (file.readable(), file.writable(), file.seekable()) == (True, False, True)


def test_encoding_errors_and_newline(client: s3native.Client, bucket: str) -> None:
    url = stored(client, bucket, "grün\r\nrot\rblau\n".encode("latin-1"))
    with client.open(url, "r") as file, pytest.raises(UnicodeDecodeError):
        file.read()
    assert client.open(url, "r", encoding="latin-1").read() == "grün\nrot\nblau\n"
    assert client.open(url, "r", errors="replace").readline() == "gr\ufffdn\n"
    with client.open(url, "r", encoding="latin-1", newline="") as file:
        assert file.readlines() == ["grün\r\n", "rot\r", "blau\n"]
    with client.open(url, "r", encoding="latin-1", newline="\n") as file:
        assert file.readlines() == ["grün\r\n", "rot\rblau\n"]
    with pytest.raises(LookupError):
        client.open(url, "r", encoding="no such one")
    with pytest.raises(ValueError):
        client.open(url, "r", newline="x")


def test_parity_with_a_local_file(client: s3native.Client, url: str, tmp_path: Any) -> None:
    (tmp_path / "local").write_bytes(DATA)
    calls: list[Callable[[Any], Any]] = [
        lambda f: f.read(5),
        lambda f: f.seek(100, 1),
        lambda f: f.readline(),
        lambda f: f.readline(7),
        lambda f: f.readlines(1000),
        lambda f: f.seek(-1000, 2),
        lambda f: f.read(),
        lambda f: f.read(),
        lambda f: f.seek(len(DATA) + 7),
        lambda f: f.read(3),
        lambda f: f.seek(0),
        lambda f: f.readinto(bytearray(200_000)),
        lambda f: f.tell(),
        lambda f: next(f),
        lambda f: f.read(None),
        lambda f: f.flush(),
    ]
    with client.open(url) as file, open(tmp_path / "local", "rb") as local:
        for call in calls:
            assert call(file) == call(local)
            assert file.tell() == local.tell()


# ---- the end ----


def test_closed(client: s3native.Client, file: ObjectReader) -> None:
    with file as entered:
        assert entered is file
        file.read(5)
    assert file.closed
    file.close()
    assert "closed" in repr(file)
    calls: list[Callable[[], Any]] = [
        file.read,
        lambda: file.read(0),
        lambda: file.read(5),
        file.read1,
        lambda: file.readinto(bytearray(5)),
        lambda: file.readinto1(bytearray(5)),
        file.readline,
        file.readlines,
        file.peek,
        lambda: file.seek(0),
        file.tell,
        lambda: iter(file),
        lambda: next(file),
        file.readable,
        file.seekable,
        file.isatty,
        file.flush,
        file.__enter__,
        lambda: file.pread(5, 0),
        lambda: file.pread_into(bytearray(5), 0),
        file.readview,
        lambda: file.readview(5),
        lambda: file.will_need([(0, 5)]),
        lambda: file.size,
        lambda: file.info,
        lambda: pickle.dumps(file),
    ]
    for number, call in enumerate(calls):
        with pytest.raises(ValueError, match="closed file"):
            call()
            pytest.fail(f"call {number} of a closed file")


def test_closing_while_bytes_are_on_their_way(
    client: s3native.Client, bucket: str, settled: Callable[[], None]
) -> None:
    url = stored(client, bucket, content(24 * MIB))
    client.open(url).read(1)
    before = Held.now()
    for access in ("auto", "sequential"):
        file = client.open(url, access=access)
        for _ in range(20):
            file.read(200_000)
        file.will_need([(20 * MIB, 24 * MIB)])
        file.close()
        settled()
    assert not eventually_not_more_than(before).exceeds(before)


def test_forgotten_while_bytes_are_on_their_way(
    client: s3native.Client, bucket: str, settled: Callable[[], None]
) -> None:
    url = stored(client, bucket, content(24 * MIB))
    for mode in ("rb", "r"):
        file = client.open(url, mode, **({"encoding": "latin-1"} if mode == "r" else {}))
        file.read(3 * MIB)
        del file
        settled()


def test_closing_while_others_read(client: s3native.Client, bucket: str) -> None:
    url = stored(client, bucket, content(8 * MIB))
    for _ in range(20):
        file = client.open(url)

        def read(file: ObjectReader = file) -> None:
            with pytest.raises(ValueError, match="closed file"):
                while True:
                    file.seek(0)
                    file.read(MIB)
                    file.pread(MIB, MIB)

        with ThreadPoolExecutor(4) as pool:
            reads = [pool.submit(read) for _ in range(4)]
            file.read(10)
            file.close()
            for one in reads:
                one.result(20)

"""Random sequences of calls: readers against `io.BytesIO`, writers against what must be there."""

from __future__ import annotations

import contextlib
import gc
import io
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import s3native
from conftest import PART_SIZE
from content import content
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_put import pending_uploads

BUCKET = "file-models-tests"
LINES = b"".join(b"%d\n" % i for i in range(8000))
OBJECTS = [
    b"",
    b"x",
    b"\n\n\n",
    b"no end of line",
    b"ab\n" * 100 + b"c",
    content(4096),
    LINES[: 32 * 1024],
    content(128 * 1024),
    content(128 * 1024 + 1, seed=1),
    content(3 << 20, seed=2),
]
SMALL = [i for i, data in enumerate(OBJECTS) if len(data) < 5000]
QUICK = settings(
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module")
def urls(client: s3native.Client) -> Iterator[list[str]]:
    """Where OBJECTS are."""
    made = [f"s3://{BUCKET}/{i}" for i in range(len(OBJECTS))]
    client.create_bucket(BUCKET)
    for url, data in zip(made, OBJECTS, strict=True):
        client.put(url, data)
    yield made
    for page in client.list(f"s3://{BUCKET}/"):
        assert client.delete_many(info.url for info in page.objects) == []
    client.delete_bucket(BUCKET)


sizes = st.one_of(
    st.sampled_from([0, 1, 2, 15, 16, 17, 999, 1000, 1001, 131_072, 131_073, 1 << 20]),
    st.integers(0, 300_000),
)
optional_sizes = st.one_of(st.none(), st.just(-1), sizes)
places = st.one_of(sizes, st.integers(0, 4 << 20))
steps = st.one_of(
    st.tuples(st.sampled_from(["read", "readline"]), optional_sizes),
    st.tuples(st.sampled_from(["read", "read1", "readinto", "readinto1", "readview"]), sizes),
    st.tuples(st.sampled_from(["read1", "peek", "readline", "next", "tell", "size"]), st.none()),
    st.tuples(st.just("readlines"), st.integers(1, 2000)),
    st.tuples(st.just("seek"), st.tuples(places, st.just(0))),
    st.tuples(st.just("seek"), st.tuples(st.integers(-300_000, 300_000), st.sampled_from([1, 2]))),
    st.tuples(st.just("pread"), st.tuples(sizes, places)),
    st.tuples(st.just("will_need"), st.lists(st.tuples(places, sizes), max_size=4)),
)


def step_of_both(file: Any, twin: io.BytesIO, name: str, argument: Any) -> None:
    """One call of the file, and what the twin says of its outcome."""
    data, position = twin.getbuffer(), twin.tell()
    if name in ("read", "readline"):
        assert getattr(file, name)(argument) == getattr(twin, name)(argument)
    elif name == "readlines":
        assert file.readlines(argument) == io.IOBase.readlines(twin, argument)
    elif name == "next":
        assert next(file, None) == next(twin, None)
    elif name == "readview":
        assert file.readview(argument) == twin.read(argument)
    elif name == "readinto":
        mine, expected = bytearray(argument), bytearray(argument)
        assert file.readinto(mine) == twin.readinto(expected)
        assert mine == expected
    elif name in ("read1", "readinto1"):
        into = bytearray(argument or 0)
        got = file.read1(*[argument][: argument is not None]) if name == "read1" else None
        if got is None:
            got = bytes(into[: file.readinto1(into)])
        assert got == twin.read(len(got))
        assert argument is None or len(got) <= argument
        assert got or argument == 0 or position >= len(data)
    elif name == "peek":
        peeked = file.peek()
        assert data[position : position + len(peeked)] == peeked
        assert peeked or position >= len(data)
    elif name == "seek":
        offset, whence = argument
        base = (0, position, len(data))[whence]
        if base + offset < 0:
            with pytest.raises(ValueError, match="negative seek"):
                file.seek(offset, whence)
        else:
            assert file.seek(offset, whence) == twin.seek(base + offset)
    elif name == "pread":
        size, start = argument
        assert file.pread(size, start) == bytes(data[start : start + size])
    elif name == "will_need":
        file.will_need([(start, start + size) for start, size in argument])
    elif name == "size":
        assert file.size == len(data)
    assert file.tell() == twin.tell()
    data.release()


@pytest.mark.slow
@settings(QUICK, max_examples=5000)
@given(
    number=st.integers(0, len(OBJECTS) - 1),
    access=st.sampled_from(["auto", "sequential", "random"]),
    buffering=st.sampled_from([-1, 1000, 4096, 1 << 20]),
    readahead=st.sampled_from([None, 0, 1000, 1 << 20]),
    calls=st.lists(steps, min_size=1, max_size=15),
)
def test_reading(
    client: s3native.Client,
    urls: list[str],
    number: int,
    access: Any,
    buffering: int,
    readahead: int | None,
    calls: list[tuple[str, Any]],
) -> None:
    twin = io.BytesIO(OBJECTS[number])
    with client.open(urls[number], access=access, buffering=buffering, readahead=readahead) as file:
        for name, argument in calls:
            step_of_both(file, twin, name, argument)


@settings(QUICK, max_examples=1500)
@given(
    number=st.sampled_from(SMALL),
    access=st.sampled_from(["auto", "sequential", "random"]),
    buffering=st.sampled_from([0, 1, 16]),
    calls=st.lists(steps, min_size=1, max_size=8),
)
def test_reading_with_small_buffers(
    client: s3native.Client,
    urls: list[str],
    number: int,
    access: Any,
    buffering: int,
    calls: list[tuple[str, Any]],
) -> None:
    twin = io.BytesIO(OBJECTS[number])
    with client.open(urls[number], access=access, buffering=buffering) as file:
        for name, argument in calls:
            step_of_both(file, twin, name, argument)


@settings(QUICK, max_examples=1500)
@given(
    number=st.integers(0, len(OBJECTS) - 1),
    newline=st.sampled_from([None, "", "\n", "\r"]),
    buffering=st.sampled_from([-1, 100, 5000]),
    calls=st.lists(
        st.tuples(st.sampled_from(["read", "readline", "next", "return"]), st.integers(0, 5000)),
        max_size=12,
    ),
)
def test_reading_text(
    client: s3native.Client,
    urls: list[str],
    number: int,
    newline: str | None,
    buffering: int,
    calls: list[tuple[str, int]],
) -> None:
    """Against the same wrapper around memory; `tell` gives the same places to return to."""
    text: Any = {"encoding": "latin-1", "newline": newline}
    twin = io.TextIOWrapper(io.BytesIO(OBJECTS[number]), **text)
    with client.open(urls[number], "r", buffering=buffering, **text) as file:
        places = [(0, 0)]
        for name, argument in calls:
            if name == "return":
                mine, expected = places[argument % len(places)]
                file.seek(mine)
                twin.seek(expected)
            elif name == "next":
                assert file.readline() == twin.readline()
            else:
                assert getattr(file, name)(argument) == getattr(twin, name)(argument)
            places.append((file.tell(), twin.tell()))
        assert file.read() == twin.read()


lengths = st.one_of(st.sampled_from([0, 1, 16, 1000]), st.integers(0, 20_000))
writes = st.one_of(
    st.tuples(st.sampled_from(["write", "writelines"]), lengths),
    st.tuples(st.sampled_from(["flush", "tell", "look"]), st.just(0)),
)
ends = st.sampled_from(["close", "with", "abort", "raise", "forget", "close twice", "abort, close"])


def write_and_end(file: Any, calls: list[tuple[str, int]], end: str, look: Any) -> bytes | None:
    """What must be in the object afterwards; None if it must be as it was before."""
    expected = bytearray()
    is_text = isinstance(file, io.TextIOBase)
    for i, (name, size) in enumerate(calls):
        data = content(size, seed=i).translate(bytes(range(128)) * 2)
        piece = data.decode("ascii") if is_text else data
        if name == "write":
            assert file.write(piece) == size
            expected += data
        elif name == "writelines":
            file.writelines([piece, piece[:10]])
            expected += data + data[:10]
        elif name == "flush":
            file.flush()
        elif name == "tell" and not is_text:
            assert file.tell() == len(expected)
        elif name == "look":
            look()
    if end in ("close", "close twice"):
        file.close()
    elif end == "with":
        with file:
            pass
    elif end == "raise":
        with contextlib.suppress(ZeroDivisionError), file:
            raise ZeroDivisionError
    elif end != "forget":
        file.abort()
    if end in ("close twice", "abort, close"):
        file.close()
        file.abort()
    return bytes(expected) if end in ("close", "close twice", "with") else None


def check_writing(
    client: s3native.Client,
    boto: Any,
    mode: str,
    buffering: int,
    there: bool,
    calls: list[tuple[str, int]],
    end: str,
) -> None:
    url = f"s3://{BUCKET}/written"
    before = b"as before" if there else None
    if there:
        client.put(url, b"as before")
    else:
        client.delete(url)

    def found() -> bytes | None:
        try:
            return bytes(client.get(url))
        except s3native.NotFoundError:
            return None

    def look() -> None:
        assert found() == before

    options: Any = {} if "b" in mode else {"encoding": "ascii", "newline": ""}
    file = client.open(url, mode, buffering=buffering, part_size=PART_SIZE, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            expected = write_and_end(file, calls, end, look)
            refused = False
        except s3native.PreconditionFailedError:
            expected, refused = None, True
        assert refused == ("x" in mode and there and end in ("close", "close twice", "with"))
        assert file.closed or end == "forget"
        assert (file.result is not None) == (expected is not None)
        del file
    assert found() == (before if expected is None else expected)
    if sum(size for _, size in calls) > PART_SIZE:
        assert pending_uploads(boto, BUCKET, "written") == []


@settings(QUICK, max_examples=1980)
@given(
    mode=st.sampled_from(["wb", "w", "xb", "x"]),
    buffering=st.sampled_from([-1, 1, 16, 1000]),
    there=st.booleans(),
    calls=st.lists(writes, max_size=12),
    end=ends,
)
def test_writing(
    client: s3native.Client,
    urls: list[str],
    boto: Any,
    mode: str,
    buffering: int,
    there: bool,
    calls: list[tuple[str, int]],
    end: str,
) -> None:
    check_writing(client, boto, mode, buffering, there, calls, end)


@pytest.mark.slow
@settings(QUICK, max_examples=20)
@given(
    mode=st.sampled_from(["wb", "w", "xb"]),
    there=st.booleans(),
    calls=st.lists(
        st.one_of(
            st.tuples(
                st.just("write"),
                st.sampled_from([1, 100_000, PART_SIZE - 1, PART_SIZE, PART_SIZE + 1]),
            ),
            writes,
        ),
        min_size=1,
        max_size=5,
    ),
    end=ends,
)
def test_writing_parts(
    client: s3native.Client,
    urls: list[str],
    boto: Any,
    mode: str,
    there: bool,
    calls: list[tuple[str, int]],
    end: str,
) -> None:
    check_writing(client, boto, mode, -1, there, calls, end)
    gc.collect()

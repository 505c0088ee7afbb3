"""`open` to write: an object appears whole, when its file is closed well, or never."""

# ruff: noqa: F811
from __future__ import annotations

import contextlib
import gc
import io
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import s3native
from conftest import PART_SIZE
from content import content, crc64nvme
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
from s3native.file import ObjectWriter, TextWriter
from test_put import pending_uploads

# ---- what is written ----


@pytest.mark.parametrize(
    "size",
    [
        0,
        1,
        128 * 1024,
        PART_SIZE - 1,
        PART_SIZE,
        PART_SIZE + 1,
        2 * PART_SIZE,
        3 * PART_SIZE,
        3 * PART_SIZE + 7,
    ],
)
def test_sizes(client: s3native.Client, url: str, bucket: str, boto: Any, size: int) -> None:
    data = content(size, seed=size)
    for step in (9999, MIB, PART_SIZE, 64 * MIB):
        with client.open(url, "wb") as file:
            write_in_pieces(file, data, step)
            assert file.tell() == size
        assert boto.get_object(Bucket=bucket, Key="object")["Body"].read() == data
        head = boto.head_object(Bucket=bucket, Key="object", ChecksumMode="ENABLED")
        assert head["ETag"] == file.result.etag
        assert head["ChecksumCRC64NVME"] == file.result.checksum_crc64nvme
        assert ("-" in file.result.etag) == (size > PART_SIZE)


@pytest.mark.parametrize("mode", ["wb", "bw", "xb"])
def test_binary_modes(client: s3native.Client, url: str, mode: str) -> None:
    with client.open(url, mode) as file:
        assert type(file) is ObjectWriter
        assert isinstance(file, io.BufferedWriter)
        assert (file.name, file.closed, file.raw.mode) == (
            url,
            False,
            mode[0].replace("b", "w") + "b",
        )
        assert (file.readable(), file.writable(), file.seekable()) == (False, True, False)
        assert url in repr(file)
        for unsupported in (file.read, file.fileno, file.readline, lambda: file.seek(0)):
            with pytest.raises(OSError):
                unsupported()
    assert "closed" in repr(file)
    assert client.head(url).size == 0


@pytest.mark.parametrize("mode", ["w", "wt", "x", "tx"])
def test_text_modes(client: s3native.Client, url: str, mode: str) -> None:
    with client.open(url, mode) as file:
        assert type(file) is TextWriter
        assert isinstance(file, io.TextIOWrapper)
        assert (file.encoding, file.name) == ("utf-8", url)
        assert file.write("grüße\n") == 6
        file.writelines(["one\n", "two"])
        print("three", 4, file=file)
    assert bytes(client.get(url)) == "grüße\none\ntwothree 4\n".encode()
    assert file.result.etag == client.head(url).etag


def test_encoding_errors_and_newline(client: s3native.Client, url: str) -> None:
    with client.open(url, "w", encoding="latin-1", newline="\r\n", errors="replace") as file:
        file.write("grün\n日\n")
    assert bytes(client.get(url)) == b"gr\xfcn\r\n?\r\n"
    with client.open(url, "w", encoding="ascii") as file, contextlib.suppress(UnicodeEncodeError):
        file.write("kept\n")
        file.write("grün\n")
    assert bytes(client.get(url)) == b"kept\n"


@pytest.mark.parametrize(
    "data",
    [
        b"bytes",
        bytearray(b"bytearray"),
        memoryview(b"0123456789")[2:5],
        np.arange(100_000, dtype=np.float64),
        np.arange(1000).reshape(10, 100),
        np.zeros((0, 5)),
        np.arange(3 * MIB, dtype=np.float32),
    ],
    ids="bytes bytearray memoryview floats 2-D empty parts".split(),
)
def test_any_buffer(client: s3native.Client, url: str, data: Any) -> None:
    expected = data.tobytes() if isinstance(data, np.ndarray) else bytes(data)
    with client.open(url, "wb") as file:
        assert file.write(data) == len(expected)
        assert file.tell() == len(expected)
        file.write(data)
    assert bytes(client.get(url)) == 2 * expected


@pytest.mark.parametrize(
    "data", [np.zeros((40, 400), order="F"), np.zeros(100_000)[::2], memoryview(b"0123")[::2]]
)
def test_data_that_is_not_contiguous(client: s3native.Client, url: str, data: Any) -> None:
    with client.open(url, "wb") as file:
        with pytest.raises((ValueError, BufferError)):
            file.write(data)
        file.write(b"the rest")
    assert bytes(client.get(url)) == b"the rest"


@pytest.mark.parametrize(("mode", "data"), [("wb", "text"), ("wb", 5), ("wb", None), ("w", b"x")])
def test_data_of_another_kind(
    client: s3native.Client, url: str, mode: str, data: Any, nothing_left: Callable[[], None]
) -> None:
    with pytest.raises(TypeError), client.open(url, mode) as file:
        file.write(data)
    nothing_left()


def test_writelines_and_flush(client: s3native.Client, url: str) -> None:
    with client.open(url, "wb", part_size=PART_SIZE) as file:
        file.writelines([b"one", b"two", bytearray(b"three")])
        file.flush()
        with pytest.raises(s3native.NotFoundError):
            client.head(url)
        file.write(content(2 * PART_SIZE))
        file.flush()
        with pytest.raises(s3native.NotFoundError):
            client.head(url)
        assert file.tell() == 11 + 2 * PART_SIZE
        assert file.result is None
    assert bytes(client.get(url)) == b"onetwothree" + content(2 * PART_SIZE)


@pytest.mark.parametrize("buffering", [1, 16, 1000, MIB, 16 * MIB])
def test_buffer_sizes(client: s3native.Client, url: str, buffering: int) -> None:
    data = content(300_000)
    with client.open(url, "wb", buffering=buffering) as file:
        for start in range(0, len(data), 777):
            file.write(data[start : start + 777])
    assert bytes(client.get(url)) == data


def test_opening_and_aborting_sends_nothing(client: s3native.Client, url: str) -> None:
    before = client.stats()["requests"]
    for mode in ("wb", "w", "xb", "x"):
        file = client.open(url, mode)
        file.write(as_of(mode, 1000))
        file.flush()
        file.abort()
    assert client.stats()["requests"] == before


def test_memory_is_the_callers_after_each_write(client: s3native.Client, url: str) -> None:
    data = bytearray(LARGE)
    with client.open(url, "wb") as file:
        for value in range(4):
            data[:] = bytes([value]) * len(data)
            file.write(data)
        data[:] = bytes([9]) * len(data)
        data.extend(b"resizable")
    assert bytes(client.get(url)) == b"".join(bytes([value]) * LARGE for value in range(4))


def test_parts_as_large_as_told(client: s3native.Client, url: str) -> None:
    for part_size, parts in ((6 * MIB, 2), (16 * MIB, 0)):
        with client.open(url, "wb", part_size=part_size) as file:
            write_in_pieces(file, content(11 * MIB), 100_000)
        assert file.result.etag.endswith(f'-{parts}"') == (parts > 0)
        assert ("-" in file.result.etag) == (parts > 0)


@BOTH_SIZES
@pytest.mark.parametrize("mode", ["wb", "xb", "w"])
def test_what_is_kept_with_an_object(
    client: s3native.Client, url: str, bucket: str, boto: Any, mode: str, size: int
) -> None:
    with client.open(
        url,
        mode,
        metadata={"Author": "somebody"},
        content_type="application/x-tensor",
        content_encoding="identity",
        cache_control="max-age=60",
        storage_class="REDUCED_REDUNDANCY",
        tags={"team": "vision + speech=2"},
    ) as file:
        file.write(as_of(mode, size))
    head = boto.head_object(Bucket=bucket, Key="object")
    assert head["ContentLength"] == size
    assert head["Metadata"] == {"author": "somebody"}
    assert head["ContentType"] == "application/x-tensor"
    assert head["ContentEncoding"] == "identity"
    assert head["CacheControl"] == "max-age=60"
    assert head["StorageClass"] == "REDUCED_REDUNDANCY"
    tags = boto.get_object_tagging(Bucket=bucket, Key="object")["TagSet"]
    assert tags == [{"Key": "team", "Value": "vision + speech=2"}]


def test_checksums(client: s3native.Client, url: str, bucket: str, boto: Any) -> None:
    data = content(300_001)
    with client.open(url, "wb", checksum="crc64nvme") as file:
        write_in_pieces(file, data, 1000)
    assert file.result.checksum_crc64nvme == crc64nvme(data)
    for size in (10, LARGE):
        with client.open(url, "wb", checksum="none") as file:
            file.write(content(size))
        assert bytes(client.get(url)) == content(size)
    with pytest.raises(ValueError, match="crc64nvme"):
        client.open(url, "wb", checksum="md5")  # type: ignore[arg-type]


def test_names_beyond_ascii(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/grüße/日本 🦊 a+b%2F?x=1#y"
    with client.open(url, "w") as file:
        assert file.name == url
        file.write("x")
    assert client.open(url).read() == b"x"


# ---- what is refused ----


@pytest.mark.parametrize("mode", "a ab at r+ rb+ r+b w+ w+b wb+ x+ a+ +".split())
def test_modes_that_s3_cannot_do(client: s3native.Client, url: str, mode: str) -> None:
    with pytest.raises(ValueError, match=r"S3 cannot change an object.*with mode 'wb'") as caught:
        client.open(url, mode)
    assert repr(mode) in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "name", "value"),
    [
        ("wb", "size", 5),
        ("wb", "etag", '"x"'),
        ("w", "access", "random"),
        ("xb", "readahead", 5),
        ("x", "follow", True),
        ("wb", "encoding", "utf-8"),
        ("xb", "errors", "strict"),
        ("wb", "if_none_match", True),
        ("wb", "version_id", "x"),
    ],
)
def test_options_of_other_modes(client: s3native.Client, mode: str, name: str, value: Any) -> None:
    options: Any = {name: value}
    with pytest.raises(TypeError, match=f"{name} has no meaning in mode '{mode}'"):
        client.open("s3://bucket/key", mode, **options)


@pytest.mark.parametrize("mode", ["wb", "w", "xb", "x"])
def test_unbuffered(client: s3native.Client, mode: str) -> None:
    with pytest.raises(ValueError, match="cannot be unbuffered"):
        client.open("s3://bucket/key", mode, buffering=0)


@pytest.mark.parametrize("mode", ["wb", "w"])
@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("key", {}),
        ("http://bucket/key", {}),
        ("s3://bucket", {}),
        ("s3://bucket/key", {"metadata": {"a": "1\r\nx: y"}}),
        ("s3://bucket/key", {"part_size": -1}),
    ],
)
def test_wrong_arguments(
    client: s3native.Client, unraisable: list[str], mode: str, url: str, options: Any
) -> None:
    with pytest.raises((ValueError, TypeError)):
        client.open(url, mode, **options)
    gc.collect()
    assert unraisable == []


@pytest.mark.parametrize(
    ("name", "value"), [("encoding", "no such one"), ("newline", "x"), ("errors", 5)]
)
def test_wrong_options_of_text(
    client: s3native.Client, unraisable: list[str], name: str, value: Any
) -> None:
    options: Any = {name: value}
    with pytest.raises((ValueError, LookupError, TypeError)):
        client.open("s3://bucket/key", "w", **options)
    gc.collect()
    assert unraisable == []


@BOTH_SIZES
@pytest.mark.parametrize("mode", ["xb", "x"])
def test_exclusive(
    client: s3native.Client, url: str, bucket: str, boto: Any, mode: str, size: int
) -> None:
    with client.open(url, mode) as file:
        file.write(as_of(mode, size))
    etag = client.head(url).etag
    assert file.result.etag == etag
    file = client.open(url, mode)
    file.write(as_of(mode, size))
    with pytest.raises(s3native.PreconditionFailedError):
        file.close()
    assert file.closed
    assert file.result is None
    assert client.head(url).etag == etag
    assert pending_uploads(boto, bucket, "object") == []


@BOTH_SIZES
def test_if_match(client: s3native.Client, url: str, bucket: str, boto: Any, size: int) -> None:
    first = client.put(url, b"first")
    with client.open(url, "wb", if_match=first.etag) as file:
        file.write(content(size))
    with (
        pytest.raises(s3native.PreconditionFailedError),
        client.open(url, "wb", if_match=first.etag) as stale,
    ):
        stale.write(content(size))
    assert client.head(url).etag == file.result.etag
    assert pending_uploads(boto, bucket, "object") == []


# ---- the end ----


@BOTH_MODES
def test_closed(client: s3native.Client, url: str, mode: str) -> None:
    with client.open(url, mode) as file:
        file.write(as_of(mode, 10))
    file.close()
    file.abort()
    file.close()
    assert file.closed
    assert file.result.etag == client.head(url).etag
    calls: list[Callable[[], Any]] = [
        lambda: file.write(as_of(mode, 1)),
        lambda: file.writelines([as_of(mode, 1)]),
        file.flush,
        file.tell,
        file.__enter__,
        file.writable,
        file.isatty,
    ]
    for number, call in enumerate(calls):
        with pytest.raises(ValueError, match="closed"):
            call()
            pytest.fail(f"call {number} of a closed file")
    assert client.head(url).size == 10


@BOTH_MODES
@BOTH_SIZES
@pytest.mark.parametrize("how", ["exception", "exit", "interrupt", "abort", "collected", "cycle"])
def test_aborted(
    client: s3native.Client,
    url: str,
    settled: Callable[[], None],
    nothing_left: Callable[[], None],
    mode: str,
    size: int,
    how: str,
) -> None:
    kinds = {"exception": ZeroDivisionError, "exit": SystemExit, "interrupt": KeyboardInterrupt}
    data = as_of(mode, size)
    if how in kinds:
        with pytest.raises(kinds[how]), client.open(url, mode) as file:
            file.write(data)
            raise kinds[how]
    elif how == "abort":
        file = client.open(url, mode)
        file.write(data)
        file.abort()
        file.abort()
        file.close()
    else:
        file = client.open(url, mode)
        file.write(data)
        if how == "cycle":
            file.itself = file
        with pytest.warns(ResourceWarning, match=r"unclosed file .*: aborted"):
            file = None
            gc.collect()
    if file is not None:
        assert file.closed
        assert file.result is None
        with pytest.raises(ValueError, match="closed"):
            file.write(data)
    nothing_left()
    settled()


@BOTH_MODES
@BOTH_SIZES
def test_an_aborted_overwrite_changes_nothing(
    client: s3native.Client, url: str, bucket: str, boto: Any, mode: str, size: int
) -> None:
    before = client.put(url, b"as before")
    with contextlib.suppress(ZeroDivisionError), client.open(url, mode) as file:
        file.write(as_of(mode, size))
        raise ZeroDivisionError
    with pytest.warns(ResourceWarning):
        client.open(url, mode).write(as_of(mode, size))
        gc.collect()
    assert bytes(client.get(url)) == b"as before"
    assert client.head(url).etag == before.etag
    assert pending_uploads(boto, bucket, "object") == []


def test_abort_in_the_with(
    client: s3native.Client, url: str, nothing_left: Callable[[], None]
) -> None:
    for mode in ("wb", "w"):
        with client.open(url, mode) as file:
            file.write(as_of(mode, LARGE))
            file.abort()
        assert file.closed
        nothing_left()


@BOTH_MODES
def test_nobody_closes_it_before_the_process_ends(
    server: Any, bucket: str, url: str, mode: str, nothing_left: Callable[[], None]
) -> None:
    script = f"""
import s3native
file = s3native.open({url!r}, {mode!r}, part_size={PART_SIZE})
file.write({"b'x'" if mode == "wb" else "'x'"} * {LARGE})
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env=os.environ | server.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    nothing_left()

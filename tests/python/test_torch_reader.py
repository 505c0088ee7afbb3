"""`s3native.torch.reader`: one suite over every kind of reader, and their constructors."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import s3native
from frameworks import needs
from s3native.testing import MinioServer

needs("torch")

from s3native.torch import S3ClientConfig, S3MapDataset, S3Reader, S3ReaderConstructor
from s3native.torch.dcp import S3FileSystem

DATA = bytes(range(256)) * 4096
KINDS = {
    "held": S3ReaderConstructor.sequential(),
    "sequential": S3ReaderConstructor.sequential(),
    "range_based": S3ReaderConstructor.range_based(),
    "unbuffered": S3ReaderConstructor.range_based(buffer_size=0),
    "buffered": S3ReaderConstructor.range_based(buffer_size=1000),
    "dcp_optimized": S3ReaderConstructor.dcp_optimized(),
}


@pytest.fixture(params=KINDS)
def reader_of(
    request: pytest.FixtureRequest, server: MinioServer, client: s3native.Client, bucket: str
) -> Callable[[bytes], Any]:
    """A function that stores bytes and opens them; as datasets do, or as checkpoints do."""

    def make(data: bytes) -> Any:
        url = f"s3://{bucket}/folder/object"
        client.put(url, data)
        kind = KINDS[request.param]
        if request.param == "held":
            place = {"region": server.region, "endpoint": server.endpoint}
            return S3MapDataset.from_prefix(url, **place, reader_constructor=kind)[0]
        return kind.open(client, url, None)

    return make


@pytest.fixture(autouse=True)
def _credentials(server: MinioServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)


def test_a_reader_is_a_file_that_knows_its_object(reader_of: Any, bucket: str) -> None:
    reader = reader_of(DATA)
    assert isinstance(reader, S3Reader)
    assert isinstance(reader, io.BufferedIOBase)
    assert (reader.bucket, reader.key) == (bucket, "folder/object")
    assert reader.readable()
    assert reader.seekable()
    assert not reader.writable()
    with pytest.raises(io.UnsupportedOperation):
        reader.write(b"x")
    assert f"s3://{bucket}/folder/object" in repr(reader)
    assert reader.read() == DATA
    assert reader.read() == b""


def test_reads_in_every_way(reader_of: Any) -> None:
    reader = reader_of(DATA)
    memory = bytearray(10)
    assert reader.readinto(memory) == 10
    assert memory == DATA[:10]
    assert reader.read(5) == DATA[10:15]
    assert reader.tell() == 15
    assert reader.read(0) == b""
    assert reader.seek(-3, io.SEEK_END) == len(DATA) - 3
    assert reader.read(None) == DATA[-3:]
    assert reader.seek(-7, io.SEEK_CUR) == len(DATA) - 7
    assert reader.readline() == DATA[-7:]
    assert reader.seek(100) == 100
    assert reader.read(200_000) == DATA[100:200_100]


def test_seeks_stay_within_the_object(reader_of: Any) -> None:
    reader = reader_of(DATA)
    assert reader.seek(len(DATA) + 1) == len(DATA)
    assert reader.seek(5, io.SEEK_END) == len(DATA)
    assert reader.seek(1, io.SEEK_CUR) == len(DATA)
    assert reader.read() == b""
    with pytest.raises(ValueError, match="negative"):
        reader.seek(-1)
    assert reader.tell() == len(DATA)


def test_wrong_arguments(reader_of: Any) -> None:
    reader = reader_of(DATA)
    with pytest.raises(TypeError):
        reader.read("5")
    with pytest.raises(TypeError):
        reader.seek("5")
    with pytest.raises((TypeError, ValueError)):
        reader.readinto(b"read-only")


def test_an_empty_object(reader_of: Any) -> None:
    reader = reader_of(b"")
    assert reader.read(10) == b""
    assert reader.seek(0, io.SEEK_END) == 0
    assert reader.readinto(bytearray(3)) == 0


def test_readers_are_pickled_where_they_are(reader_of: Any) -> None:
    reader = reader_of(DATA)
    again = pickle.loads(pickle.dumps(reader))
    assert again.read(3) == DATA[:3]
    reader.seek(1000)
    again = pickle.loads(pickle.dumps(reader))
    assert type(again) is type(reader)
    assert again.tell() == 1000
    assert again.read() == DATA[1000:]
    assert again.key == "folder/object"


def test_used_after_close(reader_of: Any) -> None:
    with reader_of(DATA) as reader:
        reader.prefetch()
        assert reader.read(1) == DATA[:1]
    assert reader.closed
    with pytest.raises(ValueError, match="closed"):
        reader.read(1)


def test_a_missing_object_is_missing_when_it_is_read(client: s3native.Client, bucket: str) -> None:
    for kind in KINDS.values():
        reader = kind.open(client, f"s3://{bucket}/nothing", None)
        with pytest.raises(s3native.NotFoundError):
            reader.read()


def test_names_of_constructors() -> None:
    named = S3ReaderConstructor.get_reader_type_string
    assert [named(kind) for kind in KINDS.values()] == [
        *["sequential", "sequential", "range_based", "range_based", "range_based"],
        "dcp_optimized",
    ]
    assert named(None) == "sequential"
    assert named(lambda **_: None) == "unknown"
    assert S3ReaderConstructor.default() == S3ReaderConstructor.sequential()


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="buffer_size"):
        S3ReaderConstructor.range_based(-1)
    with pytest.raises(ValueError, match="max_gap_size"):
        S3ReaderConstructor.dcp_optimized(-1)


def test_a_constructor_of_ones_own(
    server: MinioServer, client: s3native.Client, bucket: str
) -> None:
    client.put(f"s3://{bucket}/a", DATA)

    def constructor(bucket: str, key: str, get_object_info: Any, get_stream: Any) -> Any:
        return bucket, key, get_object_info().size, b"".join(get_stream()), get_stream(5, 10)

    dataset = S3MapDataset.from_objects(
        f"s3://{bucket}/a",
        region=server.region,
        endpoint=server.endpoint,
        reader_constructor=constructor,
    )
    *made, part = dataset[0]
    assert made == [bucket, "a", len(DATA), DATA]
    assert b"".join(part) == DATA[5:10]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_constructor_that_delegates(
    server: MinioServer, client: s3native.Client, bucket: str, kind: Any
) -> None:
    client.put(f"s3://{bucket}/a b/+ü", DATA)
    client.put(f"s3://{bucket}/b", b"other")
    asked: list[str] = []

    def constructor(bucket: str, key: str, get_object_info: Any, get_stream: Any) -> Any:
        asked.append(key)
        return kind(bucket, key, get_object_info, get_stream)

    place = {"region": server.region, "endpoint": server.endpoint}
    for given in (constructor, partial(kind)):
        dataset = S3MapDataset.from_prefix(f"s3://{bucket}/a", **place, reader_constructor=given)
        assert dataset[0].key == "a b/+ü"
        assert dataset[0].read() == DATA
    assert asked == ["a b/+ü"] * 2

    def of_another(bucket: str, **given: Any) -> Any:
        return kind(bucket, **given | {"key": "b"})

    dataset = S3MapDataset.from_prefix(f"s3://{bucket}/a", **place, reader_constructor=of_another)
    assert dataset[0].read() == b"other"
    files = S3FileSystem(**place, reader_constructor=constructor)
    with files.create_stream(f"s3://{bucket}/b", "rb") as stream:
        assert stream.read() == b"other"
    with pytest.raises(TypeError, match="get_stream"):
        kind(bucket, "b", lambda: None, lambda start, end: iter(()))


class Asked:
    """Bytes of objects that were received, and requests for them, since it was made."""

    def __init__(self, client: s3native.Client) -> None:
        self._client = client
        self._before = client.stats()

    def __call__(self, name: str) -> int:
        return int(self._client.stats()[name] - self._before[name])


def test_range_based_asks_for_what_is_read(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/large"
    client.put(url, DATA * 8)  # 8 MiB
    info = client.head(url)

    def received(kind: Any, reads: list[tuple[int, int]]) -> int:
        asked = Asked(client)
        with kind.open(client, url, info) as reader:
            for start, size in reads:
                reader.seek(start)
                assert reader.read(size) == (DATA * 2)[start % len(DATA) :][:size]
        return asked("bytes_received")

    few, on_and_on = (
        [(3_000_000, 400_000), (5_000_000, 300_000)],
        [(start, 100_000) for start in range(0, 1_000_000, 100_000)],
    )
    exact, default = (S3ReaderConstructor.range_based(*size) for size in ([0], []))
    for kind in (exact, default):
        assert 700_000 <= received(kind, few) < 710_000
        assert 1_000_000 <= received(kind, on_and_on) < 1_020_000
    assert received(exact, [(1_000_000, 10)]) < 1000
    assert 16_384 <= received(default, [(1_000_000, 10), (1_000_010, 10)]) < 17_000


def test_settings_have_the_known_defaults() -> None:
    assert S3ClientConfig() == S3ClientConfig(10.0, 8 << 20, False, False, 10, None)

"""tf.data and the file operations of graphs on s3://, beside the same on local files."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import s3native
import tensorflow as tf

RECORDS = [f"record {i} ".encode() * (i % 50 + 1) for i in range(2_000)]


@pytest.fixture(params=["s3", "local"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the same is done, on s3:// and on local files."""
    if request.param == "local":
        return str(tmp_path)
    return str(request.getfixturevalue("root"))


def numbers(dataset: tf.data.Dataset) -> list[int]:
    return [int(each) for each in dataset]


def strings(dataset: tf.data.Dataset) -> list[bytes]:
    return [bytes(each.numpy()) for each in dataset]


@pytest.mark.parametrize("compression", ["", "GZIP", "ZLIB"])
def test_tfrecords(folder: str, compression: str) -> None:
    paths = [f"{folder}/{i}.tfrecord" for i in range(3)]
    for number, path in enumerate(paths):
        with tf.io.TFRecordWriter(path, compression) as writer:
            for record in RECORDS[number::3]:
                writer.write(record)
    plain = tf.data.TFRecordDataset(paths, compression_type=compression)
    assert strings(plain) == [each for i in range(3) for each in RECORDS[i::3]]
    parallel = tf.data.TFRecordDataset(paths, compression_type=compression, num_parallel_reads=3)
    assert sorted(strings(parallel)) == sorted(RECORDS)


def test_tfrecords_of_many_pieces(folder: str) -> None:
    """Also one that is larger than a piece; from the beginning, with some skipped, and gone on."""
    sizes = [900_000] * 8 + [9_000_000] + [0, 1, 5_000_000] + [900_000] * 4
    with tf.io.TFRecordWriter(f"{folder}/records") as writer:
        for number, size in enumerate(sizes):
            writer.write(bytes([number]) * size)
    dataset = tf.data.TFRecordDataset([f"{folder}/records"] * 2)
    expected = [(size, bytes([number]) * min(size, 1)) for number, size in enumerate(sizes)] * 2

    def seen(records: Iterable[tf.Tensor]) -> list[tuple[int, bytes]]:
        found = [record.numpy() for record in records]
        assert all(record == record[:1] * len(record) for record in found)
        return [(len(record), record[:1]) for record in found]

    assert seen(dataset) == expected
    assert seen(dataset.skip(3)) == expected[3:]
    iterator = iter(dataset)
    read = seen(itertools.islice(iterator, 10))
    saved = tf.train.Checkpoint(iterator=iterator).write(f"{folder}/state")
    other = iter(dataset)
    tf.train.Checkpoint(iterator=other).read(saved)
    assert read + seen(other) == expected


def test_lines_of_text(folder: str) -> None:
    with tf.io.gfile.GFile(f"{folder}/lines", "w") as file:
        for i in range(50_000):
            file.write(f"line {i}\n")
    assert strings(tf.data.TextLineDataset(f"{folder}/lines")) == [
        f"line {i}".encode() for i in range(50_000)
    ]


def test_records_of_one_length(folder: str) -> None:
    tf.io.write_file(f"{folder}/fixed", bytes(range(256)) * 100)
    found = strings(tf.data.FixedLengthRecordDataset(f"{folder}/fixed", 128, header_bytes=128))
    assert len(found) == 199
    assert found[0] == bytes(range(128, 256))


def test_csv(folder: str) -> None:
    tf.io.write_file(f"{folder}/a.csv", "x,y\n" + "".join(f"{i},{i / 2}\n" for i in range(1_000)))
    rows = list(
        tf.data.experimental.CsvDataset(f"{folder}/a.csv", [tf.int32, tf.float32], header=True)
    )
    assert [int(x) for x, _ in rows] == list(range(1_000))
    made = tf.data.experimental.make_csv_dataset(
        f"{folder}/*.csv", 100, num_epochs=1, shuffle=False
    )
    assert sum(len(batch["x"]) for batch in made) == 1_000


def test_operations_of_graphs(folder: str) -> None:
    @tf.function
    def copied(source: Any, destination: Any) -> Any:
        written = tf.io.write_file(destination, tf.strings.upper(tf.io.read_file(source)))
        with tf.control_dependencies([written]):
            return tf.io.read_file(destination)

    tf.io.write_file(f"{folder}/a.txt", "text")
    assert copied(f"{folder}/a.txt", f"{folder}/b.txt").numpy() == b"TEXT"
    found = tf.io.matching_files([f"{folder}/*.txt", f"{folder}/none*"]).numpy()
    assert [each.decode()[len(folder) :] for each in found] == ["/a.txt", "/b.txt"]
    with pytest.raises(tf.errors.NotFoundError):
        tf.io.read_file(f"{folder}/missing")


def test_images(folder: str) -> None:
    image = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    for i in range(5):
        tf.io.write_file(f"{folder}/{i}.png", tf.io.encode_png(image + i))
    files = tf.data.Dataset.list_files(f"{folder}/*.png", shuffle=False)
    images = files.map(lambda path: tf.io.decode_png(tf.io.read_file(path)), tf.data.AUTOTUNE)
    assert [bool(np.array_equal(each, image + i)) for i, each in enumerate(images)] == [True] * 5


def test_list_files(folder: str) -> None:
    for name in ("a/1.txt", "a/2.txt", "b/1.txt"):
        if not folder.startswith("s3://"):
            tf.io.gfile.makedirs(f"{folder}/{name[0]}")
        tf.io.write_file(f"{folder}/{name}", name)
    listed = tf.data.Dataset.list_files(f"{folder}/*/*.txt")
    assert sorted(each.decode()[len(folder) :] for each in strings(listed)) == [
        "/a/1.txt",
        "/a/2.txt",
        "/b/1.txt",
    ]
    with pytest.raises(tf.errors.InvalidArgumentError, match="No files matched"):
        list(tf.data.Dataset.list_files(f"{folder}/none*"))


@pytest.mark.parametrize("compression", [None, "GZIP"])
def test_saved_and_loaded(folder: str, compression: str | None) -> None:
    tf.data.Dataset.range(1_000).save(f"{folder}/saved", compression=compression)
    assert numbers(tf.data.Dataset.load(f"{folder}/saved", compression=compression)) == list(
        range(1_000)
    )


def test_saved_in_shards(folder: str) -> None:
    tf.data.Dataset.range(100).save(f"{folder}/saved", shard_func=lambda x: x % 3)
    assert sorted(numbers(tf.data.Dataset.load(f"{folder}/saved"))) == list(range(100))


def test_snapshots(folder: str) -> None:
    for _ in range(2):
        dataset = tf.data.Dataset.range(100).snapshot(f"{folder}/snapshot")
        assert numbers(dataset) == list(range(100))
    assert tf.io.gfile.glob(f"{folder}/snapshot/*/*")


def test_cached(folder: str) -> None:
    dataset = tf.data.Dataset.range(1_000).cache(f"{folder}/cache")
    assert numbers(dataset) == numbers(dataset) == list(range(1_000))
    assert tf.io.gfile.glob(f"{folder}/cache*.index")
    again = tf.data.Dataset.range(1_000).cache(f"{folder}/cache")
    assert numbers(again) == list(range(1_000))


def test_a_checkpointed_iterator(folder: str) -> None:
    iterator = iter(tf.data.Dataset.range(10))
    for _ in range(4):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(f"{folder}/iterator")
    restored = iter(tf.data.Dataset.range(10))
    tf.train.Checkpoint(iterator=restored).restore(path)
    assert [int(each) for each in restored] == [4, 5, 6, 7, 8, 9]


def test_a_region_of_memory(folder: str) -> None:
    values = np.arange(64, dtype=np.float32)
    tf.io.write_file(f"{folder}/region", values.tobytes())
    found = tf.raw_ops.ImmutableConst(
        dtype=tf.float32, shape=[64], memory_region_name=f"{folder}/region"
    )
    assert np.array_equal(found.numpy(), values)


def test_the_truncated_and_the_corrupt_are_told(folder: str, client: s3native.Client) -> None:
    with tf.io.TFRecordWriter(f"{folder}/whole") as writer:
        for record in RECORDS[:100]:
            writer.write(record)
    data = tf.io.read_file(f"{folder}/whole").numpy()
    tf.io.write_file(f"{folder}/cut", data[:-3])
    tf.io.write_file(f"{folder}/changed", data[:1_000] + b"?" + data[1_001:])
    for name in ("cut", "changed"):
        with pytest.raises(tf.errors.DataLossError):
            list(tf.data.TFRecordDataset(f"{folder}/{name}"))


@pytest.fixture
def requests(client: s3native.Client) -> Iterator[Callable[[], int]]:
    """How many requests were sent since this was called last."""
    last = [client.stats()["requests"]]

    def since() -> int:
        before, last[0] = last[0], client.stats()["requests"]
        return last[0] - before

    yield since


def test_tiny_reads_share_requests(root: str, requests: Callable[[], int]) -> None:
    tf.data.Dataset.range(1_000).save(f"{root}/saved")
    requests()
    assert numbers(tf.data.Dataset.load(f"{root}/saved")) == list(range(1_000))
    assert requests() < 30


def test_patterns_cost_no_request_for_each_key(root: str, requests: Callable[[], int]) -> None:
    for i in range(150):
        tf.io.write_file(f"{root}/{i % 3}/{i}.txt", "")
    requests()
    assert len(tf.io.gfile.glob(f"{root}/*/*.txt")) == 150
    assert len(tf.io.gfile.glob(f"{root}/1/*.txt")) == 50
    assert requests() == 2

"""Whole objects as the elements of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import s3native
import tensorflow as tf
from s3native.tensorflow import from_objects

COUNT = 200


@pytest.fixture
def prefix(root: str, client: s3native.Client) -> str:
    """A folder with objects."""
    for number in range(COUNT):
        client.put(f"{root}/{number:04}.raw", content(number))
    return f"{root}/"


def content(number: int) -> bytes:
    return bytes([number % 256]) * (1_000 + number)


def numbers(dataset: tf.data.Dataset) -> list[int]:
    """The objects' numbers, their bytes compared."""
    found = []
    for url, data in dataset.as_numpy_iterator():
        number = int(url.decode().rpartition("/")[2].removesuffix(".raw"))
        assert data == content(number)
        found.append(number)
    return found


def test_in_order(prefix: str, client: s3native.Client) -> None:
    dataset = from_objects(prefix, client=client)
    assert numbers(dataset) == numbers(dataset) == list(range(COUNT))
    urls = [f"{prefix}{number:04}.raw" for number in (5, 3, 3)]
    assert numbers(from_objects(urls)) == [5, 3, 3]


def test_the_client_of_the_environment_lists(prefix: str) -> None:
    assert sorted(numbers(from_objects(prefix, ordered=False))) == list(range(COUNT))


def test_one_request_for_each(prefix: str, client: s3native.Client) -> None:
    dataset = from_objects(prefix, client=client)
    before = client.stats()["requests"]
    assert len(numbers(dataset)) == COUNT
    assert client.stats()["requests"] - before == COUNT


def test_shuffled(prefix: str, client: s3native.Client) -> None:
    first = from_objects(prefix, shuffle=True, seed=1, client=client)
    again = from_objects(prefix, shuffle=True, seed=1, client=client)
    epochs = [numbers(first), numbers(first)]
    assert [numbers(again), numbers(again)] == epochs
    assert epochs[0] != epochs[1]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(COUNT))


def test_shards(prefix: str, client: s3native.Client) -> None:
    shards = [
        from_objects(prefix, shuffle=True, seed=1, shard=(index, 3), client=client)
        for index in range(3)
    ]
    for _ in range(2):
        epoch = [numbers(shard) for shard in shards]
        assert sorted(number for each in epoch for number in each) == list(range(COUNT))
        assert [len(each) for each in epoch] == [67, 67, 66]


def test_chosen_among_a_prefix(prefix: str, client: s3native.Client, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    for _ in range(2):
        some = from_objects(
            prefix, include="00[0-4]*", suffix="5.raw", manifest=manifest, client=client
        )
        assert numbers(some) == [5, 15, 25, 35, 45]
    assert manifest.exists()


def test_an_iterator_goes_on_where_it_was(prefix: str, client: s3native.Client) -> None:
    dataset = from_objects(prefix, shuffle=True, seed=1, client=client)
    whole = numbers(dataset)
    dataset = from_objects(prefix, shuffle=True, seed=1, client=client)
    iterator = iter(dataset)
    before = [int(next(iterator)[0].numpy()[-8:-4]) for _ in range(50)]
    path = tf.train.Checkpoint(iterator=iterator).save(f"{prefix}state/iterator")
    restored = iter(from_objects(prefix, include="*.raw", shuffle=True, seed=1, client=client))
    tf.train.Checkpoint(iterator=restored).restore(path)
    after = [int(url.numpy()[-8:-4]) for url, _ in restored]
    assert before + after == whole


def test_what_cannot_be_read(prefix: str, client: s3native.Client) -> None:
    urls = [f"{prefix}0001.raw", f"{prefix}missing", f"{prefix}0002.raw"]
    with pytest.raises(tf.errors.NotFoundError, match="missing"):
        list(from_objects(urls))
    before = client.stats()["failures"]
    assert numbers(from_objects(urls, on_error="skip")) == [1, 2]
    assert client.stats()["failures"] - before == 1


def test_arrays_and_images(root: str, client: s3native.Client) -> None:
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    client.put(f"{root}/a.png", bytes(tf.io.encode_png(image).numpy()))
    images = from_objects(f"{root}/", client=client).map(
        lambda url, data: tf.io.decode_image(data, expand_animations=False)
    )
    assert np.array_equal(next(iter(images)).numpy(), image)


@pytest.mark.parametrize(
    "options",
    [
        {"shard": (2, 2)},
        {"concurrency": 0},
        {"on_error": "ignore"},
        {"shuffle": True, "shard": (0, 2)},
        {"include": "*.none"},
        {"unknown": 1},
    ],
)
def test_bad_arguments(prefix: str, client: s3native.Client, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        from_objects(prefix, client=client, **options)


def test_no_urls_and_bad_ones(client: s3native.Client) -> None:
    with pytest.raises(ValueError, match="no object"):
        from_objects([], client=client)
    with pytest.raises(ValueError, match="s3://"):
        from_objects(["http://host/key"], client=client)
    with pytest.raises(ValueError, match="include"):
        from_objects(["s3://bucket/key"], include="*", client=client)

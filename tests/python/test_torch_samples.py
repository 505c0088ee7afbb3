"""Samples of datasets: whose errors they are, in DataLoaders too, and what they are made of."""

from __future__ import annotations

import gc
import inspect
import io
import operator
from collections.abc import Iterator
from typing import Any

import pytest
import s3native
from frameworks import needs
from PIL import Image
from scripted import Answer, Request, ScriptedServer, s3_error

needs("torch")

from s3native.torch import (
    S3ClientConfig,
    S3Exception,
    S3IterableDataset,
    S3MapDataset,
    S3Reader,
    S3ReaderConstructor,
)
from torch.utils.data import DataLoader

DATASETS = [S3MapDataset, S3IterableDataset]
URLS = [f"s3://bucket/{number}" for number in range(6)]
READ = operator.methodcaller("read")
REFUSALS = {"1": (403, "AccessDenied"), "2": (404, "NoSuchKey"), "4": (503, "SlowDown")}
KINDS = [s3native.AccessDeniedError, s3native.NotFoundError, s3native.ThrottledError]
FINE = [b"0", b"3", b"5"]
LISTING = {"include", "exclude", "suffix", "manifest"}
LARGE = b"1234" * 250_000


def picture() -> bytes:
    """A PNG file."""
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (250, 120, 10)).save(file, "png")
    return file.getvalue()


CONTENT = {"image": picture(), "large": LARGE}


def answer(request: Request) -> Answer:
    """Objects whose content is their key, but for a few; some are refused."""
    key = request.path.rpartition("/")[2]
    if key in REFUSALS:
        return s3_error(*REFUSALS[key])
    data = CONTENT.get(key, key.encode())
    if "range" not in request.headers:
        return Answer(200, data, {"ETag": '"x"'})
    start, end = map(int, request.headers["range"].removeprefix("bytes=").split("-"))
    part = data[start : end + 1]
    place = f"bytes {start}-{start + len(part) - 1}/{len(data)}"
    return Answer(206, part, {"ETag": '"x"', "Content-Range": place})


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with ScriptedServer(answer) as server:
        yield server


@pytest.fixture
def where(scripted: ScriptedServer) -> dict[str, Any]:
    """The scripted server, as arguments of datasets."""
    config = S3ClientConfig(max_attempts=1, force_path_style=True)
    return {"region": "us-east-1", "endpoint": scripted.endpoint, "s3client_config": config}


def read_or_tell(reader: S3Reader) -> bytes | type:
    """What a program that catches errors has in its transform."""
    try:
        return reader.read()
    except S3Exception as error:
        return type(error)


# ---- errors ----


@pytest.mark.parametrize("kind", DATASETS)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_a_transform_catches_what_reading_raises(where: Any, kind: Any, on_error: Any) -> None:
    dataset = kind.from_objects(URLS, transform=read_or_tell, on_error=on_error, **where)
    denied, missing, slow = KINDS
    expected = [b"0", denied, missing, b"3", slow, b"5"]
    assert list(dataset) == expected
    if kind is S3MapDataset:
        assert dataset.__getitems__(range(6)) == expected


@pytest.mark.parametrize("kind", DATASETS)
def test_readers_fail_where_they_are_read(where: Any, kind: Any) -> None:
    readers = list(kind.from_objects(URLS, **where))
    assert [reader.key for reader in readers] == list("012345")
    for place, expected in zip((1, 2, 4), KINDS, strict=True):
        with pytest.raises(expected):
            readers[place].read()


@pytest.mark.parametrize("kind", DATASETS)
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("output", ["bytes", "reader"])
def test_loaders_of_samples_that_are_skipped(
    where: Any, kind: Any, workers: int, output: str
) -> None:
    options = {**where, "output": output, "on_error": "skip"}
    if kind is S3IterableDataset:
        options["enable_sharding"] = True
    if output == "reader":
        options["transform"] = READ
    dataset = kind.from_objects(URLS, **options)
    loaded = [s for batch in DataLoader(dataset, batch_size=3, num_workers=workers) for s in batch]
    assert sorted(loaded) == FINE


@pytest.mark.parametrize("workers", [0, 1])
def test_a_batch_of_which_nothing_is_left(where: Any, workers: int) -> None:
    options = {**where, "output": "bytes", "on_error": "skip"}
    batches = DataLoader(
        S3MapDataset.from_objects(URLS, **options),
        batch_sampler=[[0, 1], [1, 4]],
        num_workers=workers,
    )
    loaded = iter(batches)
    assert next(loaded) == [b"0"]
    with pytest.raises(s3native.ThrottledError, match="s3://bucket/4"):
        next(loaded)
    assert list(loaded) == []
    assert S3MapDataset.from_objects(URLS, **options).__getitems__([]) == []


@pytest.mark.parametrize("attempts", [1, 3])
def test_as_many_attempts_as_are_wanted(
    where: Any, scripted: ScriptedServer, attempts: int
) -> None:
    config = S3ClientConfig(max_attempts=attempts, force_path_style=True)
    dataset = S3MapDataset.from_objects(
        URLS[4], output="bytes", **where | {"s3client_config": config}
    )
    with pytest.raises(s3native.ThrottledError):
        dataset[0]
    assert len(scripted.requests) == attempts


# ---- what they are made of ----


class Labelled(S3MapDataset):
    """As programs extend datasets."""

    def __getitem__(self, index: int) -> tuple[int, bytes]:
        return index, super().__getitem__(index).read()


def test_batches_of_a_subclass_are_its_own(where: Any) -> None:
    dataset = Labelled.from_objects([URLS[0], URLS[3], URLS[5]], **where)
    (batch,) = DataLoader(dataset, batch_size=3, collate_fn=list)
    assert batch == [(0, b"0"), (1, b"3"), (2, b"5")]


@pytest.mark.parametrize("kind", DATASETS)
@pytest.mark.parametrize(
    ("output", "is_pool"), [("tensor", True), ("buffer", True), ("bytes", False)]
)
def test_whose_memory_samples_are(where: Any, kind: Any, output: Any, is_pool: bool) -> None:
    def in_use() -> int:
        gc.collect()
        return int(s3native._core.stats()["pool_in_use"])

    before = in_use()
    (sample,) = kind.from_objects("s3://bucket/large", output=output, **where)
    assert bytes(sample.numpy() if output == "tensor" else sample) == LARGE
    assert (in_use() - before >= len(LARGE)) == is_pool
    del sample
    assert in_use() == before


def shape_and_corner(reader: S3Reader) -> tuple[Any, ...]:
    """As a transform decodes images."""
    with Image.open(reader) as image:
        pixels = image.convert("RGB")
    return pixels.size, pixels.getpixel((0, 0))


@pytest.mark.parametrize("constructor", ["sequential", "range_based"])
def test_images_are_decoded(where: Any, constructor: str) -> None:
    how = getattr(S3ReaderConstructor, constructor)()
    for kind in DATASETS:
        dataset = kind.from_objects(
            "s3://bucket/image", transform=shape_and_corner, reader_constructor=how, **where
        )
        assert list(dataset) == [((40, 30), (250, 120, 10))]


@pytest.mark.parametrize("kind", DATASETS)
def test_options_are_named(kind: Any) -> None:
    made = inspect.signature(kind).parameters
    for maker, more in ((kind.from_objects, set()), (kind.from_prefix, LISTING)):
        named = inspect.signature(maker).parameters
        assert next(iter(named)) in ("s3_uri", "object_uris")
        assert {*named} - {"s3_uri", "object_uris"} == {*made} - {"get_dataset_objects"} | more
        same = [name for name in named if name in made and name != "region"]
        assert [named[name].default for name in same] == [made[name].default for name in same]
    assert inspect.signature(kind.from_prefix).parameters["include"].default == ()

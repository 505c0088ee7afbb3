"""`S3MapDataset` and `S3IterableDataset`, alone and in DataLoaders, against a real server."""

from __future__ import annotations

import json
import operator
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import s3native
from frameworks import needs
from s3native.testing import MinioServer

needs("torch")

import torch
from s3native.torch import S3IterableDataset, S3MapDataset, S3Reader, S3ReaderConstructor
from torch.utils.data import DataLoader

SIZES = [0, 1, 10, 1000, 110_000, 300_000, 9 << 20, 7, 8, 12]
"""Of the objects "data/00" and so on: one is not fetched ahead."""
DATASETS = [S3MapDataset, S3IterableDataset]


def content(number: int) -> bytes:
    return bytes([number]) * SIZES[number]


@pytest.fixture
def place(
    server: MinioServer,
    client: s3native.Client,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, Any]:
    """Where the objects are, as arguments of datasets."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    for number in range(len(SIZES)):
        client.put(f"s3://{bucket}/data/{number:02}", content(number))
    return {"region": server.region, "endpoint": server.endpoint}


@pytest.fixture(params=["from_prefix", "from_objects"])
def make(request: pytest.FixtureRequest, place: dict[str, Any], bucket: str) -> Callable[..., Any]:
    """Makes a dataset of a class, in either way."""
    where: Any = f"s3://{bucket}/data/"
    if request.param == "from_objects":
        where = [f"s3://{bucket}/data/{number:02}" for number in range(len(SIZES))]
    return lambda kind, **options: getattr(kind, request.param)(where, **place, **options)


def keys_of(dataset: Any) -> list[str]:
    return [reader.key.rpartition("/")[2] for reader in dataset]


@pytest.mark.parametrize("kind", DATASETS)
@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ({"include": "0[0-2]"}, [0, 1, 2]),
        ({"include": ["01", "?2"], "exclude": "0*"}, []),
        ({"exclude": ["*[1-8]"]}, [0, 9]),
        ({"suffix": "3"}, [3]),
        ({"suffix": ("3", "5"), "exclude": "05"}, [3]),
        ({"include": "data/*"}, []),
    ],
)
def test_some_of_a_prefix(
    place: dict[str, Any], bucket: str, kind: Any, options: dict[str, Any], numbers: list[int]
) -> None:
    chosen = kind.from_prefix(f"s3://{bucket}/data/", **place, **options)
    assert keys_of(chosen) == [f"{number:02}" for number in numbers]
    beside = kind.from_prefix(f"s3://{bucket}/data/0", **place, **options)  # of the same folder
    assert keys_of(beside) == [f"{number:02}" for number in numbers]


@pytest.mark.parametrize("kind", DATASETS)
@pytest.mark.parametrize("there", ["file", "object"])
def test_a_listing_is_kept(
    client: s3native.Client,
    place: dict[str, Any],
    bucket: str,
    kind: Any,
    there: str,
    tmp_path: Any,
) -> None:
    manifest = tmp_path / "list.json" if there == "file" else f"s3://{bucket}/list.json"
    prefix = f"s3://{bucket}/data/"

    def make(**options: Any) -> Any:
        return kind.from_prefix(prefix, manifest=manifest, **place, **options)

    expected = [(f"data/{number:02}", content(number)) for number in range(len(SIZES))]
    assert list(make(transform=key_and_bytes)) == expected
    client.put(f"s3://{bucket}/data/later", b"later")
    kept = make(transform=key_and_bytes)
    assert list(kept) == expected
    assert list(pickle.loads(pickle.dumps(kept))) == expected
    assert keys_of(make(suffix="3")) == ["03"]
    loader = DataLoader(make(transform=key_and_bytes), batch_size=None, num_workers=2)
    assert sorted({tuple(sample) for sample in loader}) == expected
    if there == "file":
        assert [path.name for path in tmp_path.iterdir()] == ["list.json"]
        manifest.unlink()
    else:
        client.delete(manifest)
    assert keys_of(make())[-1] == "later"


def test_manifests_that_are_none(place: dict[str, Any], bucket: str, tmp_path: Any) -> None:
    manifest = tmp_path / "list.json"
    prefix = f"s3://{bucket}/data/"
    list(S3MapDataset.from_prefix(prefix, manifest=manifest, **place))
    with pytest.raises(ValueError, match="manifest of"):
        len(S3MapDataset.from_prefix(prefix + "0", manifest=manifest, **place))
    good = json.loads(manifest.read_text())
    for text in (
        "{",
        "[]",
        "{}",
        json.dumps(good | {"sizes": []}),
        json.dumps(good | {"s3native_manifest": 2}),
    ):
        manifest.write_text(text)
        with pytest.raises(ValueError, match="is no manifest"):
            len(S3MapDataset.from_prefix(prefix, manifest=manifest, **place))
    with pytest.raises(FileNotFoundError):
        len(S3MapDataset.from_prefix(prefix, manifest=tmp_path / "no" / "list.json", **place))


def key_and_bytes(reader: S3Reader) -> tuple[str, bytes]:
    return reader.key, reader.read()


def length(data: Any) -> int:
    return len(data)


def only_small(reader: S3Reader) -> int:
    data = reader.read()
    if len(data) > 200_000:
        raise KeyError(reader.key)
    return len(data)


# ---- samples ----


@pytest.mark.parametrize("kind", DATASETS)
def test_samples_are_readers_in_order(make: Any, kind: Any, bucket: str) -> None:
    dataset = make(kind)
    samples = list(dataset)
    assert [sample.key for sample in samples] == [f"data/{n:02}" for n in range(len(SIZES))]
    assert all(isinstance(sample, S3Reader) and sample.bucket == bucket for sample in samples)
    assert [sample.read() for sample in samples] == [content(n) for n in range(len(SIZES))]
    assert list(make(kind, transform=key_and_bytes)) == [
        (f"data/{n:02}", content(n)) for n in range(len(SIZES))
    ]


@pytest.mark.parametrize("kind", DATASETS)
@pytest.mark.parametrize("constructor", ["range_based", "dcp_optimized"])
def test_samples_of_other_readers(make: Any, kind: Any, constructor: str) -> None:
    how = getattr(S3ReaderConstructor, constructor)()
    samples = list(make(kind, reader_constructor=how))
    assert [sample.read() for sample in samples] == [content(n) for n in range(len(SIZES))]


@pytest.mark.parametrize("kind", DATASETS)
@pytest.mark.parametrize(
    ("output", "made"), [("bytes", bytes), ("buffer", s3native.Buffer), ("tensor", torch.Tensor)]
)
def test_samples_of_other_kinds(make: Any, kind: Any, output: str, made: type) -> None:
    samples = list(make(kind, output=output))
    assert all(isinstance(sample, made) for sample in samples)
    if output == "tensor":
        assert {sample.dtype for sample in samples} == {torch.uint8}
        samples = [sample.numpy().tobytes() for sample in samples]
    assert [bytes(sample) for sample in samples] == [content(n) for n in range(len(SIZES))]


def test_a_map_has_a_length_and_any_order(make: Any) -> None:
    dataset = make(S3MapDataset, output="bytes")
    assert len(dataset) == len(SIZES)
    assert dataset[7] == content(7)
    assert dataset[-1] == content(len(SIZES) - 1)
    wanted = [4, 0, 6, 4, 2]
    assert dataset.__getitems__(wanted) == [content(n) for n in wanted]
    with pytest.raises(IndexError):
        dataset[len(SIZES)]


def test_a_map_lists_once_and_an_iterable_each_time(
    place: dict[str, Any], client: s3native.Client, bucket: str
) -> None:
    mapped = S3MapDataset.from_prefix(f"s3://{bucket}/data/", **place)
    iterable = S3IterableDataset.from_prefix(f"s3://{bucket}/data/", **place)
    assert len(mapped) == len(list(iterable)) == len(SIZES)
    client.put(f"s3://{bucket}/data/99", b"new")
    assert len(mapped) == len(SIZES)
    assert len(list(iterable)) == len(SIZES) + 1


@pytest.mark.parametrize("kind", DATASETS)
def test_nothing_is_asked_for_before_it_is_needed(kind: Any, place: dict[str, Any]) -> None:
    dataset = kind.from_prefix("s3://there-is-no-such-bucket/", **place)
    assert dataset.region == place["region"]
    assert dataset.endpoint == place["endpoint"]
    with pytest.raises(s3native.NotFoundError):
        list(dataset)
    with pytest.raises(ValueError, match="s3://"):
        list(kind.from_objects("/local/file", **place))


@pytest.mark.parametrize("kind", DATASETS)
def test_datasets_are_pickled(make: Any, kind: Any) -> None:
    dataset = make(kind, output="bytes")
    assert list(pickle.loads(pickle.dumps(dataset))) == list(dataset)
    assert list(pickle.loads(pickle.dumps(dataset))) == list(dataset)  # used ones, too


@pytest.mark.parametrize("wrong", [{"output": "file"}, {"concurrency": 0}, {"on_error": "ignore"}])
def test_wrong_options(wrong: dict[str, Any], place: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        S3MapDataset.from_prefix("s3://bucket/", **place, **wrong)


# ---- errors ----


@pytest.mark.parametrize("kind", DATASETS)
@pytest.mark.parametrize("output", ["reader", "bytes"])
def test_a_missing_object(kind: Any, output: Any, place: dict[str, Any], bucket: str) -> None:
    urls = [f"s3://{bucket}/data/{name}" for name in ("08", "missing", "09")]
    options = {**place, "output": output}
    if output == "reader":
        options["transform"] = operator.methodcaller("read")
    with pytest.raises(s3native.NotFoundError, match="missing"):
        list(kind.from_objects(urls, **options))
    skipping = kind.from_objects(urls, **options, on_error="skip")
    here = skipping.__getitems__([0, 1, 2]) if kind is S3MapDataset else list(skipping)
    assert here == [content(8), content(9)]
    told = []

    def instead(error: Exception, url: str) -> bytes:
        told.append((type(error), url))
        return b"instead"

    replaced = kind.from_objects(urls, **options, on_error=instead)
    assert list(replaced) == [content(8), b"instead", content(9)]
    assert told == [(s3native.NotFoundError, urls[1])]


def test_what_a_transform_raises_is_an_error_too(make: Any) -> None:
    with pytest.raises(KeyError, match="data/05"):
        list(make(S3IterableDataset, transform=only_small))
    skipping = make(S3IterableDataset, transform=only_small, on_error="skip")
    assert list(skipping) == [size for size in SIZES if size <= 200_000]
    single = make(S3MapDataset, transform=only_small, on_error="skip")
    with pytest.raises(KeyError, match="data/05"):
        single[5]


# ---- in DataLoaders ----


@pytest.mark.parametrize("start", ["none", "fork", "spawn", "forkserver"])
@pytest.mark.parametrize("kind", DATASETS)
def test_workers_of_every_kind(kind: Any, start: str, place: dict[str, Any], bucket: str) -> None:
    options = {"enable_sharding": True} if kind is S3IterableDataset else {}
    dataset = kind.from_prefix(
        f"s3://{bucket}/data/", **place, output="tensor", transform=length, **options
    )
    if kind is S3MapDataset:
        len(dataset)  # a client is in use when the workers start
    loader: Any = DataLoader(
        dataset,
        batch_size=3,
        num_workers=0 if start == "none" else 2,
        multiprocessing_context=None if start == "none" else start,
        persistent_workers=start != "none",
        pin_memory=torch.cuda.is_available(),
    )
    for _ in range(2):
        sizes = [int(size) for batch in loader for size in batch]
        if kind is S3MapDataset:
            assert sizes == SIZES
        else:
            assert sorted(sizes) == sorted(SIZES)


def test_workers_have_every_object_unless_they_share(place: dict[str, Any], bucket: str) -> None:
    def of(**options: Any) -> list[Any]:
        dataset = S3IterableDataset.from_prefix(
            f"s3://{bucket}/data/", **place, output="bytes", transform=length, **options
        )
        return list(DataLoader(dataset, batch_size=None, num_workers=2))

    assert sorted(of()) == sorted(SIZES * 2)
    assert sorted(of(enable_sharding=True)) == sorted(SIZES)


RANK = """
import sys, torch.distributed as dist
from s3native.torch import S3IterableDataset
from torch.utils.data import DataLoader
_, store, rank, url, region, endpoint = sys.argv
dist.init_process_group("gloo", f"file://{store}", rank=int(rank), world_size=3)
dataset = S3IterableDataset.from_prefix(
    url, region=region, endpoint=endpoint, transform=lambda reader: reader.key, enable_sharding=True
)
dist.destroy_process_group()
for loader in (dataset, DataLoader(dataset, batch_size=None, num_workers=2)):
    print(*sorted(key[-2:] for key in loader))
"""


def test_ranks_and_their_workers_share(place: dict[str, Any], bucket: str, tmp_path: Any) -> None:
    ranks = [
        subprocess.Popen(
            [
                *[sys.executable, "-c", RANK, str(tmp_path / "store"), str(rank)],
                *[f"s3://{bucket}/data/", place["region"], place["endpoint"]],
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(3)
    ]
    for rank, process in enumerate(ranks):
        told = process.communicate(timeout=100)[0].splitlines()
        assert told == [" ".join(f"{n:02}" for n in range(rank, len(SIZES), 3))] * 2


LEAVES = """
import sys
from s3native.torch import S3IterableDataset
from torch.utils.data import DataLoader
_, url, region, endpoint, start = sys.argv
if __name__ == "__main__":
    dataset = S3IterableDataset.from_prefix(url, region=region, endpoint=endpoint, output="tensor")
    loader = DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context=start)
    here = iter(loader)
    next(here), next(here)  # of both: PyTorch is not quiet about workers that still start
    print(len(next(here)))
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_leaving_with_workers_at_work_is_quiet(
    start: str, place: dict[str, Any], bucket: str, tmp_path: Any
) -> None:
    script = tmp_path / "leaves.py"
    script.write_text(LEAVES)
    done = subprocess.run(
        [
            *[sys.executable, str(script), f"s3://{bucket}/data/"],
            *[place["region"], place["endpoint"], start],
        ],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")

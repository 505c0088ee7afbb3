"""Distributed checkpoints: of one process here, of several by gloo in programs of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import s3native
from frameworks import needs
from s3native.testing import MinioServer
from tensors import assert_same

needs("torch")

import torch
import torch.distributed.checkpoint as dcp
from s3native.torch import S3ClientConfig, S3ReaderConstructor
from s3native.torch.dcp import (
    BinaryPrefixStrategy,
    DefaultPrefixStrategy,
    HexPrefixStrategy,
    RoundRobinPrefixStrategy,
    S3FileSystem,
    S3StorageReader,
    S3StorageWriter,
)
from s3native.torch.dcp import load as loading
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner
from torch.distributed.checkpoint.planner import LoadItemType, LoadPlan

pytestmark = [
    pytest.mark.filterwarnings("ignore:torch.distributed is disabled"),
    pytest.mark.filterwarnings("ignore:Detected an existing checkpoint"),
    pytest.mark.usefixtures("environment"),
]

CONFIG = S3ClientConfig(part_size=5 << 20, max_attempts=2)


def state(value: float = 1.0) -> dict[str, Any]:
    """Tensors of every way to come back: small and large, contiguous and not, and other things."""
    value = float(value)
    large = torch.arange(2_000_000, dtype=torch.float32).reshape(2000, 1000) * value
    return {
        "model": {
            "large": large,
            "transposed": (torch.arange(600_000.0).reshape(600, 1000) * value).T,
            "bfloat16": torch.full((300_000,), value, dtype=torch.bfloat16),
            "float8": torch.full((400_000,), value).to(torch.float8_e4m3fn),
            "complex": torch.full((50_000,), value + 1j),
            "parameter": torch.nn.Parameter(torch.full((100_000,), value)),
            "bias": torch.full((7,), value),
            "scalar": torch.tensor(value),
            "bool": torch.arange(9) % 2 == 0,
            "empty": torch.empty(0, 3),
        },
        "step": int(value),
        "notes": ["text", {"nested": (1, 2)}],
    }


def blank() -> dict[str, Any]:
    """The same, of other values."""
    return state(0.0) | {"notes": ["other", {"nested": (3, 4)}]}


def save(url: str, value: float = 1.0, **options: Any) -> None:
    dcp.save(state(value), storage_writer=S3StorageWriter(None, url, CONFIG, **options))


def load(url: str, **options: Any) -> dict[str, Any]:
    into = blank()
    dcp.load(into, storage_reader=S3StorageReader(None, url, CONFIG, **options))
    return into


def keys(bucket: str) -> list[str]:
    return [info.key for page in s3native.list(f"s3://{bucket}/") for info in page.objects]


# ---- one process ----


@pytest.mark.parametrize(
    "options", [{}, {"thread_count": 3}, {"single_file_per_rank": False}], ids=str
)
def test_a_state_comes_back(bucket: str, options: dict[str, Any]) -> None:
    save(f"s3://{bucket}/c", **options)
    assert_same(load(f"s3://{bucket}/c"), state())
    assert sorted(keys(bucket))[0] == "c/.metadata"


@pytest.mark.parametrize(
    "constructor",
    [
        S3ReaderConstructor.sequential(),
        S3ReaderConstructor.range_based(),
        S3ReaderConstructor.dcp_optimized(0),
        lambda bucket, key, **_: s3native.open(f"s3://{bucket}/{key}"),
    ],
)
def test_every_reader(bucket: str, constructor: Any) -> None:
    save(f"s3://{bucket}/c")
    assert_same(load(f"s3://{bucket}/c", reader_constructor=constructor), state())


def test_torch_reads_what_is_saved_and_the_other_way(bucket: str, tmp_path: Path) -> None:
    save(f"s3://{bucket}/c")
    for page in s3native.list(f"s3://{bucket}/c/"):
        for info in page.objects:
            (tmp_path / Path(info.key).name).write_bytes(s3native.get(info.url))
    into = blank()
    dcp.load(into, storage_reader=dcp.FileSystemReader(tmp_path))
    assert_same(into, state())

    dcp.save(state(2), storage_writer=dcp.FileSystemWriter(tmp_path / "theirs"))
    for path in (tmp_path / "theirs").iterdir():
        s3native.put(f"s3://{bucket}/theirs/{path.name}", path.read_bytes())
    assert_same(load(f"s3://{bucket}/theirs"), state(2))


def test_tensors_are_received_where_they_are(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    save(f"s3://{bucket}/c")
    copied = []
    copy = loading.Load._copy
    monkeypatch.setattr(
        loading.Load, "_copy", lambda *a: (copied.append(a[1].storage_index.fqn), copy(*a))
    )
    assert_same(load(f"s3://{bucket}/c"), state())
    # The others are large and contiguous.
    small = ["model.bias", "model.bool", "model.scalar"]
    assert sorted(copied) == [*small, "model.transposed"]


def test_tensors_of_other_dtypes_and_layouts_are_converted(bucket: str) -> None:
    save(f"s3://{bucket}/c")
    into = {"model": {"large": torch.zeros(1000, 2000, dtype=torch.float64).T}}
    dcp.load(into, storage_reader=S3StorageReader(None, f"s3://{bucket}/c"))
    assert torch.equal(into["model"]["large"], state()["model"]["large"].double())


def test_a_part_of_the_state(bucket: str) -> None:
    save(f"s3://{bucket}/c")
    before = s3native.stats()["bytes_received"]
    into = {"model": {"parameter": torch.zeros(100_000)}}
    dcp.load(into, storage_reader=S3StorageReader(None, f"s3://{bucket}/c"))
    assert torch.equal(into["model"]["parameter"], torch.ones(100_000))
    assert s3native.stats()["bytes_received"] - before < 600_000


class Repeating(DefaultLoadPlanner):
    """Wants tensors several times, and their rows in parts that overlap, in no order."""

    def create_local_plan(self) -> LoadPlan:
        items = super().create_local_plan().items
        parts = []
        for item in items:
            if item.type != LoadItemType.TENSOR or not item.lengths or item.lengths[0] < 5:
                continue
            rows, *rest = item.lengths
            for first, last in ((rows // 2, rows), (0, rows * 2 // 3), (rows // 3, rows // 3 + 1)):
                from_ = torch.Size([first, *item.storage_offsets[1:]])
                size = torch.Size([last - first, *rest])
                parts.append(replace(item, storage_offsets=from_, dest_offsets=from_, lengths=size))
        return LoadPlan([*parts[::-1], *items, *items[::2]])


@pytest.mark.parametrize("how", ["dcp_optimized", "sequential"])
def test_a_plan_may_repeat_itself(bucket: str, how: str) -> None:
    save(f"s3://{bucket}/c")
    into = blank()
    reader = S3StorageReader(None, f"s3://{bucket}/c", CONFIG, getattr(S3ReaderConstructor, how)())
    dcp.load(into, storage_reader=reader, planner=Repeating())
    assert_same(into, state())


@pytest.mark.parametrize(
    ("strategy", "first"),
    [
        (DefaultPrefixStrategy(), "c/__0_0.distcp"),
        (BinaryPrefixStrategy(prefix_count=4), "c/0000000000/__0_0.distcp"),
        (HexPrefixStrategy(epoch_num=3, min_prefix_length=4), "c/0000/epoch_3/__0_0.distcp"),
        (RoundRobinPrefixStrategy(["x", "y"], epoch_num=1), "c/x/epoch_1/__0_0.distcp"),
    ],
    ids=["default", "binary", "hex", "round robin"],
)
def test_names_of_files(bucket: str, strategy: Any, first: str) -> None:
    save(f"s3://{bucket}/c", prefix_strategy=strategy)
    assert keys(bucket) == ["c/.metadata", first]
    assert_same(load(f"s3://{bucket}/c"), state())


def test_prefixes_of_ranks() -> None:
    binary = BinaryPrefixStrategy(prefix_count=5, min_prefix_length=1)
    assert [binary(rank) for rank in range(6)] == [
        "000/__0_",
        "100/__1_",
        "010/__2_",
        "110/__3_",
        "001/__4_",
        "000/__5_",
    ]
    hexadecimal = HexPrefixStrategy(epoch_num=7, prefix_count=20, min_prefix_length=1)
    assert hexadecimal(17) == "11/epoch_7/__17_"
    assert hexadecimal(2) == "20/epoch_7/__2_"
    assert RoundRobinPrefixStrategy(["a", "b"])(3) == "b/__3_"
    for wrong in ({"min_prefix_length": 0}, {"epoch_num": "x"}, {"prefix_count": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            BinaryPrefixStrategy(**wrong)
    with pytest.raises(ValueError, match="empty"):
        RoundRobinPrefixStrategy([])


def test_saving_again_replaces_all_of_it(bucket: str) -> None:
    save(f"s3://{bucket}/c", thread_count=3)
    s3native.put(f"s3://{bucket}/c/notes.txt", b"not ours")
    save(f"s3://{bucket}/c", 2)
    assert len(keys(bucket)) == 3  # metadata, one file, the notes
    assert_same(load(f"s3://{bucket}/c"), state(2))


def test_saving_over_what_is_no_checkpoint(bucket: str) -> None:
    s3native.put(f"s3://{bucket}/c/.metadata", b"cos\nsystem\n(S'exit 1'\ntR.")
    save(f"s3://{bucket}/c")
    assert_same(load(f"s3://{bucket}/c"), state())


@pytest.mark.parametrize("threads", [1, 3])
def test_a_failed_save_leaves_what_was_there(
    bucket: str, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    save(f"s3://{bucket}/c")
    writes: list[int] = []

    def fail_sometimes(*arguments: Any, **options: Any) -> None:
        writes.append(1)
        if len(writes) == 3:
            raise OSError("half")
        original(*arguments, **options)

    original = torch.save
    monkeypatch.setattr(torch, "save", fail_sometimes)
    monkeypatch.setattr("threading.excepthook", lambda _: None)  # it is raised where it matters
    with pytest.raises(CheckpointException, match="half"):
        save(f"s3://{bucket}/c", 2, thread_count=threads)
    assert_same(load(f"s3://{bucket}/c"), state())


def test_nothing_appears_after_a_failed_save(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other threads are in the middle of files when one fails; torch does not wait for them."""
    ended, all_write = threading.Event(), threading.Barrier(3)

    def fail_in_one(*arguments: Any, **options: Any) -> None:
        if not ended.is_set():
            all_write.wait(30)
            if threading.current_thread() is threading.main_thread():
                raise OSError("half")
            ended.wait(30)
        original(*arguments, **options)

    original = torch.save
    monkeypatch.setattr(torch, "save", fail_in_one)
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    before = set(threading.enumerate())
    with pytest.raises(CheckpointException, match="half"):
        save(f"s3://{bucket}/c", thread_count=3)
    ended.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
    assert keys(bucket) == []


def test_what_is_not_there(bucket: str) -> None:
    with pytest.raises(CheckpointException, match="NoSuchKey"):
        load(f"s3://{bucket}/missing")
    save(f"s3://{bucket}/c")
    s3native.delete(f"s3://{bucket}/c/__0_0.distcp")
    with pytest.raises(CheckpointException, match="NotFoundError"):
        load(f"s3://{bucket}/c")


def test_a_file_that_is_overwritten_while_it_is_loaded(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(f"s3://{bucket}/c")
    requests = loading.Load._requests

    def then_overwritten(self: Any, parts: Any) -> Any:
        name = f"s3://{bucket}/c/__0_0.distcp"
        s3native.put(name, bytes(s3native.head(name).size))
        return requests(self, parts)

    monkeypatch.setattr(loading.Load, "_requests", then_overwritten)
    with pytest.raises(CheckpointException, match="overwritten"):
        load(f"s3://{bucket}/c")


def test_the_checkpoint_id_of_each_save(bucket: str) -> None:
    writer, reader = S3StorageWriter(None, ""), S3StorageReader(None, "")
    for step in (1, 2):
        dcp.save(state(step), storage_writer=writer, checkpoint_id=f"s3://{bucket}/step-{step}")
    for step in (1, 2):
        into = blank()
        dcp.load(into, storage_reader=reader, checkpoint_id=f"s3://{bucket}/step-{step}")
        assert_same(into, state(step))


# ---- the file system ----


def test_files(bucket: str, server: MinioServer) -> None:
    files = S3FileSystem(server.region, s3client_config=CONFIG, endpoint=server.endpoint)
    base = files.init_path(f"s3://{bucket}/base/")
    path = files.concat_path(base, "a b/+ü.bin")
    assert path == f"s3://{bucket}/base/a b/+ü.bin"
    assert not files.exists(path)
    with files.create_stream(path, "wb") as stream:
        stream.write(b"content")
    with files.create_stream(path, "rb") as stream:
        assert stream.read() == b"content"
    assert files.exists(path)
    files.mkdir(base)
    files.rename(path, files.concat_path(base, "moved"))
    assert files.ls(base) == [f"s3://{bucket}/base/moved"]
    files.rm_file(files.concat_path(base, "moved"))
    assert keys(bucket) == []
    with pytest.raises(RuntimeError, match="half"), files.create_stream(path, "wb") as stream:
        stream.write(b"content")
        raise RuntimeError("half")
    assert keys(bucket) == []
    with pytest.raises(ValueError, match="mode"), files.create_stream(path, "ab"):
        pass


def test_checkpoint_ids() -> None:
    for kind in (S3FileSystem, S3StorageReader, S3StorageWriter):
        assert kind.validate_checkpoint_id("s3://bucket/key")
        assert kind.validate_checkpoint_id("s3://bucket")
        assert kind.validate_checkpoint_id(Path("anything"))
        assert not kind.validate_checkpoint_id("/local/path")
        assert not kind.validate_checkpoint_id("s3://")


def test_a_checkpoint_that_is_all_of_a_bucket(bucket: str) -> None:
    save(f"s3://{bucket}")
    assert sorted(keys(bucket)) == [".metadata", "__0_0.distcp"]
    assert_same(load(f"s3://{bucket}"), state())


def test_a_file_that_cannot_be_deleted(caplog: pytest.LogCaptureFixture) -> None:
    S3FileSystem(s3client_config=CONFIG).rm_file("s3://there-is-no-such-bucket/key")
    assert "s3://there-is-no-such-bucket/key was not deleted" in caplog.text


# ---- several processes ----

RANKS = Path(__file__).with_name("dcp_ranks.py")


def test_ranks(bucket: str, tmp_path: Path) -> None:
    """What four ranks save, two of them and one load, and the other way; all hear of a failure."""
    environment = os.environ | {"TORCH_CPP_LOG_LEVEL": "ERROR", "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen(
            [sys.executable, RANKS, str(rank), "4", str(tmp_path / "store"), f"s3://{bucket}/c"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(4)
    ]
    told = [rank.communicate(timeout=200) for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0] * 4, "\n".join(err for _, err in told)
    said = [json.loads(out.splitlines()[-1]) for out, _ in told]
    for rank, each in enumerate(said):
        assert each["same"] == ["saved", "after a failure", "asynchronous", "by more ranks"]
        assert each["failed"] == ["rank 2 fails", "the end fails", "rank 1 fails"]
        assert each["resharded"] == (rank < 2)
        rows = each["received of the rows"]
        assert rows is None or rows < 0.6 * 4_000_000
    whole = {"weight": torch.zeros(1000, 1000), "step": 0}
    dcp.load(whole, storage_reader=S3StorageReader(None, f"s3://{bucket}/c/saved"))
    assert torch.equal(whole["weight"], torch.arange(1_000_000.0).reshape(1000, 1000))
    assert whole["step"] == 7

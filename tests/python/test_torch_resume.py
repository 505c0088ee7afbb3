"""Epochs that are shuffled, shared and gone on with, in torchdata's loader and across a SIGKILL."""

from __future__ import annotations

import json
import operator
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import s3native
from frameworks import needs
from s3native.testing import MinioServer

needs("torch")
needs("torchdata")

from s3native.torch import S3IterableDataset, merge_states
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

# torchdata calls what PyTorch has deprecated; and there may be more workers here than cores.
pytestmark = [
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
]

COUNT = 60
KEYS = [f"d/{number:03}" for number in range(COUNT)]
KEY = operator.attrgetter("key")


@pytest.fixture
def where(
    server: MinioServer, client: s3native.Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Objects, as arguments of `S3IterableDataset.from_prefix`."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    for key in KEYS:
        client.put(f"s3://{bucket}/{key}", key.encode())
    return {"s3_uri": f"s3://{bucket}/d/", "region": server.region, "endpoint": server.endpoint}


def dataset(where: dict[str, Any], **options: Any) -> S3IterableDataset:
    return S3IterableDataset.from_prefix(**where, transform=KEY, enable_sharding=True, **options)


def loader(of: S3IterableDataset, workers: int) -> Any:
    return StatefulDataLoader(of, batch_size=4, num_workers=workers, collate_fn=list)


def flat(batches: Any) -> list[str]:
    return [key for batch in batches for key in batch]


# ---- order ----


@pytest.mark.parametrize("shuffle", [True, 16])
def test_each_epoch_has_an_order(where: dict[str, Any], shuffle: Any) -> None:
    ours = dataset(where, shuffle=shuffle, seed=5)
    first, again = list(ours), list(ours)
    assert first == again != KEYS
    assert sorted(first) == KEYS
    ours.set_epoch(1)
    assert list(ours) != first
    assert list(dataset(where, shuffle=shuffle, seed=6)) != first


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_epochs_reach_workers_that_live_on(where: dict[str, Any], start: str) -> None:
    ours = dataset(where, shuffle=True)
    loading: Any = DataLoader(
        ours,
        batch_size=None,
        num_workers=2,
        persistent_workers=True,
        multiprocessing_context=start,
    )
    first = list(loading)
    assert list(loading) == first
    ours.set_epoch(1)
    second = list(loading)
    assert second != first
    assert sorted(second) == KEYS


def test_even_shares_of_ranks(where: dict[str, Any]) -> None:
    for even, count in (("drop", 8), ("pad", 9), (None, None)):
        hands = []
        for rank in range(7):
            ours = dataset(where, shuffle=True, even_shards=even)
            ours._rank, ours._world_size = rank, 7
            hands.append(list(ours))
        told = Counter(key for hand in hands for key in hand)
        assert even is None or {len(hand) for hand in hands} == {count}
        assert set(told) <= set(KEYS)
        if even == "drop":
            assert max(told.values()) == 1
        else:
            assert set(told) == set(KEYS)


@pytest.mark.parametrize("wrong", [{"shuffle": -1}, {"even_shards": "all"}])
def test_wrong_orders(where: dict[str, Any], wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        dataset(where, **wrong)


# ---- going on ----


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.parametrize("shuffle", [False, True, 16])
def test_torchdata_goes_on_where_it_was(where: dict[str, Any], workers: int, shuffle: Any) -> None:
    whole = flat(loader(dataset(where, shuffle=shuffle), workers))
    first = loader(dataset(where, shuffle=shuffle), workers)
    batches = iter(first)
    read = flat(next(batches) for _ in range(5))
    state = json.loads(json.dumps(first.state_dict()))
    del batches
    second = loader(dataset(where, shuffle=shuffle), workers)
    second.load_state_dict(state)
    assert read + flat(second) == whole
    assert flat(second) == whole  # the next time from the beginning


@pytest.mark.parametrize(("before", "after"), [(2, 3), (3, 1), (1, 2), (2, 0), (0, 2)])
def test_other_numbers_of_workers_go_on(where: dict[str, Any], before: int, after: int) -> None:
    first = loader(dataset(where, shuffle=True), before)
    batches = iter(first)
    read = flat(next(batches) for _ in range(5))
    state = merge_states(first.state_dict())
    del batches
    ours = dataset(where, shuffle=True)
    ours.load_state_dict(json.loads(json.dumps(state)))
    second = loader(ours, after)
    batches = iter(second)
    read += flat(next(batches) for _ in range(3))
    state = merge_states(second.state_dict())  # once more
    del batches
    ours = dataset(where, shuffle=True)
    ours.load_state_dict(state)
    read += list(ours)
    assert Counter(read) == Counter(KEYS)


@pytest.mark.parametrize(
    ("even", "hands"), [(None, [23, 22]), ("drop", [22] * 2), ("pad", [23] * 2)]
)
def test_other_numbers_of_ranks_go_on(where: dict[str, Any], even: Any, hands: list[int]) -> None:
    read, states = [], []
    for rank in range(3):
        ours = dataset(where, shuffle=True, even_shards=even)
        ours._rank, ours._world_size = rank, 3
        samples = iter(ours)
        read += [next(samples) for _ in range(4 + rank)]
        states.append(ours.state_dict())
    assert len(read) == 15
    for rank, count in enumerate(hands):
        ours = dataset(where, shuffle=True, even_shards=even)
        ours._rank, ours._world_size = rank, 2
        ours.load_state_dict(merge_states(states))
        left = list(ours)
        assert len(left) == count
        read += left
    assert len(set(read)) == (COUNT - 1 if even == "drop" else COUNT)
    assert len(read) - len(set(read)) == (1 if even == "pad" else 0)


def test_the_epoch_is_that_of_the_state(where: dict[str, Any]) -> None:
    ours = dataset(where, shuffle=True)
    ours.set_epoch(3)
    whole = list(ours)
    samples = iter(ours)
    read = [next(samples) for _ in range(10)]
    state = ours.state_dict()
    again = dataset(where, shuffle=True)
    again.load_state_dict(state)
    assert again.state_dict() == state
    assert read + list(again) == whole
    again.load_state_dict(state)
    again.set_epoch(4)
    assert sorted(again) == KEYS


def test_states_of_something_else(where: dict[str, Any]) -> None:
    ours = dataset(where, shuffle=True)
    with pytest.raises(ValueError, match="no state"):
        ours.load_state_dict({"epoch": 1})
    with pytest.raises(ValueError, match="seed"):
        ours.load_state_dict(dataset(where, shuffle=True, seed=1).state_dict())
    with pytest.raises(ValueError, match="no state"):
        merge_states([{"anything": 1}])
    halves = []
    for rank in range(2):
        ours = dataset(where, seed=rank)
        ours._rank, ours._world_size = rank, 2
        halves.append(ours.state_dict())
    with pytest.raises(ValueError, match="different orders"):
        merge_states(halves)


def test_samples_that_are_skipped_are_read(where: dict[str, Any]) -> None:
    def only_even(reader: Any) -> str:
        if int(reader.key[2:]) % 2:
            raise LookupError(reader.key)
        return str(reader.key)

    ours = S3IterableDataset.from_prefix(**where, transform=only_even, on_error="skip")
    samples = iter(ours)
    read = [next(samples) for _ in range(7)]
    again = S3IterableDataset.from_prefix(**where, transform=only_even, on_error="skip")
    again.load_state_dict(ours.state_dict())
    assert read + list(again) == KEYS[::2]


TRAINS = """
import json, os, sys, time
from s3native.torch import S3IterableDataset, merge_states
from torchdata.stateful_dataloader import StatefulDataLoader

_, url, region, endpoint, path, workers = sys.argv
key = __import__("operator").attrgetter("key")
dataset = S3IterableDataset.from_prefix(
    url, region=region, endpoint=endpoint, transform=key, enable_sharding=True, shuffle=True
)
loader = StatefulDataLoader(dataset, batch_size=4, num_workers=int(workers), collate_fn=list)
seen = []
if os.path.exists(path):
    with open(path) as file:
        saved = json.load(file)
    seen = saved["seen"]
    if saved["workers"] == workers:
        loader.load_state_dict(saved["loader"])
    else:
        dataset.load_state_dict(merge_states(saved["loader"]))
for batch in loader:
    # Trained and saved in one step, as a checkpoint does it.
    seen += batch
    with open(path + ".new", "w") as file:
        json.dump({"loader": loader.state_dict(), "workers": workers, "seen": seen}, file)
    os.replace(path + ".new", path)
    time.sleep(0.02)
"""


def test_training_that_is_killed_sees_each_sample_once(
    where: dict[str, Any], tmp_path: Path
) -> None:
    """SIGKILL at any time of an epoch, and then other numbers of workers or not."""
    script, saved = tmp_path / "trains.py", tmp_path / "state.json"
    script.write_text(TRAINS)
    place = [where["s3_uri"], where["region"], where["endpoint"]]
    for workers in (2, 2, 3, 1):
        before = saved.stat().st_mtime_ns if saved.exists() else 0
        command = [sys.executable, str(script), *place, str(saved), str(workers)]
        process = subprocess.Popen(command)  # no pipes, which workers keep open for a while
        if workers != 1:
            deadline = time.monotonic() + 60
            while not saved.exists() or saved.stat().st_mtime_ns == before:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.001)
            time.sleep(random.uniform(0, 0.1))
            process.kill()
        assert process.wait(timeout=100) == (0 if workers == 1 else -signal.SIGKILL)
    seen = json.loads(saved.read_text())["seen"]
    assert Counter(seen) == Counter(KEYS)

"""`s3native.torch.config`: the clients that settings make, and what workers share."""

from __future__ import annotations

from typing import Any

import pytest
from frameworks import needs

needs("torch")

import torch.utils.data
from s3native.torch import S3ClientConfig
from s3native.torch.config import client_for
from torch.utils.data import DataLoader

ENDPOINT = "http://127.0.0.1:9"  # nobody is asked


def test_the_same_settings_are_the_same_client() -> None:
    first = client_for("us-east-1", ENDPOINT)
    assert client_for("us-east-1", ENDPOINT, S3ClientConfig()) is first
    assert client_for("us-west-2", ENDPOINT) is not first


def test_settings_reach_the_client() -> None:
    config = S3ClientConfig(20.0, 16 << 20, unsigned=True, force_path_style=True, max_attempts=1000)
    values = client_for("eu-central-1", ENDPOINT, config).config
    assert (values.region, values.endpoint) == ("eu-central-1", ENDPOINT)
    assert (values.throughput_target_gbps, values.part_size) == (20.0, 16 << 20)
    assert (values.credentials, values.addressing) == ("anonymous", "path")
    assert values.max_attempts == 1000


@pytest.mark.parametrize("wrong", [{"part_size": 0}, {"max_attempts": 0}])
def test_settings_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        client_for("us-east-1", ENDPOINT, S3ClientConfig(**wrong))


class MemoryLimits(torch.utils.data.Dataset[int]):
    """What a client may keep in memory where the dataset is."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, _index: int) -> int:
        return int(client_for("us-east-1", ENDPOINT).config.memory_limit)


def test_workers_share_the_memory_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = client_for("us-east-1", ENDPOINT).config.memory_limit
    limits = set(DataLoader(MemoryLimits(), batch_size=None, num_workers=2))
    assert limits == {max(whole // 2, 64 << 20)}
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    limits = set(DataLoader(MemoryLimits(), batch_size=None, num_workers=2))
    assert limits == {max(whole // 6, 64 << 20)}

"""Ctrl-C: workers end quietly, and saves leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import s3native
from frameworks import needs
from test_interrupt import interrupted
from test_put import pending_uploads
from throttle import ThrottlingProxy

needs("torch")

import torch
import torch.distributed.checkpoint as dcp
from s3native.torch import S3Checkpoint, S3ClientConfig, save, save_safetensors
from s3native.torch.dcp import S3StorageWriter
from torch.distributed.checkpoint.api import CheckpointException

pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")

LOADS = """
import sys
from s3native.torch import S3IterableDataset, S3MapDataset
from torch.utils.data import DataLoader

_, kind, start, url, endpoint = sys.argv
if __name__ == "__main__":
    options = {"endpoint": endpoint, "output": "tensor"}
    if kind == "iterable":
        dataset = S3IterableDataset.from_prefix(url, enable_sharding=True, **options)
    else:
        dataset = S3MapDataset.from_prefix(url, **options)
    loader = DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context=start)
    for number, _ in enumerate(loader):
        if number == 1:  # of both; the next ones take long
            print("begun", flush=True)
"""


@pytest.mark.parametrize(("kind", "start"), [("iterable", "fork"), ("map", "spawn")])
def test_loaders_end_quietly(
    environment: dict[str, str],
    client: s3native.Client,
    bucket: str,
    slow_line: ThrottlingProxy,
    tmp_path: Path,
    kind: str,
    start: str,
) -> None:
    for number in range(12):
        client.put(f"s3://{bucket}/data/{number:02}", bytes(100 if number < 4 else 4 << 20))
    script = tmp_path / "loads.py"
    script.write_text(LOADS)
    process = subprocess.Popen(
        [sys.executable, str(script), kind, start, f"s3://{bucket}/data/", slow_line.endpoint],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal sends the signal to all processes of a program
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert told.count("Traceback") == 1, told
    assert told.splitlines()[-1] == "KeyboardInterrupt"


STATE = {"a": torch.ones(8_000_000)}


def by_checkpoint(url: str, client: s3native.Client, _endpoint: str) -> None:
    save(STATE, url, client=client)


def by_safetensors(url: str, client: s3native.Client, _endpoint: str) -> None:
    save_safetensors(STATE, url, client=client)


def by_writer(url: str, _client: s3native.Client, endpoint: str) -> None:
    with S3Checkpoint(None, endpoint, S3ClientConfig(part_size=5 << 20)).writer(url) as writer:
        torch.save(STATE, writer)


def by_dcp(url: str, _client: s3native.Client, endpoint: str) -> None:
    writer = S3StorageWriter(None, url, S3ClientConfig(part_size=5 << 20), endpoint=endpoint)
    try:
        dcp.save(STATE, storage_writer=writer, no_dist=True)
    except CheckpointException as error:  # as torch tells all ranks
        raise error.failures[0][0] from None


@pytest.mark.parametrize("how", [by_checkpoint, by_safetensors, by_writer, by_dcp])
def test_saves_leave_nothing_behind(
    environment: dict[str, str],
    bucket: str,
    slow: s3native.Client,
    boto: Any,
    slow_line: ThrottlingProxy,
    how: Any,
) -> None:
    url = f"s3://{bucket}/checkpoint"
    with interrupted():
        how(url, slow, slow_line.endpoint)
    for key in ("checkpoint", "checkpoint/__0_0.distcp"):
        assert pending_uploads(boto, bucket, key) == []
    assert [info.key for page in s3native.list(f"s3://{bucket}/") for info in page.objects] == []

"""SIGKILL in the middle of every kind of save: what was there before still loads."""

from __future__ import annotations

import datetime
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import s3native
from frameworks import needs
from s3native.testing import MinioServer
from throttle import ThrottlingProxy

needs("torch")

import torch
import torch.distributed.checkpoint as dcp
from s3native.torch import S3Checkpoint, load, load_safetensors
from s3native.torch.dcp import S3StorageReader

pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")

# Saves ones by every kind, then twos, over a line on which that takes long enough to be killed.
SCRIPT = """
import os, signal, sys, threading, warnings
import s3native, torch
import torch.distributed.checkpoint as dcp
from s3native.torch import S3Checkpoint, S3ClientConfig, save, save_safetensors
from s3native.torch.dcp import S3StorageWriter

warnings.simplefilter("ignore")
base, slow, kinds, when = sys.argv[1:]
CONFIG = S3ClientConfig(part_size=5 << 20)

class KilledAtTheEnd(S3StorageWriter):
    def finish(self, metadata, results):
        os.kill(os.getpid(), signal.SIGKILL)

def save_one(kind, value, endpoint):
    state = {"a": torch.full((3_000_000,), value)}
    url = f"{base}/{kind}"
    client = s3native.Client(endpoint=endpoint, part_size=CONFIG.part_size)
    if kind == "save":
        save(state, url, client=client)
    elif kind == "safetensors":
        save_safetensors(state, url, client=client)
    elif kind == "checkpoint":
        with S3Checkpoint(None, endpoint, CONFIG).writer(url) as writer:
            torch.save(state, writer)
    elif kind == "dcp":
        writer = KilledAtTheEnd if value == 2 and when == "at the end" else S3StorageWriter
        dcp.save(state, storage_writer=writer(None, url, CONFIG, endpoint=endpoint), no_dist=True)

for kind in kinds.split(","):
    save_one(kind, 1.0, None)
threads = [
    threading.Thread(target=save_one, args=(kind, 2.0, None if when == "at the end" else slow))
    for kind in kinds.split(",")
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("was not killed")
"""

STALE = datetime.timedelta(days=-1)
LOADS: dict[str, Callable[[str], Any]] = {
    "save": load,
    "safetensors": load_safetensors,
    "checkpoint": lambda url: torch.load(S3Checkpoint().reader(url), weights_only=True),
}


@pytest.fixture
def line(server: MinioServer) -> Any:
    """1 MB/s for each connection: an upload of 12 MB takes seconds."""
    with ThrottlingProxy(server.endpoint, bytes_per_second=1_000_000) as line:
        yield line


def load_dcp(url: str) -> dict[str, torch.Tensor]:
    state = {"a": torch.zeros(3_000_000)}
    dcp.load(state, storage_reader=S3StorageReader(None, url), no_dist=True)
    return state


def test_in_the_middle(
    environment: dict[str, str], bucket: str, line: ThrottlingProxy, boto: Any
) -> None:
    kinds = [*LOADS, "dcp"]
    arguments = [f"s3://{bucket}/c", line.endpoint, ",".join(kinds), "in the middle"]
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments], stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while len(boto.list_multipart_uploads(Bucket=bucket).get("Uploads", ())) < len(kinds):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.communicate()[0] == ""
    for kind in kinds:
        loads = LOADS.get(kind, load_dcp)
        assert torch.equal(loads(f"s3://{bucket}/c/{kind}")["a"], torch.ones(3_000_000)), kind
    left = s3native.abort_stale_uploads(f"s3://{bucket}/", older_than=STALE)
    assert left == len(kinds)


def test_before_the_metadata_of_a_distributed_one(
    environment: dict[str, str], bucket: str, line: ThrottlingProxy
) -> None:
    arguments = [f"s3://{bucket}/c", line.endpoint, "dcp", "at the end"]
    done = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], timeout=100, check=False)
    assert done.returncode == -signal.SIGKILL
    keys = [info.key for page in s3native.list(f"s3://{bucket}/") for info in page.objects]
    assert len(keys) == 3  # the metadata, the files of both
    assert torch.equal(load_dcp(f"s3://{bucket}/c/dcp")["a"], torch.ones(3_000_000))

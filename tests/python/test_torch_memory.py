"""What saves cost in memory: not the state once more."""

from __future__ import annotations

import subprocess
import sys

import pytest
import s3native
from frameworks import needs

needs("torch")

SAVES = """
import re, sys, warnings
from pathlib import Path
import torch
import torch.distributed.checkpoint as dcp
from s3native.torch import S3Checkpoint, save, save_safetensors
from s3native.torch.dcp import S3StorageWriter

warnings.simplefilter("ignore")
_, base = sys.argv

def save_by(kind, state, url):
    if kind == "save":
        save(state, url)
    elif kind == "safetensors":
        save_safetensors(state, url)
    elif kind == "writer":
        with S3Checkpoint().writer(url) as writer:
            torch.save(state, writer)
    else:
        dcp.save(state, storage_writer=S3StorageWriter(None, url), no_dist=True)

def resident(line):
    return int(re.search(line + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

state = {str(number): torch.ones(8_000_000) for number in range(6)}  # 192 MB
for kind in ("save", "safetensors", "writer", "dcp"):
    save_by(kind, {"small": torch.ones(3)}, f"{base}/first/{kind}")
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
    before = resident("VmRSS")
    save_by(kind, state, f"{base}/{kind}")
    print(kind, resident("VmHWM") - before)
"""


@pytest.mark.usefixtures("environment")
def test_a_save_holds_no_second_copy(bucket: str) -> None:
    url = f"s3://{bucket}/c"
    done = subprocess.run(
        [sys.executable, "-c", SAVES, url], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        kind, more = line.split()
        pages = s3native.list(f"{url}/{kind}")
        assert sum(info.size for page in pages for info in page.objects) > 192_000_000
        assert int(more) < 192_000_000 / 3, line
    assert len(done.stdout.splitlines()) == 4

"""Two workers train together, from records and with checkpoints on s3://."""

from __future__ import annotations

import json
from typing import Any

import pytest
import s3native
import tensorflow as tf
from processes import Processes
from s3native.testing.process import free_port

FILES, RECORDS = 4, 50


@pytest.fixture
def records(root: str) -> list[int]:
    """Numbers, in files below the test's folder."""
    for file in range(FILES):
        with tf.io.TFRecordWriter(f"{root}/data/{file}.tfrecord") as writer:
            for number in range(RECORDS):
                writer.write(b"%d" % (file * RECORDS + number))
    return list(range(FILES * RECORDS))


def run(root: str) -> list[dict[str, Any]]:
    """Run both workers to their end; what each of them saw."""
    workers = [f"localhost:{free_port()}" for _ in range(2)]
    with Processes() as processes:
        for index in range(2):
            task = {"type": "worker", "index": index}
            config = json.dumps({"cluster": {"worker": workers}, "task": task})
            processes.start("multi_worker.py", root, TF_CONFIG=config)
        return [json.loads(line) for line in processes.finish("seen ")]


def test_two_workers_train_and_go_on(
    root: str, records: list[int], client: s3native.Client
) -> None:
    checkpoints = f"{root}/checkpoints"
    for epoch in (1, 2):
        seen = run(root)
        assert sorted(seen[0]["own"] + seen[1]["own"]) == records
        assert len(seen[0]["own"]) == len(seen[1]["own"]), "each reads half of the files"
        for worker in seen:
            assert worker["total"] == epoch * sum(records)
            assert worker["epochs"] == epoch
            assert worker["restored"] == (None if epoch == 1 else f"{checkpoints}/ckpt-1")
        assert seen[0]["saved"] == f"{checkpoints}/ckpt-{epoch}"
        assert tf.train.latest_checkpoint(checkpoints) == f"{checkpoints}/ckpt-{epoch}"
    listed = [entry.key for page in client.list(f"{checkpoints}/") for entry in page.objects]
    assert not [key for key in listed if "worker-" in key or "temp" in key], listed

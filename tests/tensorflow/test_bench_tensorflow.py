"""What is measured of TensorFlow, in a process of its own: the right bytes, and all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import s3native
from s3native.bench import content
from s3native.bench.clients import TENSORFLOW
from s3native.bench.protocol import Job, Target
from s3native.bench.runner import ClientProcess
from s3native.bench.states import stored
from s3native.testing import MinioServer

SIZE = 1_000_000
KEYS = ["folder/sub/0", "folder/sub/1"]


@pytest.mark.parametrize("name", ["s3native", "tmpfs"])
@pytest.mark.parametrize("operation", sorted(TENSORFLOW - {"match_files"}))
def test_every_operation(
    name: str,
    operation: str,
    s3native_server: MinioServer,
    s3native_client: s3native.Client,
    root: str,
    tmp_path: Path,
) -> None:
    bucket, _, folder = root.removeprefix("s3://").partition("/")
    keys = [f"{folder}/{key}" for key in (KEYS if operation == "read_records" else KEYS[:1])]
    if operation == "read_records":
        for key in keys:
            s3native_client.put(f"s3://{bucket}/{key}", stored("records", SIZE, 7))
    options: dict[str, Any] = {"object_size": SIZE, "alike": True}
    server = s3native_server
    target = Target(server.endpoint, bucket, server.access_key, server.secret_key)
    process = ClientProcess(
        name, Job(operation, target, keys, SIZE, scratch=str(tmp_path), options=options)
    )
    try:
        process.ready()
        assert process.version
        sample = process.round()
        expected = {"read_records": (20, 2 * SIZE), "load_dataset": (1, 8000)}
        assert (sample.count, sample.moved_bytes) == expected.get(operation, (1, SIZE))
        count = len(keys)
        assert process.verify() == content.digest_of_first(count, SIZE, 7, alike=True)
    finally:
        process.close()

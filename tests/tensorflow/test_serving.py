"""A folder of models for a server of them, kept current from s3:// while versions are exported."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import tensorflow as tf
from s3native.testing.process import SupervisedProcess

VERSIONS = (1, 2, 3, 10)
SECONDS = 60.0


class Scale(tf.Module):
    """A model whose answers tell its version."""

    def __init__(self, version: int) -> None:
        super().__init__()
        self.weights = tf.Variable(tf.fill([300_000], float(version)))  # more than a small file

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def __call__(self, value: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scaled": value * self.weights[-1]}


def test_each_version_can_be_loaded_as_it_appears(root: str, tmp_path: Path) -> None:
    target = tmp_path / "models"
    command = [sys.executable, "-m", "s3native", "sync", root, str(target)]
    options = ["--watch", "--interval", "0.1", "--last", "saved_model.pb"]
    process = SupervisedProcess([*command, *options], Path(tempfile.mkdtemp()), {})
    try:
        for version in VERSIONS[:2]:
            tf.saved_model.save(Scale(version), f"{root}/{version}")
        loaded: list[int] = []
        deadline = time.monotonic() + SECONDS
        while loaded != [*VERSIONS]:
            assert time.monotonic() < deadline, process.log_path.read_text(errors="replace")
            # As a server of models looks, which loads what it finds at once.
            names = (path.name for path in target.glob("*")) if target.exists() else ()
            there = sorted(int(name) for name in names if name.isdecimal())
            for version in there[len(loaded) :]:
                serve = tf.saved_model.load(f"{target}/{version}").signatures["serving_default"]
                assert float(serve(tf.constant(2.0))["scaled"]) == 2.0 * version
                loaded.append(version)
                if version == 2:
                    for later in VERSIONS[2:]:
                        tf.saved_model.save(Scale(later), f"{root}/{later}")
            time.sleep(0.02)
        assert loaded == [*VERSIONS]
    finally:
        process.stop()

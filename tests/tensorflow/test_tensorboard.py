"""Stock TensorBoard shows what is logged to s3://, with TensorFlow and without it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from s3native.testing.process import free_port

SECONDS = 60.0


class TensorBoard:
    """The command, and what its page asks it for."""

    def __init__(self, logdir: str, log: Path, **variables: str) -> None:
        self.port = free_port()
        self._log = log
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", logdir]
        command += ["--port", str(self.port), "--reload_interval", "1"]
        with log.open("w") as output:
            self._process = subprocess.Popen(
                command, stdout=output, stderr=output, env={**os.environ, **variables}
            )

    def ask(self, path: str) -> Any:
        """Return the JSON at a path."""
        url = f"http://127.0.0.1:{self.port}/data/{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)

    def eventually(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self._log.read_text()
            with contextlib.suppress(urllib.error.URLError, KeyError, ConnectionError):
                if holds():
                    return
            time.sleep(0.2)
        pytest.fail(f"not within {SECONDS:.0f} s:\n{self._log.read_text()}")

    def requests(self) -> list[str]:
        """Return the log lines of the requests that it has sent."""
        return [line for line in self._log.read_text().splitlines() if ", attempts " in line]

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(20)


@pytest.fixture(params=["with TensorFlow", "without TensorFlow"])
def tensorboard(request: pytest.FixtureRequest, root: str, tmp_path: Path) -> Iterator[TensorBoard]:
    """TensorBoard on the test's folder."""
    variables = {"AWS_LOG_LEVEL": "debug"}
    if request.param == "without TensorFlow":  # a module of that name that cannot be imported
        (tmp_path / "tensorflow.py").write_text("raise ImportError('hidden')\n")
        (tmp_path / "sitecustomize.py").write_text(
            "import sys, types\nsys.modules['tensorboard.compat.notf'] = types.ModuleType('notf')\n"
            "sys.modules['tensorboard.compat.notf'].__spec__ = __import__('importlib.machinery')"
            ".machinery.ModuleSpec('tensorboard.compat.notf', None)\n"
        )
        variables["PYTHONPATH"] = str(tmp_path)
    running = TensorBoard(root, tmp_path / "log", **variables)
    yield running
    running.close()


def test_runs_are_shown_while_they_are_written(tensorboard: TensorBoard, root: str) -> None:
    writer = tf.summary.create_file_writer(f"{root}/run/train")
    with writer.as_default():
        for step in range(3):
            tf.summary.scalar("loss", 1.0 / (step + 1), step=step)
        writer.flush()

        def steps() -> list[int]:
            rows = tensorboard.ask("plugin/scalars/scalars?tag=loss&run=run%2Ftrain")
            return [int(step) for _, step, _ in rows]

        tensorboard.eventually(lambda: tensorboard.ask("runs") == ["run/train"])
        tensorboard.eventually(lambda: steps() == [0, 1, 2])
        tf.summary.scalar("loss", 0.1, step=3)
        writer.flush()
        tensorboard.eventually(lambda: steps() == [0, 1, 2, 3])


def test_an_idle_folder_costs_little(tensorboard: TensorBoard, root: str) -> None:
    for run in ("a", "b/c"):
        with tf.summary.create_file_writer(f"{root}/{run}").as_default():
            tf.summary.scalar("loss", 1.0, step=0)
    tensorboard.eventually(lambda: sorted(tensorboard.ask("runs")) == ["a", "b/c"])
    time.sleep(3)
    before = len(tensorboard.requests())
    time.sleep(5)
    sent = tensorboard.requests()[before:]
    print("\n".join(sent))
    lists = sum("ListObjectsV2" in line for line in sent)
    assert 1 <= lists <= 7, "one a second"
    assert [line for line in sent if "GetObject" in line and "ok" in line] == []

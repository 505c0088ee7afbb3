"""TensorBoard as its users start it, with TensorFlow and without it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from s3native.testing.process import free_port

SECONDS = 60.0


class TensorBoard:
    """The command, and what its page asks it for."""

    def __init__(self, logdir: str, log: Path, **variables: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", logdir]
        command += ["--port", str(port), "--reload_interval", "1"]
        with log.open("w") as output:
            self._process = subprocess.Popen(
                command, stdout=output, stderr=output, env={**os.environ, **variables}
            )

    def ask(self, path: str) -> Any:
        """Return the JSON at a path."""
        with urllib.request.urlopen(f"{self.url}/data/{path}", timeout=10) as answer:
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


def without_tensorflow(folder: Path) -> dict[str, str]:
    """Return the variables with which TensorBoard finds no TensorFlow. The folder is for files."""
    # A module of that name that cannot be imported.
    (folder / "tensorflow.py").write_text("raise ImportError('hidden')\n")
    (folder / "sitecustomize.py").write_text(
        "import sys, types\nsys.modules['tensorboard.compat.notf'] = types.ModuleType('notf')\n"
        "sys.modules['tensorboard.compat.notf'].__spec__ = __import__('importlib.machinery')"
        ".machinery.ModuleSpec('tensorboard.compat.notf', None)\n"
    )
    return {"PYTHONPATH": str(folder)}

"""Processes of a test, each running a script of this folder: none outlives the test."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

import pytest
from s3native.testing.process import SupervisedProcess

SECONDS = 60.0


class Processes:
    """Starts them, waits for them; when one of them fails, what all of them wrote is shown."""

    def __init__(self) -> None:
        self._all: list[SupervisedProcess] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for process in list(self._all):
            self.kill(process)

    def start(self, script: str, *arguments: object, **variables: str) -> SupervisedProcess:
        """Start one, with these variables besides those of this process."""
        command = [sys.executable, str(Path(__file__).with_name(script)), *map(str, arguments)]
        process = SupervisedProcess(command, Path(tempfile.mkdtemp()), variables)
        self._all.append(process)
        return process

    def written(self, process: SupervisedProcess, start: str) -> str:
        """Wait for a line that starts so, and return the rest of it."""
        deadline = time.monotonic() + SECONDS
        while True:
            ended = process.exit_status() is not None
            for line in process.log_path.read_text(errors="replace").split("\n")[:-1]:
                if line.startswith(start):
                    return line.removeprefix(start)
            if ended or time.monotonic() > deadline:
                self._fail(f"no line {start!r}")
            time.sleep(0.05)

    def finish(self, start: str) -> list[str]:
        """Wait until all have ended, and well; return such a line of each."""
        deadline = time.monotonic() + SECONDS
        while True:
            statuses = [process.exit_status() for process in self._all]
            if any(statuses) or time.monotonic() > deadline:
                self._fail(f"ended with {statuses}")
            if None not in statuses:
                return [self.written(process, start) for process in self._all]
            time.sleep(0.05)

    def kill(self, process: SupervisedProcess) -> None:
        """End it as a machine that fails does."""
        while process.exit_status() is None:
            if process.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
            time.sleep(0.02)
        self._all.remove(process)
        process.stop()

    def _fail(self, what: str) -> NoReturn:
        logs = [f"---- process {i}\n{each.log_tail()}" for i, each in enumerate(self._all)]
        pytest.fail("\n".join([what, *logs]))

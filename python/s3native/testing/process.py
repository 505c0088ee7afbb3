"""Server processes that cannot outlive the process that started them.

Each server runs under a small supervisor (`_supervisor.py`) that ends it when asked, or when
the starting process is gone for whatever reason, SIGKILL included. No signal handler and no
code between fork and exec is needed in the starting process, and it may start from any thread.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SUPERVISOR = Path(__file__).with_name("_supervisor.py")
_START_ATTEMPTS = 3
_STOP_SECONDS = 10.0
_LOG_TAIL_BYTES = 4000

_Started = TypeVar("_Started")


class ServerStartError(RuntimeError):
    """A server did not come up; the message ends with the last lines of its log."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_on_free_port(start: Callable[[], _Started]) -> _Started:
    """Return what ``start`` does, called again when its port was taken before it listened."""
    for _ in range(_START_ATTEMPTS - 1):
        try:
            return start()
        except ServerStartError as error:
            if "address already in use" not in str(error).lower():
                raise
    return start()


class SupervisedProcess:
    """One running server with its folder. The folder is removed when the server has stopped.

    ``command`` is the program with its arguments and ``environment`` is added to this process's
    own. Output goes to ``server.log`` in ``folder``. Not thread-safe, except `stop`.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.log_path = folder / "server.log"
        self.pid: int | None = None
        self._command = command
        self._exit_status: int | None = None
        supervise = [sys.executable, "-I", "-S", str(_SUPERVISOR), str(os.getpid()), str(folder)]
        with self.log_path.open("ab") as log:
            self._supervisor = subprocess.Popen(
                [*supervise, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **(environment or {})},
                cwd=folder,
                start_new_session=True,
            )
        self._finalizer = weakref.finalize(self, _stop, self._supervisor, folder, os.getpid())

    def wait_ready(self, is_ready: Callable[[], bool], timeout_s: float) -> None:
        """Poll ``is_ready`` until it holds; raise `ServerStartError` on its end or when late."""
        deadline = time.monotonic() + timeout_s
        while not (self.exit_status() is None and self.pid is not None and is_ready()):
            if self._exit_status is not None:
                self._fail(f"ended with status {self._exit_status}")
            if time.monotonic() > deadline:
                self._fail(f"was not ready after {timeout_s:.0f} s")
            time.sleep(0.02)

    def exit_status(self) -> int | None:
        """Return the server's exit status, or None while it runs."""
        output = self._supervisor.stdout
        assert output is not None
        while self._exit_status is None and _readable(output):
            line = os.read(output.fileno(), 4096).decode()
            if not line:
                self._exit_status = self._supervisor.wait()
            for word, number in (part.split() for part in line.splitlines()):
                if word == "pid":
                    self.pid = int(number)
                else:
                    self._exit_status = int(number)
        return self._exit_status

    def log_tail(self) -> str:
        """Return the end of the server's log."""
        try:
            text = self.log_path.read_bytes()
        except OSError:
            return ""
        return text[-_LOG_TAIL_BYTES:].decode(errors="replace")

    def stop(self) -> None:
        """End the server and remove its folder; does nothing the second time."""
        self._finalizer()

    def _fail(self, what: str) -> None:
        message = f"{Path(self._command[0]).name} {what}; its log ends:\n{self.log_tail()}"
        self.stop()
        raise ServerStartError(message)


def _readable(stream: IO[bytes]) -> bool:
    return bool(select.select([stream], [], [], 0)[0])


def _stop(supervisor: subprocess.Popen[bytes], folder: Path, owner: int) -> None:
    """Tell the supervisor to stop and wait for it; a forked child leaves it be."""
    if os.getpid() != owner:
        return
    assert supervisor.stdin is not None
    assert supervisor.stdout is not None
    with contextlib.suppress(OSError):
        # A byte and not only the end of the pipe: a forked child may hold its own copy of it.
        supervisor.stdin.write(b"q")
        supervisor.stdin.close()
    try:
        supervisor.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        supervisor.kill()  # the kernel then ends the server
        supervisor.wait()
    supervisor.stdout.close()
    shutil.rmtree(folder, ignore_errors=True)  # there still if the supervisor was killed

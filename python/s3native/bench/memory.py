"""How much memory there is for data, and the folder that lies in it."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")
_CGROUP = Path("/sys/fs/cgroup")
_SPARE_BYTES = 2 << 30


def data_folder(size: int) -> str | None:
    """Return shared memory when ``size`` bytes fit with room to spare, else None: the disk."""
    if not _SHARED_MEMORY.is_dir():
        return None
    room = min(available_memory() - _SPARE_BYTES, shutil.disk_usage(_SHARED_MEMORY).free)
    return str(_SHARED_MEMORY) if room > 2 * size else None


def available_memory() -> int:
    """Return the bytes of memory that can be used without swapping."""
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError):  # a container's limit, if it has one
        limit, used = ((_CGROUP / name).read_text() for name in ("memory.max", "memory.current"))
        free = min(free, int(limit) - int(used))
    return free

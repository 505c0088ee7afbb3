"""`Held`: what the process holds of the machine; tests compare it with what it held before."""

from __future__ import annotations

import gc
import os
import time
from dataclasses import dataclass

import s3native


@dataclass(frozen=True)
class Held:
    """What the process holds: it must not grow."""

    threads: int
    descriptors: int
    pool_in_use: int
    memory_reserved: int

    @classmethod
    def now(cls) -> Held:
        """As it is."""
        gc.collect()
        stats = s3native._core.stats()
        return cls(
            len(os.listdir("/proc/self/task")),
            sum(_counts(fd) for fd in os.listdir("/proc/self/fd")),
            stats["pool_in_use"],
            stats["memory_reserved"],
        )

    def exceeds(self, other: Held) -> bool:
        """Whether there is more of anything."""
        return any(vars(self)[name] > vars(other)[name] for name in vars(self))


def _counts(descriptor: str) -> bool:
    """Whether it must go away: libraries open the source of random numbers once and for all."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}") != "/dev/urandom"
    except FileNotFoundError:  # the one that lists the others
        return False


def eventually_not_more_than(before: Held, seconds: float = 10) -> Held:
    """What is held once it is no more than before, or after that time."""
    deadline = time.monotonic() + seconds
    while (now := Held.now()).exceeds(before) and time.monotonic() < deadline:
        time.sleep(0.05)
    return now

"""The bytes of the test objects: random, no two blocks alike, the same in every process."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.uint8]]

_BLOCK_SIZE = 16 << 20


@cache
def _first_block(seed: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    return np.frombuffer(random.Random(seed).randbytes(_BLOCK_SIZE), np.uint64)


def blocks(size: int, seed: int) -> Iterator[Array]:
    """Yield the object of ``size`` bytes in blocks of 16 MiB."""
    first = _first_block(seed)
    for number, start in enumerate(range(0, size, _BLOCK_SIZE)):
        block = np.bitwise_xor(first, np.uint64(number)).view(np.uint8)
        yield block[: size - start]


def array(size: int, seed: int) -> Array:
    """Return the whole object."""
    whole = np.empty(size, np.uint8)
    start = 0
    for block in blocks(size, seed):
        whole[start : start + len(block)] = block
        start += len(block)
    return whole


@cache
def digest(size: int, seed: int) -> str:
    """Return the object's SHA-256."""
    total = hashlib.sha256()
    for block in blocks(size, seed):
        total.update(block.data)
    return total.hexdigest()


def tail_digest(size: int, tail_size: int, seed: int) -> str:
    """Return the SHA-256 of the object's last bytes."""
    return hashlib.sha256(array(size, seed)[-tail_size:].data).hexdigest()

"""The bytes of the test objects: random, no two alike, the same in every process."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
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
        words = first[: (size - start + 7) // 8]
        yield np.bitwise_xor(words, np.uint64(number)).view(np.uint8)[: size - start]


def array(size: int, seed: int) -> Array:
    """Return the whole object."""
    whole = np.empty(size, np.uint8)
    start = 0
    for block in blocks(size, seed):
        whole[start : start + len(block)] = block
        start += len(block)
    return whole


def numbered(whole: Array, number: int) -> Array:
    """Return what the object with this number has instead; that with number 0 is as it is."""
    if number == 0:
        return whole
    own: Array = whole.copy()
    own[:8] ^= np.frombuffer(number.to_bytes(8, "little"), np.uint8)[: len(own)]
    return own


@cache
def digest(size: int, seed: int) -> str:
    """Return the object's SHA-256."""
    total = hashlib.sha256()
    for block in blocks(size, seed):
        total.update(block.data)
    return total.hexdigest()


def together(digests: Iterable[str]) -> str:
    """Return one digest for those of several objects, in order."""
    each = list(digests)
    return each[0] if len(each) == 1 else hashlib.sha256(" ".join(each).encode()).hexdigest()


@cache
def digest_of_first(count: int, size: int, seed: int, *, alike: bool = False) -> str:
    """Return `together` of so many objects; if they are alike, all have the number 0."""
    if alike or count == 1:
        return together([digest(size, seed)] * count)
    whole = array(size, seed)
    own = (numbered(whole, number).data for number in range(count))
    return together(hashlib.sha256(data).hexdigest() for data in own)


def tail_digest(size: int, tail_size: int, seed: int) -> str:
    """Return the SHA-256 of the object's last bytes."""
    return hashlib.sha256(array(size, seed)[-tail_size:].data).hexdigest()

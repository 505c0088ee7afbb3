"""Memory of tensors that the engine fills and sends."""

from __future__ import annotations

import mmap
from typing import Any

import torch

_HUGE_PAGE = 2 << 20


def buffer_of(tensor: torch.Tensor) -> Any:
    """Return a view of a contiguous CPU tensor's bytes, of one dimension; it keeps the tensor."""
    return tensor.detach().reshape(-1).view(torch.uint8).numpy()


def allocate(size: int) -> torch.Tensor:
    """Return so many bytes, 64-byte aligned, as a `torch.uint8` tensor with a storage of its own.

    By huge pages, where there are any: the time to map 1 GiB by small ones is that of a copy.
    """
    if size < _HUGE_PAGE:
        return torch.empty(size, dtype=torch.uint8)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        pages.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(pages, dtype=torch.uint8)

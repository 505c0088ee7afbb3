"""The memory of tensors as buffers that the engine fills and sends."""

from __future__ import annotations

from typing import Any

import torch


def buffer_of(tensor: torch.Tensor) -> Any:
    """Return a view of a contiguous CPU tensor's bytes, of one dimension; it keeps the tensor."""
    return tensor.detach().reshape(-1).view(torch.uint8).numpy()


def buffer_of_storage(storage: torch.UntypedStorage) -> Any:
    """Return a view of a CPU storage's bytes, which keeps the storage."""
    return torch.empty(0, dtype=torch.uint8).set_(storage).numpy()

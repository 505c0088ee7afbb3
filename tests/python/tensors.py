"""Comparing tensors by their bytes; a throttled client to be killed in the middle of."""

from __future__ import annotations

from typing import Any

import torch


def raw(tensor: torch.Tensor) -> bytes:
    """All bytes, row by row."""
    if tensor.numel() == 0:
        return b""
    return bytes(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy())


def assert_same(found: Any, expected: Any) -> None:
    """Nested containers of tensors and values are alike, bit by bit."""
    if isinstance(expected, torch.Tensor):
        assert isinstance(found, torch.Tensor)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert found.requires_grad == expected.requires_grad
        assert raw(found) == raw(expected)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_same(found[key], value)
    elif isinstance(expected, (list, tuple)):
        assert type(found) is type(expected)
        assert len(found) == len(expected)
        for each, value in zip(found, expected, strict=True):
            assert_same(each, value)
    else:
        assert found == expected

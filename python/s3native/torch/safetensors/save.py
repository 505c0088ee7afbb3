"""`save_safetensors`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

import s3native
from s3native.torch.memory import buffer_of
from s3native.torch.safetensors.format import make_header

if TYPE_CHECKING:
    from s3native import Client


def save_safetensors(
    tensors: Mapping[str, torch.Tensor],
    url: str,
    *,
    metadata: Mapping[str, str] | None = None,
    client: Client | None = None,
) -> None:
    """Save tensors as an object in the safetensors format, that appears whole or not at all.

    They are sent from their memory; of those on other devices, and of those that are not
    contiguous, one at a time is copied.

    Args:
        metadata: strings to store with them.
        client: default: that of `s3native`'s functions.

    Raises:
        ValueError: not the URL of an object; tensors that share memory, or are of a kind that the
            format does not have. S3Error: as `s3native.Client.put`.
    """
    _refuse_shared(tensors)
    header, order = make_header(tensors, metadata)
    with (client or s3native.default_client()).open(url, "wb") as writer:
        writer.write(header)
        for name in order:
            here = tensors[name].detach().to("cpu").resolve_conj().resolve_neg().contiguous()
            if here.numel() > 0:
                writer.write(buffer_of(here))


def _refuse_shared(tensors: Mapping[str, torch.Tensor]) -> None:
    """Each would be stored, and no two of them be the same memory any more when they are loaded."""
    spans = []
    for name, tensor in tensors.items():
        if tensor.layout == torch.strided and tensor.numel() > 0 and not tensor.is_meta:
            last = sum(
                (length - 1) * stride
                for length, stride in zip(tensor.shape, tensor.stride(), strict=True)
            )
            start = tensor.data_ptr()
            spans.append((str(tensor.device), start, start + (last + 1) * tensor.itemsize, name))
    spans.sort()
    for (device, _, end, name), (device_2, start, _, name_2) in itertools.pairwise(spans):
        if device == device_2 and start < end:
            raise ValueError(
                f"{name!r} and {name_2!r} share memory: clone one of them, or leave it out"
            )

"""What `torch.save` wrote, without the bytes of its tensors; and their bytes."""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from s3native.torch.fetching import GAP, coalesced, fetched
from s3native.torch.memory import allocate, buffer_of

if TYPE_CHECKING:
    from s3native import Client
    from s3native.file import ObjectReader

_ZIP = b"PK\x03\x04"
"""What zip archives begin with."""
_TOGETHER = 8 << 20
_ELSEWHERE = re.compile(rb"(cuda|hpu|ipu|mps|mtia|npu|privateuseone|xla|xpu)(:\d+)?")
"""What says in a pickle that a storage was not on the CPU, or looks like that."""


class UnsuitableError(ValueError):
    """Only `torch.load` can read it."""


@dataclass(frozen=True)
class Stored:
    """Bytes of a storage in the object, half-open."""

    start: int
    end: int


@dataclass(frozen=True)
class Archive:
    """What was saved.

    Args:
        value: with tensors of the device "meta".
        storages: of all of these tensors.
        was_elsewhere: whether a storage may have been saved from another device than the CPU.
    """

    value: Any
    storages: frozenset[Stored]
    was_elsewhere: bool


def read_archive(reader: ObjectReader, *, weights_only: bool) -> Archive:
    """Return what an object holds, but for the bytes of tensors.

    Raises:
        UnsuitableError: the format before PyTorch 1.6, another byte order, tensors inside other
            objects than dicts, lists and tuples. Others: as `torch.load`.
    """
    if not reader.peek(len(_ZIP)).startswith(_ZIP):
        raise UnsuitableError(f"{reader.name} is not of the format that PyTorch has since 1.6")
    value = torch.load(reader, "meta", weights_only=weights_only)
    with zipfile.ZipFile(reader) as archive:
        names = archive.namelist()
        orders = [archive.read(name) for name in names if name.endswith("/byteorder")]
        pickled = b"".join(archive.read(name) for name in names if name.endswith("/data.pkl"))
    if any(order.decode() != sys.byteorder for order in orders):
        raise UnsuitableError(f"{reader.name} was saved on a machine of another byte order")
    storages = set()

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storages.add(stored(tensor))
        return tensor

    value = replaced(value, note)
    if len(storages) != sum("/data/" in name for name in names):
        raise UnsuitableError(
            f"{reader.name} has tensors inside other objects than dicts, lists and tuples"
        )
    return Archive(value, frozenset(storages), bool(_ELSEWHERE.search(pickled)))


def stored(tensor: torch.Tensor) -> Stored:
    """Return where the bytes of a tensor's storage are."""
    storage = tensor.untyped_storage()
    start = getattr(storage, "_checkpoint_offset", None)
    if start is None:
        raise UnsuitableError(f"PyTorch {torch.__version__} does not tell where tensors are")
    return Stored(start, start + storage.nbytes())


def filled(
    tensor: torch.Tensor, storage: torch.UntypedStorage, device: torch.device
) -> torch.Tensor:
    """Return a tensor without bytes as one on a device, over its storage if that is the CPU."""
    place = tensor.storage_offset(), tensor.size(), tensor.stride()
    return torch.empty(0, dtype=tensor.dtype).set_(storage, *place).to(device)


def of_kind(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return a tensor as a parameter, or with gradients, where that one is or has."""
    if isinstance(like, torch.nn.Parameter):
        return torch.nn.Parameter(tensor, like.requires_grad)
    return tensor.requires_grad_(like.requires_grad)


def replaced(value: Any, of: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Return a value with other tensors in its containers, which it changes."""
    done: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def walk(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            if id(value) not in done:
                done[id(value)] = (value, of(value))  # both: no other may have its id meanwhile
            return done[id(value)][1]
        if isinstance(value, dict):
            for key in value:
                value[key] = walk(value[key])
        elif isinstance(value, list):
            value[:] = [walk(each) for each in value]
        elif type(value) is tuple:
            return tuple(walk(each) for each in value)
        elif isinstance(value, tuple) and hasattr(value, "_make"):
            return value._make(walk(each) for each in value)
        return value

    return walk(value)


def fetch_storages(
    client: Client, url: str, etag: str, wanted: frozenset[Stored]
) -> dict[Stored, torch.UntypedStorage]:
    """Return storages with their bytes: large ones received where they are, small ones together.

    Raises:
        PreconditionFailedError: the object has another ETag. S3Error: as `Client.get_many`.
    """
    memory = {one: allocate(one.end - one.start) for one in wanted}
    large = [one for one in wanted if one.end - one.start >= GAP]
    small = [one for one in wanted if 0 < one.end - one.start < GAP]
    groups = coalesced(small, GAP, _TOGETHER)

    def requests() -> Iterator[Any]:
        for one in large:
            yield url, (one.start, one.end), buffer_of(memory[one])
        for group in groups:
            yield url, (group[0].start, group[-1].end)

    for index, data in fetched(client, requests(), {url: etag}):
        if index < len(large):
            continue  # it is there
        group = groups[index - len(large)]
        start = group[0].start
        for one in group:
            buffer_of(memory[one])[:] = data[one.start - start : one.end - start]
    return {one: tensor.untyped_storage() for one, tensor in memory.items()}

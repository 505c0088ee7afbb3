"""How the items of a load plan come from S3 into the tensors of a state."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch.distributed.checkpoint.planner import LoadItemType, LoadPlanner, ReadItem

from s3native.torch.dcp.stored import HEAD, Stored, parse_head
from s3native.torch.fetching import GAP, coalesced, fetched
from s3native.torch.memory import buffer_of

if TYPE_CHECKING:
    from s3native import Client

_REQUEST = 8 << 20
"""Bytes of neighbours that are fetched together."""


@dataclass
class _Chunk:
    """What one item of a save plan left in a file: bytes, half-open, for items of the load plan."""

    url: str
    start: int
    end: int
    transforms: Any
    items: list[ReadItem] = field(default_factory=list)

    @property
    def is_plain_tensor(self) -> bool:
        return self.items[0].type == LoadItemType.TENSOR and not self.transforms


@dataclass(frozen=True)
class _Span:
    """What is asked for first of a chunk: all of it, or the beginning of a large tensor."""

    chunk: _Chunk
    start: int
    end: int


@dataclass
class _Part:
    """What is asked for then: what one item needs of a large tensor, or all of a chunk."""

    chunk: _Chunk
    start: int
    end: int
    item: ReadItem | None = None
    stored: Stored | None = None
    target: torch.Tensor | None = None  # whose memory it is received into


class Load:
    """One rank's items of a load plan.

    Args:
        transforms: torch's, of what was saved with extensions.
        gap: bytes between neighbours that are fetched together, at most; 256 KiB if it is more.
    """

    def __init__(self, client: Client, planner: LoadPlanner, transforms: Any, gap: float) -> None:
        self._client = client
        self._planner = planner
        self._transforms = transforms
        self._gap = int(min(gap, GAP))
        self._chunks: dict[tuple[str, int], _Chunk] = {}
        self._etags: dict[str, str] = {}

    def add(self, item: ReadItem, url: str, info: Any) -> None:
        """Add an item, whose bytes are there; `info` is torch's _StorageInfo."""
        transforms = getattr(info, "transform_descriptors", None)
        chunk = _Chunk(url, info.offset, info.offset + info.length, transforms)
        self._chunks.setdefault((url, info.offset), chunk).items.append(item)

    def run(self) -> None:
        """Load them. Raises S3Error; PreconditionFailedError: a file was overwritten meanwhile."""
        parts: list[_Part] = []
        groups = list(self._groups())
        ranges = ((group[0].chunk.url, (group[0].start, _end(group))) for group in groups)
        for index, data in fetched(self._client, ranges, self._etags):
            first = groups[index][0].start
            for span in groups[index]:
                parts += self._begin(span, data[span.start - first : span.end - first])
        for index, data in fetched(self._client, self._requests(parts), self._etags):
            self._finish(parts[index], data)

    def _groups(self) -> Iterator[list[_Span]]:
        files: dict[str, list[_Span]] = {}
        for chunk in self._chunks.values():
            size = chunk.end - chunk.start
            if chunk.is_plain_tensor and size > GAP:
                size = HEAD
            span = _Span(chunk, chunk.start, chunk.start + size)
            files.setdefault(chunk.url, []).append(span)
        for spans in files.values():
            yield from coalesced(spans, self._gap, _REQUEST)

    def _begin(self, span: _Span, data: memoryview) -> Iterator[_Part]:
        """Load what is here; what else is needed of the chunk."""
        chunk = span.chunk
        if span.end == chunk.end:
            self._whole(chunk, data)
            return
        stored = parse_head(bytes(data))
        if stored is None:
            yield _Part(chunk, chunk.start, chunk.end)
            return
        stored = replace(stored, start=chunk.start + stored.start)
        for item in chunk.items:
            start, end = stored.span(item.storage_offsets, item.lengths)
            if start == end:
                self._copy(item, _view(stored, item, data[:0]))
            else:
                yield _Part(chunk, start, end, item, stored)

    def _requests(self, parts: list[_Part]) -> Iterator[Any]:
        for part in parts:
            url, bytes_ = part.chunk.url, (part.start, part.end)
            if part.item is not None and part.stored is not None:
                target = self._target(part.item)
                if _fits(target, part.stored, part.item):
                    part.target = target
                    yield url, bytes_, buffer_of(target)
                    continue
            yield url, bytes_

    def _finish(self, part: _Part, data: memoryview) -> None:
        if part.item is None or part.stored is None:
            self._whole(part.chunk, data)
        elif part.target is not None:
            self._planner.commit_tensor(part.item, part.target)
        else:
            self._copy(part.item, _view(part.stored, part.item, data))

    def _whole(self, chunk: _Chunk, data: memoryview) -> None:
        stored = parse_head(bytes(data[:HEAD])) if chunk.is_plain_tensor else None
        for item in chunk.items:
            if stored is not None:
                start, end = stored.span(item.storage_offsets, item.lengths)
                self._copy(item, _view(stored, item, data[start:end]))
                continue
            file: Any = io.BytesIO(data)
            if chunk.transforms:
                file = self._transforms.transform_load_stream(item, chunk.transforms, file)
                file = io.BytesIO(file.read(-1))
            if item.type == LoadItemType.BYTE_IO:
                self._planner.load_bytes(item, file)
                continue
            tensor = torch.load(file, map_location="cpu", weights_only=True)
            for dim, (offset, length) in enumerate(
                zip(item.storage_offsets, item.lengths, strict=True)
            ):
                tensor = tensor.narrow(dim, offset, length)
            self._copy(item, tensor)

    def _target(self, item: ReadItem) -> torch.Tensor:
        return self._planner.resolve_tensor(item).detach()

    def _copy(self, item: ReadItem, tensor: torch.Tensor) -> None:
        target = self._target(item)
        if target.size() != tensor.size():
            raise AssertionError(
                f"{item.storage_index} has the size {tuple(tensor.size())}, and is to be loaded "
                f"into {tuple(target.size())}"
            )
        target.copy_(tensor)
        self._planner.commit_tensor(item, target)


def _end(group: list[_Span]) -> int:
    return max(span.end for span in group)


def _fits(target: torch.Tensor, stored: Stored, item: ReadItem) -> bool:
    """Whether the stored bytes are what the tensor's memory has to hold."""
    return (
        target.device.type == "cpu"
        and target.dtype == stored.dtype
        and tuple(target.size()) == tuple(item.lengths)
        and type(target) in (torch.Tensor, torch.nn.Parameter)
        and target.layout == torch.strided
        and target.is_contiguous()
        and not target.is_conj()
        and not target.is_neg()
        and target.numel() > 0
        and stored.is_packed(item.lengths)
    )


def _view(stored: Stored, item: ReadItem, data: memoryview) -> torch.Tensor:
    """What an item is of a stored tensor, over the bytes from its first to its last element."""
    if len(data) == 0:
        return torch.empty(tuple(item.lengths), dtype=stored.dtype)
    flat = torch.frombuffer(data, dtype=torch.uint8)
    if flat.data_ptr() % stored.dtype.itemsize:
        flat = flat.clone()
    return flat.view(stored.dtype).as_strided(tuple(item.lengths), stored.stride)

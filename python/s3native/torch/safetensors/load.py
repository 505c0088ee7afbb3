"""`load_safetensors`."""

from __future__ import annotations

import json
import posixpath
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

import s3native
from s3native import IntegrityError, RangeError
from s3native.torch.fetching import GAP, coalesced, fetched
from s3native.torch.memory import allocate, buffer_of
from s3native.torch.safetensors.format import Entry, header_end, parse_header

if TYPE_CHECKING:
    from s3native import Client

_HEAD = 64 << 10
"""Bytes asked for at first: enough for the headers of most files."""
_RUN = 256 << 20
"""Bytes that tensors share: those of a run live until its last tensor goes."""
_PIECE = 8 << 20
_PIECES = 10
"""On their way to a device at once."""


@dataclass(frozen=True)
class _File:
    url: str
    etag: str
    entries: dict[str, Entry]


def load_safetensors(
    url: str,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    names: Iterable[str] | None = None,
    client: Client | None = None,
) -> dict[str, torch.Tensor]:
    """Load the tensors of a safetensors file, or of all files of an index, by name.

    The bytes are received into the tensors' own memory; on the way to a GPU, into pinned memory.

    Args:
        url: of a file, or of an index of several in the same place, "….index.json".
        device: where the tensors go; default the CPU.
        dtype: what floating-point tensors are converted to; default: as they are.
        names: load these only; nothing is fetched of the others. Default: all.
        client: default: that of `s3native`'s functions.

    Raises:
        ValueError: not the URL of an object. KeyError: there is no tensor of that name.
        IntegrityError: not a whole safetensors file. PreconditionFailedError: it was overwritten
            while it was read. S3Error: as `s3native.Client.get`.
    """
    client = client or s3native.default_client()
    device = torch.device(device)
    files = _files(client, url)
    where = {name: file for file in files for name in file.entries}
    wanted = list(where) if names is None else list(names)
    if missing := [name for name in wanted if name not in where]:
        raise KeyError(f"{url} has no tensor {missing[0]!r}")
    load = _received if device.type == "cpu" else _staged
    loaded: dict[str, torch.Tensor] = {}
    for file in files:
        entries = [file.entries[name] for name in wanted if where[name] is file]
        for entry in entries:  # nothing to fetch
            if entry.start == entry.end:
                loaded[entry.name] = torch.empty(entry.shape, dtype=entry.dtype, device=device)
        entries = [entry for entry in entries if entry.start != entry.end]
        for name, tensor in load(client, file, entries, device):
            convert = dtype is not None and tensor.is_floating_point()
            loaded[name] = tensor.to(dtype) if convert else tensor
    return {name: loaded[name] for name in wanted}


def _files(client: Client, url: str) -> list[_File]:
    if not url.endswith(".index.json"):
        return _heads(client, [url])
    try:
        names = dict.fromkeys(json.loads(bytes(client.get(url)))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{url} is no index of safetensors files: {error!r}") from error
    return _heads(client, [posixpath.join(posixpath.dirname(url), name) for name in names])


def _heads(client: Client, urls: list[str]) -> list[_File]:
    files = []
    for item in client.get_many((url, (0, _HEAD)) for url in urls):
        if isinstance(item.error, RangeError):
            raise IntegrityError(f"{item.url} is no safetensors file: it is empty")
        if item.error is not None:
            raise item.error
        size, etag, head = item.info.size, item.info.etag, bytes(item.data)
        end = header_end(item.url, size, head)
        if end > len(head):
            head += bytes(client.get(item.url, range=(len(head), end), if_match=etag))
        files.append(_File(item.url, etag, parse_header(item.url, size, head[:end])))
    return files


def _received(
    client: Client, file: _File, entries: list[Entry], _device: torch.device
) -> Iterator[tuple[str, torch.Tensor]]:
    """Tensors over the memory that their bytes were received into."""
    runs = coalesced(entries, GAP, _RUN)
    memory: dict[int, Any] = {}

    def requests() -> Iterator[Any]:
        for index, run in enumerate(runs):
            start, end = run[0].start, run[-1].end
            memory[index] = _memory(start, end)
            yield file.url, (start, end), memory[index]

    for index, _ in fetched(client, requests(), {file.url: file.etag}):
        run, buffer = runs[index], memory.pop(index)
        for entry in run:
            yield entry.name, _tensor(entry, buffer, entry.start - run[0].start)


def _memory(start: int, end: int) -> Any:
    """Memory for a range."""
    shift = start % 64  # what is aligned in the file is here
    return buffer_of(allocate(shift + end - start))[shift:]


def _tensor(entry: Entry, buffer: Any, start: int) -> torch.Tensor:
    if entry.start % entry.dtype.itemsize:  # as no writer that is known leaves it
        buffer, start = bytearray(buffer[start : start + entry.end - entry.start]), 0
    count = (entry.end - entry.start) // entry.dtype.itemsize
    flat = torch.frombuffer(buffer, dtype=entry.dtype, count=count, offset=start)
    return flat.reshape(entry.shape)


def _staged(
    client: Client, file: _File, entries: list[Entry], device: torch.device
) -> Iterator[tuple[str, torch.Tensor]]:
    """Tensors on a device, copied there from pinned memory while more is received."""
    pieces = [
        (run, start, min(start + _PIECE, run[-1].end))
        for run in coalesced(entries, GAP, _RUN)
        for start in range(run[0].start, run[-1].end, _PIECE)
    ]
    staging = _Staging(device)
    used: dict[int, torch.Tensor] = {}

    def requests() -> Iterator[Any]:
        for index, (_, start, end) in enumerate(pieces):
            used[index] = staging.take()
            yield file.url, (start, end), buffer_of(used[index])

    there = {entry: torch.empty(entry.shape, dtype=entry.dtype, device=device) for entry in entries}
    for index, _ in fetched(client, requests(), {file.url: file.etag}, _PIECES):
        run, start, end = pieces[index]
        piece = used.pop(index)
        for entry in run:
            first, last = max(start, entry.start), min(end, entry.end)
            if first < last:
                flat = there[entry].reshape(-1).view(torch.uint8)
                flat[first - entry.start : last - entry.start].copy_(
                    piece[first - start : last - start], non_blocking=True
                )
        staging.give_back(piece)
    staging.finish()
    for entry, tensor in there.items():
        yield entry.name, tensor


class _Staging:
    """Pieces of memory that copies to a device are made from, pinned where that is CUDA."""

    def __init__(self, device: torch.device) -> None:
        self._is_cuda = device.type == "cuda"
        self._device = device
        self._free: list[torch.Tensor] = []
        self._copied: deque[tuple[Any, torch.Tensor]] = deque()

    def take(self) -> torch.Tensor:
        """Return a piece that no copy is under way from."""
        while self._copied and (self._copied[0][0].query() or len(self._copied) >= _PIECES):
            event, piece = self._copied.popleft()
            event.synchronize()
            self._free.append(piece)
        if self._free:
            return self._free.pop()
        return torch.empty(_PIECE, dtype=torch.uint8, pin_memory=self._is_cuda)

    def give_back(self, piece: torch.Tensor) -> None:
        """Take a piece that the last copies are made from."""
        if not self._is_cuda:
            self._free.append(piece)
            return
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(self._device))
        self._copied.append((event, piece))

    def finish(self) -> None:
        """Wait for all copies."""
        for event, _ in self._copied:
            event.synchronize()

"""Where `torch.save` put the bytes of a tensor, found out from the beginning of its file: pure.

Such a file is a zip archive without compression: first a pickle that tells of the tensor, then some
short records, then the tensor's storage.
"""

from __future__ import annotations

import io
import operator
import pickle
import struct
import sys
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

HEAD = 2048
"""Bytes to look at: the storage of one tensor begins at about 1000."""

_LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Of a record in a zip archive: signature, lengths of its name and of what else comes before it."""
_SIGNATURE = b"PK\x03\x04"

_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
}
"""What dtypes are called in pickles; later ones are there by their own names."""


@dataclass(frozen=True)
class Stored:
    """A tensor in a file.

    Args:
        stride: in elements. start: of its first element's bytes in the file.
    """

    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    start: int

    def span(self, offsets: Sequence[int], lengths: Sequence[int]) -> tuple[int, int]:
        """Return the bytes, half-open, from the first to the last element of a part of it."""
        if 0 in lengths:
            return self.start, self.start
        ends = [offset + length - 1 for offset, length in zip(offsets, lengths, strict=True)]
        first = sum(map(operator.mul, offsets, self.stride))
        last = sum(map(operator.mul, ends, self.stride))
        size = self.dtype.itemsize
        return self.start + first * size, self.start + (last + 1) * size

    def is_packed(self, lengths: Sequence[int]) -> bool:
        """Whether a part with these lengths is as a contiguous tensor of them has it."""
        expected = 1
        for length, stride in zip(reversed(lengths), reversed(self.stride), strict=True):
            if length != 1 and stride != expected:
                return False
            expected *= length
        return True


def parse_head(head: bytes) -> Stored | None:
    """Return the tensor that `torch.save` wrote, from its first bytes; None if it is not clear."""
    try:
        file = io.BytesIO(head)
        name = _record(file)
        if not name.endswith("/data.pkl"):
            return None
        tensor = _Unpickler(file).load()
        if not isinstance(tensor, _Tensor) or tensor.storage_offset != 0:
            return None
        while not (name := _next_record(file)).endswith("/data/" + tensor.storage.key):
            if name.endswith("/byteorder") and not head.startswith(
                sys.byteorder.encode(), file.tell()
            ):
                return None
        return Stored(tensor.dtype, tensor.shape, tensor.stride, file.tell())
    except (struct.error, pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError):
        return None  # torch.load has to say what it is


def _record(file: io.BytesIO) -> str:
    """Go on to a record's bytes from its header, and return its name."""
    signature, name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    if signature != _SIGNATURE:
        raise ValueError("no record")
    name = file.read(name_length)
    file.seek(extra_length, io.SEEK_CUR)
    return name.decode()


def _next_record(file: io.BytesIO) -> str:
    """Do so for the next one, from anywhere in the one before: sizes come behind the bytes."""
    file.seek(file.getvalue().index(_SIGNATURE, file.tell()))
    return _record(file)


@dataclass(frozen=True)
class _Storage:
    dtype: torch.dtype | None
    key: str


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    storage_offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


def _rebuild(
    storage: _Storage, offset: int, shape: Any, stride: Any, _grad: Any, _hooks: Any, *rest: Any
) -> _Tensor:
    dtype = storage.dtype or rest[0]
    return _Tensor(storage, offset, tuple(shape), tuple(stride), dtype)


class _Unpickler(pickle.Unpickler):
    """Knows what plain tensors are made of, and refuses everything else."""

    def persistent_load(self, saved: Any) -> _Storage:
        kind, storage, key, _location, _size = saved
        if kind != "storage":
            raise pickle.UnpicklingError("no storage")
        return _Storage(storage, key)

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch._utils" and name in ("_rebuild_tensor_v2", "_rebuild_tensor_v3"):
            return _rebuild
        if (module, name) == ("torch.storage", "UntypedStorage"):
            return None  # the tensor tells its dtype
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name}")

"""What a file in the safetensors format holds, and where: pure, apart from I/O.

Eight bytes that tell the length of a header, that header in JSON, and the tensors' bytes, without
gaps.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from s3native import IntegrityError

LENGTH = struct.Struct("<Q")
_MOST_HEADER = 100_000_000
"""Bytes of a header at most, as the format has it."""
_METADATA = "__metadata__"


_NAMES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "I16": "int16",
    "U16": "uint16",
    "F16": "float16",
    "BF16": "bfloat16",
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "I64": "int64",
    "U64": "uint64",
    "F64": "float64",
    "C64": "complex64",
}
_DTYPES: dict[str, torch.dtype] = {
    name: getattr(torch, dtype) for name, dtype in _NAMES.items() if hasattr(torch, dtype)
}
_DTYPE_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


@dataclass(frozen=True)
class Entry:
    """One tensor of a file: what it is, and its bytes in the object, half-open."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    end: int


def header_end(url: str, size: int, head: bytes) -> int:
    """Return where the header of an object of `size` bytes ends, which begins with `head`.

    Raises IntegrityError for no safetensors file.
    """
    if len(head) < LENGTH.size:
        raise IntegrityError(f"{url} is no safetensors file: it has {size} bytes")
    end = LENGTH.size + int(LENGTH.unpack_from(head)[0])
    if end > min(size, _MOST_HEADER):
        raise IntegrityError(f"{url} is no safetensors file: its header would end at byte {end}")
    return end


def parse_header(url: str, size: int, header: bytes) -> dict[str, Entry]:
    """Return the tensors of an object of `size` bytes, by name, in the order of their bytes.

    Args:
        header: all of it, with its length.

    Raises:
        IntegrityError: that is no safetensors file, or one that was cut short.
    """
    try:
        fields = json.loads(header[LENGTH.size :])
        fields.pop(_METADATA, None)
        entries = [_entry(name, about, len(header)) for name, about in fields.items()]
        entries.sort(key=lambda entry: (entry.start, entry.end))
        end = len(header)
        for entry in entries:
            if entry.start != end:
                raise ValueError(f"the bytes of {entry.name!r} do not follow on the others")
            end = entry.end
        if end != size:
            raise ValueError(f"it has {size} bytes, and its header tells of {end}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{url} is no whole safetensors file: {error}") from error
    return {entry.name: entry for entry in entries}


def _entry(name: str, about: Mapping[str, Any], data: int) -> Entry:
    if about["dtype"] not in _DTYPES:
        raise ValueError(f"{name!r} is of dtype {about['dtype']!r}, which is not known here")
    dtype, shape = _DTYPES[about["dtype"]], tuple(int(length) for length in about["shape"])
    start, end = (int(offset) for offset in about["data_offsets"])
    if min(shape, default=0) < 0 or end - start != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name!r} has {end - start} bytes and the shape {shape}")
    return Entry(name, dtype, shape, data + start, data + end)


def make_header(
    tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None
) -> tuple[bytes, list[str]]:
    """Return the header for tensors, with its length, and the names in the order of their bytes.

    Raises ValueError for a name, a dtype or a layout that the format does not have.
    """
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    fields: dict[str, Any] = {_METADATA: dict(metadata)} if metadata else {}
    start = 0
    for name in order:
        tensor = tensors[name]
        if name == _METADATA:
            raise ValueError(f"no tensor can have the name {name!r}")
        if tensor.dtype not in _DTYPE_NAMES or tensor.layout != torch.strided:
            raise ValueError(
                f"{name!r} is of {tensor.dtype} and {tensor.layout}, which the safetensors format "
                "does not have"
            )
        end = start + tensor.numel() * tensor.element_size()
        fields[name] = {
            "dtype": _DTYPE_NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
        start = end
    text = json.dumps(fields, separators=(",", ":")).encode()
    text += b" " * (-len(text) % LENGTH.size)  # tensors begin at multiples of 8
    return LENGTH.pack(len(text)) + text, order

"""State dicts of PyTorch, and records of TensorFlow, with the test objects' bytes; their files."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from s3native.bench import content

if TYPE_CHECKING:
    import torch

    State = Mapping[str, torch.Tensor]

_TENSOR_SIZE = 16 << 20
"""Bytes of a tensor: the matrices of a model of some billion parameters."""
_LEAST_TENSORS = 16
_RECORD_SIZE = 100_000


def torch_is_here() -> bool:
    """Whether PyTorch is installed."""
    return importlib.util.find_spec("torch") is not None


def size_of(size: int) -> int:
    """Return the bytes of the tensors of a state of about ``size`` bytes: whole float32."""
    return size // 4 * 4


def make(size: int, seed: int) -> dict[str, torch.Tensor]:
    """Return a state whose tensors have, one after the other, the bytes of the test object."""
    import torch

    whole = content.array(size_of(size), seed).view(np.float32)
    parts = np.array_split(whole, max(_LEAST_TENSORS, size // _TENSOR_SIZE))
    return {f"layer.{number:05}": torch.from_numpy(part) for number, part in enumerate(parts)}


def digest(state: State) -> str:
    """Return the SHA-256 of the tensors' bytes, in the order of their names."""
    total = hashlib.sha256()
    for name in sorted(state):
        total.update(state[name].numpy().data)
    return total.hexdigest()


def stored(stored_as: str, size: int, seed: int) -> content.Array:
    """Return an object's bytes: the test object's, or a file with a state that has them.

    Args:
        stored_as: "torch" for what `torch.save` writes, "safetensors", TensorFlow's "records", or
            empty. Without PyTorch there are no such files; who wants them says so.
    """
    if stored_as == "records":
        return _as_records(content.array(size, seed))
    if not stored_as or not torch_is_here():
        return content.array(size, seed)
    state = make(size, seed)
    if stored_as == "safetensors":
        return _as_safetensors(state)
    import torch

    file = io.BytesIO()
    torch.save(state, file)
    return np.frombuffer(file.getbuffer(), np.uint8)


def import_tensorflow() -> Any:
    """Return the module: for the CPU, and without its notes."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    return importlib.import_module("tensorflow")


def _as_records(data: content.Array) -> content.Array:
    tf = import_tensorflow()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "records")
        with tf.io.TFRecordWriter(str(path)) as writer:
            for start in range(0, len(data), _RECORD_SIZE):
                writer.write(data[start : start + _RECORD_SIZE].tobytes())
        return np.frombuffer(path.read_bytes(), np.uint8)


def _as_safetensors(state: State) -> content.Array:
    from s3native.torch.safetensors.format import make_header

    header, names = make_header(state, None)
    tensors = (state[name].numpy().view(np.uint8) for name in names)
    return np.concatenate([np.frombuffer(header, np.uint8), *tensors])

"""`s3://` in TensorFlow: importing this makes it work, in all of TensorFlow's file operations."""

from __future__ import annotations

try:
    import tensorflow as _tensorflow  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "s3native.tensorflow needs TensorFlow 2.12 or later: pip install tensorflow"
    ) from error

from s3native.tensorflow.datasets import from_objects
from s3native.tensorflow.filesystem import register

__all__ = ["from_objects", "register"]

register()

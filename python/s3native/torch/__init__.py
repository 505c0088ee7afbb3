"""For PyTorch: datasets, checkpoints, and all that s3torchconnector offers by the same names.

``from s3torchconnector import X`` becomes ``from s3native.torch import X``, and nothing else
changes.
"""

from s3native import S3Error as S3Exception
from s3native import __version__
from s3native.torch.checkpoint import S3Checkpoint, S3Writer, load, save
from s3native.torch.config import S3ClientConfig
from s3native.torch.datasets import S3IterableDataset, S3MapDataset, merge_states
from s3native.torch.reader import S3Reader, S3ReaderConstructor
from s3native.torch.safetensors import load_safetensors, save_safetensors

__all__ = [
    "S3Checkpoint",
    "S3ClientConfig",
    "S3Exception",
    "S3IterableDataset",
    "S3MapDataset",
    "S3Reader",
    "S3ReaderConstructor",
    "S3Writer",
    "__version__",
    "load",
    "load_safetensors",
    "merge_states",
    "save",
    "save_safetensors",
]

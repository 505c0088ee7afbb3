"""Distributed checkpoints (`torch.distributed.checkpoint`) on S3.

``from s3torchconnector.dcp import X`` becomes ``from s3native.torch.dcp import X``.
"""

from s3native.torch.dcp.file_system import S3FileSystem
from s3native.torch.dcp.prefixes import (
    BinaryPrefixStrategy,
    DefaultPrefixStrategy,
    HexPrefixStrategy,
    NumericPrefixStrategy,
    RoundRobinPrefixStrategy,
    S3PrefixStrategyBase,
)
from s3native.torch.dcp.reader import S3StorageReader
from s3native.torch.dcp.writer import S3StorageWriter

__all__ = [
    "BinaryPrefixStrategy",
    "DefaultPrefixStrategy",
    "HexPrefixStrategy",
    "NumericPrefixStrategy",
    "RoundRobinPrefixStrategy",
    "S3FileSystem",
    "S3PrefixStrategyBase",
    "S3StorageReader",
    "S3StorageWriter",
]

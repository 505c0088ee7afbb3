"""`S3StorageReader`: loads distributed checkpoints, all that a plan needs at once."""

from __future__ import annotations

from typing import Any

from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.planner import LoadPlan, LoadPlanner
from torch.futures import Future

from s3native.torch.config import S3ClientConfig
from s3native.torch.dcp.file_system import Path, S3FileSystem
from s3native.torch.dcp.load import Load
from s3native.torch.reader import ReaderConstructor, ReaderKind, S3ReaderConstructor


class S3StorageReader(FileSystemReader):
    """Loads what `S3StorageWriter`, or torch's own writer, saved.

    All that a rank's plan needs is under way at once, of neighbours in one request; of a tensor
    only the rows that the rank has, straight into its memory where both are contiguous, of one
    dtype and on the CPU.

    Args:
        region: of the buckets; None: the environment's.
        path: s3:// URL below which the checkpoint is.
        s3client_config: settings of the client.
        reader_constructor: default `S3ReaderConstructor.dcp_optimized()`; a function of your own
            has files read one after the other, as torch does it.
        endpoint: "HOST:PORT" or a URL of an S3 server; default: the environment's, or Amazon.
        options: further ones of torch's FileSystemReader.

    Raises:
        S3Error: as `s3native.Client.get`, while it loads.
    """

    def __init__(
        self,
        region: str | None,
        path: Path,
        s3client_config: S3ClientConfig | None = None,
        reader_constructor: ReaderConstructor | ReaderKind | None = None,
        *,
        endpoint: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(path, **options)
        self._constructor = reader_constructor or S3ReaderConstructor.dcp_optimized()
        self.fs: S3FileSystem = S3FileSystem(
            region,
            s3client_config=s3client_config,
            reader_constructor=self._constructor,
            endpoint=endpoint,
        )
        self.path = self.fs.init_path(path)

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: Path) -> bool:
        """As `S3FileSystem.validate_checkpoint_id`."""
        return S3FileSystem.validate_checkpoint_id(checkpoint_id)

    def read_data(self, plan: LoadPlan, planner: LoadPlanner) -> Future[None]:
        """Load all items of a plan."""
        if not isinstance(self._constructor, ReaderKind):
            return super().read_data(plan, planner)
        load = Load(self.fs.client, planner, self.transforms, self._constructor.max_gap_size)
        for item in plan.items:
            info = self.storage_data[item.storage_index]
            load.add(item, self.fs.concat_path(self.path, info.relative_path), info)
        load.run()
        done: Future[None] = Future()
        done.set_result(None)
        return done

"""`S3StorageWriter`: saves distributed checkpoints, which appear whole or not at all."""

from __future__ import annotations

import dataclasses
import io
import pickle
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, cast

from torch.distributed.checkpoint import filesystem
from torch.distributed.checkpoint.filesystem import FileSystemWriter
from torch.distributed.checkpoint.metadata import Metadata
from torch.distributed.checkpoint.planner import SavePlan, SavePlanner
from torch.distributed.checkpoint.storage import WriteResult
from torch.futures import Future

from s3native import NotFoundError
from s3native.torch.checkpoint import S3Writer
from s3native.torch.config import S3ClientConfig
from s3native.torch.dcp.file_system import Path, S3FileSystem
from s3native.torch.dcp.prefixes import DefaultPrefixStrategy, S3PrefixStrategyBase


@dataclass
class StorageMetadata:
    """What the names of a rank's files begin with; torch's writer looks for it in plans."""

    prefix: str


class S3StorageWriter(FileSystemWriter):
    """Saves distributed checkpoints: files of each rank, and then ``.metadata``, which names them.

    Without ``.metadata`` there is no checkpoint, and it appears last. A checkpoint that is saved
    where there is one already has files of other names, and those of the old one are deleted when
    the new one is complete: until then the old one can be loaded.

    Args:
        region: of the buckets; None: the environment's.
        path: s3:// URL below which the checkpoint will be.
        s3client_config: settings of the client.
        prefix_strategy: what the names of files begin with; default `DefaultPrefixStrategy()`.
        thread_count: files that a rank writes beside each other; 1.
        endpoint: "HOST:PORT" or a URL of an S3 server; default: the environment's, or Amazon.
        options: further ones of torch's FileSystemWriter.

    Raises:
        S3Error: as `s3native.Client.put`, while it saves.
    """

    def __init__(
        self,
        region: str | None,
        path: Path,
        s3client_config: S3ClientConfig | None = None,
        prefix_strategy: S3PrefixStrategyBase | None = None,
        thread_count: int = 1,
        *,
        endpoint: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(path, **{"sync_files": False, "thread_count": thread_count} | options)
        self.fs: _FilesOfOneSave = _FilesOfOneSave(
            region, s3client_config=s3client_config, endpoint=endpoint
        )
        self.path = self.fs.init_path(path)
        self.prefix_strategy = prefix_strategy or DefaultPrefixStrategy()

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: Path) -> bool:
        """As `S3FileSystem.validate_checkpoint_id`."""
        return S3FileSystem.validate_checkpoint_id(checkpoint_id)

    def prepare_global_plan(self, plans: list[SavePlan]) -> list[SavePlan]:
        """Say what the names of each rank's files begin with."""
        ranks = range(len(plans)) if self._lone_rank is None else [self._lone_rank]
        prefixes = [self.prefix_strategy(rank) for rank in ranks]
        if self.fs.exists(self._metadata_url()):
            prefixes = [f"{prefix}{self.save_id[:8]}_" for prefix in prefixes]
        return [
            dataclasses.replace(plan, storage_data=StorageMetadata(prefix))
            for plan, prefix in zip(plans, prefixes, strict=True)
        ]

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        """Write this rank's files."""
        self.fs.begin()
        # torch neither waits for threads when it fails itself, nor looks at what becomes of them.
        try:
            written = super().write_data(plan, planner)
        except BaseException:
            self.fs.end()
            raise
        if self.fs.failures:
            raise self.fs.failures[0]
        if len(written.value()) != len(plan.items):
            raise RuntimeError(f"{len(written.value())} of {len(plan.items)} items were written")
        return written

    def finish(self, metadata: Metadata, results: list[list[WriteResult]]) -> None:
        """Have the checkpoint appear, in one request; then delete what it replaces."""
        metadata.version = getattr(filesystem, "CURRENT_DCP_VERSION", None)
        metadata.storage_data = {
            result.index: result.storage_data for of_rank in results for result in of_rank
        }
        metadata.storage_meta = self.storage_meta()
        url = self._metadata_url()
        replaced = self._files_of(url)
        self.fs.client.put(url, pickle.dumps(metadata))
        replaced -= {info.relative_path for info in metadata.storage_data.values()}
        self.fs.client.delete_many(self.fs.concat_path(self.path, name) for name in replaced)

    def _metadata_url(self) -> str:
        name = ".metadata" if self._lone_rank is None else f"__{self._lone_rank}.metadata"
        return self.fs.concat_path(self.path, name)

    @property
    def _lone_rank(self) -> int | None:
        """This rank, where each saves for itself; older PyTorch knows no such way."""
        return None if getattr(self, "use_collectives", True) else self.rank

    def _files_of(self, url: str) -> set[str]:
        """The files of the checkpoint that is there."""
        try:
            data = self.fs.client.get(url)
        except NotFoundError:
            return set()
        try:
            storage_data = _HarmlessUnpickler(io.BytesIO(data)).load().storage_data
            return {info.relative_path for info in storage_data.values()}
        except Exception:  # no metadata, whatever it is; it is overwritten
            return set()


class _Anything:
    """Stands for an object of any class, with its attributes; runs no code of that class."""

    def __init__(self, *_arguments: Any) -> None: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            vars(self).update(state)


class _HarmlessUnpickler(pickle.Unpickler):
    """For pickles that nobody has said are to be trusted."""

    def find_class(self, _module: str, _name: str) -> Any:
        return _Anything


class _FilesOfOneSave(S3FileSystem):
    """Remembers what writing files raised, in any thread, and can end them all."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.failures: list[BaseException] = []
        self._writing: set[io.IOBase] = set()
        self._ended = False

    def begin(self) -> None:
        self.failures.clear()
        self._ended = False

    def end(self) -> None:
        """Abort the files that are being written, and have no others begun.

        Nothing of them becomes visible after this returns.
        """
        self._ended = True
        for stream in list(self._writing):
            cast(S3Writer, stream).abort()

    @contextmanager
    def create_stream(self, path: Path, mode: str) -> Generator[io.IOBase, None, None]:
        opened = ExitStack()
        stream = opened.enter_context(super().create_stream(path, mode))
        self._writing.add(stream)  # before the question: `end` sees it, or it sees the end
        try:
            with opened:
                if self._ended:
                    raise InterruptedError(f"{path} is not written: the save has failed")
                yield stream
        except BaseException as error:
            self.failures.append(error)
            raise
        finally:
            self._writing.discard(stream)

"""`S3FileSystem`: what `torch.distributed.checkpoint` does with files, on S3."""

from __future__ import annotations

import io
import logging
import os
import pathlib
from collections.abc import Generator
from contextlib import contextmanager

from torch.distributed.checkpoint.filesystem import FileSystemBase

from s3native import Client, NotFoundError, S3Error
from s3native.client import split_url
from s3native.torch.checkpoint import writer_of
from s3native.torch.config import S3ClientConfig, client_for
from s3native.torch.reader import ReaderConstructor, ReaderKind, S3ReaderConstructor, open_reader

Path = str | os.PathLike[str]

_logger = logging.getLogger(__name__)


class S3FileSystem(FileSystemBase):
    """Files of a distributed checkpoint: paths are s3:// URLs.

    Args:
        region: of the buckets; None: the environment's.
        s3_client: the client to use, instead of one made from the other arguments.
        s3client_config: settings of the client.
        reader_constructor: how files are read; default `S3ReaderConstructor.sequential()`.
        endpoint: "HOST:PORT" or a URL of an S3 server; default: the environment's, or Amazon.
    """

    def __init__(
        self,
        region: str | None = None,
        s3_client: Client | None = None,
        s3client_config: S3ClientConfig | None = None,
        reader_constructor: ReaderConstructor | ReaderKind | None = None,
        *,
        endpoint: str | None = None,
    ) -> None:
        self.client = s3_client or client_for(region, endpoint, s3client_config)
        self._reader_constructor = reader_constructor or S3ReaderConstructor.default()

    @contextmanager
    def create_stream(self, path: Path, mode: str) -> Generator[io.IOBase, None, None]:
        """Yield a file to read ("rb") or to write ("wb"), which appears whole or not at all.

        Raises ValueError for another mode, or what is no URL of an object.
        """
        url = os.fspath(path)
        if mode == "wb":
            with writer_of(self.client, url) as writer:
                yield writer
        elif mode == "rb":
            with open_reader(self._reader_constructor, self.client, url, None) as reader:
                yield reader
        else:
            raise ValueError(f"mode must be 'rb' or 'wb', not {mode!r}")

    def concat_path(self, path: Path, suffix: str) -> str:
        """Return the URL of what is named so below that one."""
        return os.fspath(path).rstrip("/") + "/" + suffix

    def init_path(self, path: Path) -> Path:
        """Return it."""
        return path

    def rename(self, path: Path, new_path: Path) -> None:
        """Copy the object, on the server, and delete it where it was."""
        self.client.copy(os.fspath(path), os.fspath(new_path))
        self.client.delete(os.fspath(path))

    def mkdir(self, path: Path) -> None:
        """Do nothing: S3 has no directories."""

    def exists(self, path: Path) -> bool:
        """Whether there is such an object."""
        try:
            self.client.head(os.fspath(path))
        except NotFoundError:
            return False
        return True

    def rm_file(self, path: Path) -> None:
        """Delete the object; an S3Error is logged and not raised, as s3torchconnector does it."""
        try:
            self.client.delete(os.fspath(path))
        except S3Error:
            _logger.exception("%s was not deleted", os.fspath(path))

    def ls(self, path: Path) -> list[str]:
        """Return the URLs of all objects below that one."""
        pages = self.client.list(os.fspath(path).rstrip("/") + "/")
        return [found.url for page in pages for found in page.objects]

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: Path) -> bool:
        """Whether that is the URL of a place below which there can be a checkpoint, or a Path.

        A Path is said to be one because s3torchconnector says so.
        """
        if isinstance(checkpoint_id, pathlib.Path):
            return True
        try:
            split_url(os.fspath(checkpoint_id))
        except ValueError:
            return False
        return True

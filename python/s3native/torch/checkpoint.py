"""Checkpoints: `save` and `load`, and `S3Checkpoint`'s files for `torch.save` and `torch.load`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch

import s3native
from s3native.client import put_settings
from s3native.file import BUFFER_SIZE, ObjectReader, ObjectWriter
from s3native.torch.archive import (
    UnsuitableError,
    fetch_storages,
    filled,
    of_kind,
    read_archive,
    replaced,
    stored,
)
from s3native.torch.config import S3ClientConfig, client_for
from s3native.torch.lazy import LazyStorage, LazyTensor
from s3native.torch.reader import S3Reader, S3ReaderConstructor

if TYPE_CHECKING:
    from s3native import Client


def save(obj: Any, url: str, *, client: Client | None = None, **options: Any) -> None:
    """Save what `torch.save` saves, as an object that appears whole or not at all.

    What was there before stays when this raises, or the process is killed.

    Args:
        client: default: that of `s3native`'s functions.
        options: further ones of `torch.save`.

    Raises:
        ValueError: not the URL of an object. S3Error: as `s3native.Client.put`.
    """
    with writer_of(client or s3native.default_client(), url) as writer:
        torch.save(obj, writer, **options)


def load(
    url: str,
    *,
    map_location: Any = None,
    weights_only: bool = True,
    mmap: bool = False,
    client: Client | None = None,
) -> Any:
    """Load what `save` or `torch.save` saved; bytes are received into the tensors' own memory.

    Args:
        map_location: where tensors go, as for `torch.load`; with mmap a device, or None for the
            CPU.
        weights_only: refuse all but tensors and plain values, which could run code of the
            checkpoint's author; default True.
        mmap: have the bytes of a tensor fetched when it is used for the first time. Then it must be
            the same object still. Of tensors that are never used nothing is fetched.
        client: default: that of `s3native`'s functions.

    Raises:
        ValueError: not the URL of an object; with mmap: a file of the format before PyTorch 1.6, or
            one with tensors inside other objects than dicts, lists and tuples.
        S3Error: as `s3native.Client.get`. Others: as `torch.load`.
    """
    client = client or s3native.default_client()
    if mmap and not _is_device(map_location):
        raise ValueError(f"with mmap, map_location must be a device, not {map_location!r}")
    with client.open(url) as reader:
        if mmap:
            return _load_lazily(client, reader, map_location, weights_only)
        if weights_only and _is_device(map_location):
            with suppress(UnsuitableError):
                return _load_at_once(client, reader, map_location)
            reader.seek(0)
        return torch.load(reader, map_location, weights_only=weights_only)


def _is_device(map_location: Any) -> bool:
    return map_location is None or isinstance(map_location, (str, torch.device))


def _load_at_once(client: Client, reader: ObjectReader, device: Any) -> Any:
    """Have all storages under way beside each other, instead of one after the other."""
    archive = read_archive(reader, weights_only=True)
    if device is None and archive.was_elsewhere:
        raise UnsuitableError("torch.load knows what was where")
    storages = fetch_storages(client, reader.name, reader.etag, archive.storages)

    def real(tensor: torch.Tensor) -> torch.Tensor:
        here = filled(tensor, storages[stored(tensor)], torch.device(device or "cpu"))
        return of_kind(here, tensor)

    return replaced(archive.value, real)


def _load_lazily(client: Client, reader: ObjectReader, device: Any, weights_only: bool) -> Any:
    archive = read_archive(reader, weights_only=weights_only)
    storages = {
        place: LazyStorage(client, reader.name, reader.etag, place) for place in archive.storages
    }

    def lazy(tensor: torch.Tensor) -> torch.Tensor:
        return LazyTensor.like(tensor, torch.device(device or "cpu"), storages[stored(tensor)])

    return replaced(archive.value, lazy)


class S3Writer(ObjectWriter):
    """A binary file to write, of one object, that appears when it is closed, whole or not at all.

    All of `s3native.file.ObjectWriter`. When an exception leaves its `with`, or nobody closes it,
    what was there before stays.
    """

    def __exit__(self, kind: Any, *exception: Any) -> None:
        super().__exit__(kind, *exception)
        # torch ends its archive in spite of an error, and hides it behind one of its own.
        hidden = exception[0].__context__ if kind is RuntimeError else None
        if isinstance(hidden, (s3native.S3Error, KeyboardInterrupt)):
            raise hidden from None


def writer_of(client: Client, url: str) -> S3Writer:
    """Return a file to write an object; raises ValueError for what is no URL of one."""
    return S3Writer(client, url, "wb", put_settings({}), BUFFER_SIZE)


class S3Checkpoint:
    """Reads and writes checkpoints.

    Args:
        region: of the buckets; default: the environment's.
        endpoint: "HOST:PORT" or a URL of an S3 server; default: the environment's, or Amazon.
        s3client_config: settings of the client.
    """

    def __init__(
        self,
        region: str | None = None,
        endpoint: str | None = None,
        s3client_config: S3ClientConfig | None = None,
    ) -> None:
        self.region = region
        self.endpoint = endpoint
        self._config = s3client_config

    def reader(self, s3_uri: str) -> S3Reader:
        """Return a file for `torch.load`. Raises ValueError for what is no URL of an object."""
        client = client_for(self.region, self.endpoint, self._config)
        return S3ReaderConstructor.default().open(client, s3_uri, None)

    def writer(self, s3_uri: str) -> S3Writer:
        """Return a file for `torch.save`, for ``with``.

        Raises:
            ValueError: not the URL of an object. S3Error: S3 refuses what is written or its end.
        """
        return writer_of(client_for(self.region, self.endpoint, self._config), s3_uri)

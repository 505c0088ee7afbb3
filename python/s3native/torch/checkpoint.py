"""Checkpoints: `save` and `load`, and `S3Checkpoint`'s files for `torch.save` and `torch.load`."""

from __future__ import annotations

import sys
import zipfile
from typing import TYPE_CHECKING, Any

import torch

import s3native
from s3native.client import put_settings
from s3native.file import BUFFER_SIZE, ObjectWriter
from s3native.torch.config import S3ClientConfig, client_for
from s3native.torch.lazy import LazyStorage, LazyTensor
from s3native.torch.reader import S3Reader, S3ReaderConstructor

if TYPE_CHECKING:
    from s3native import Client

_ZIP = b"PK\x03\x04"
"""What zip archives begin with."""


def save(obj: Any, url: str, *, client: Client | None = None, **options: Any) -> None:
    """Save what `torch.save` saves, as an object that appears whole or not at all.

    What was there before stays when this raises, or the process is killed.

    Args:
        client: default: that of `s3native`'s functions.
        options: further ones of `torch.save`.

    Raises:
        ValueError: not the URL of an object. S3Error: as `s3native.Client.put`.
    """
    with (client or s3native.default_client()).open(url, "wb") as writer:
        try:
            torch.save(obj, writer, **options)
        except RuntimeError as error:  # of torch, which ends its archive in spite of an error
            if isinstance(error.__context__, (s3native.S3Error, KeyboardInterrupt)):
                raise error.__context__ from None
            raise


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
    with client.open(url) as reader:
        if not mmap:
            return torch.load(reader, map_location, weights_only=weights_only)
        if not (map_location is None or isinstance(map_location, (str, torch.device))):
            raise ValueError(f"with mmap, map_location must be a device, not {map_location!r}")
        if not reader.peek(len(_ZIP)).startswith(_ZIP):
            raise ValueError(f"{url} is not of the format that mmap needs, of PyTorch 1.6 or later")
        shapes = torch.load(reader, "meta", weights_only=weights_only)
        lazily = _Lazily(client, url, reader.etag, torch.device(map_location or "cpu"))
        loaded = lazily(shapes)
        with zipfile.ZipFile(reader) as archive:
            names = archive.namelist()
            orders = [archive.read(name) for name in names if name.endswith("/byteorder")]
    if any(order.decode() != sys.byteorder for order in orders):
        raise ValueError(f"{url} was saved on a machine of another byte order: mmap cannot load it")
    if len(lazily.storages) != sum("/data/" in name for name in names):
        raise ValueError(
            f"{url} has tensors inside other objects than dicts, lists and tuples: mmap does not "
            "find them"
        )
    return loaded


class _Lazily:
    """Replaces tensors without bytes, in containers that it changes, by such that fetch them."""

    def __init__(self, client: Client, url: str, etag: str, device: torch.device) -> None:
        self._from = (client, url, etag)
        self._device = device
        self.storages: dict[int, LazyStorage] = {}
        self._tensors: dict[int, tuple[torch.Tensor, LazyTensor]] = {}

    def __call__(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, dict):
            for key in value:
                value[key] = self(value[key])
        elif isinstance(value, list):
            value[:] = [self(each) for each in value]
        elif type(value) is tuple:
            return tuple(self(each) for each in value)
        elif isinstance(value, tuple) and hasattr(value, "_make"):
            return value._make(self(each) for each in value)
        return value

    def _tensor(self, tensor: torch.Tensor) -> LazyTensor:
        if id(tensor) not in self._tensors:
            storage = tensor.untyped_storage()
            start = getattr(storage, "_checkpoint_offset", None)
            if start is None:
                raise ValueError(f"PyTorch {torch.__version__} is too old for mmap")
            if start not in self.storages:
                self.storages[start] = LazyStorage(*self._from, start, storage.nbytes())
            lazy = LazyTensor.like(tensor, self._device, self.storages[start])
            self._tensors[id(tensor)] = (tensor, lazy)
        return self._tensors[id(tensor)][1]


class S3Writer(ObjectWriter):
    """A binary file to write, of one object, that appears when it is closed, whole or not at all.

    All of `s3native.file.ObjectWriter`. When an exception leaves its `with`, or nobody closes it,
    what was there before stays.
    """


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
        client = client_for(self.region, self.endpoint, self._config)
        return S3Writer(client, s3_uri, "wb", put_settings({}), BUFFER_SIZE)

"""`S3LightningCheckpoint`: checkpoints of PyTorch Lightning on S3.

For `lightning` and `pytorch_lightning`, whichever is installed.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch

from s3native.torch.checkpoint import load, save
from s3native.torch.config import S3ClientConfig, client_for

if TYPE_CHECKING:
    from s3native import Client

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def _checkpoint_io() -> tuple[type, ...]:
    """What each package takes for a plugin: its own class only."""
    found: list[type] = []
    for package in _PACKAGES:
        try:
            found.append(import_module(f"{package}.plugins.io").CheckpointIO)
        except ModuleNotFoundError:
            continue
    if not found:
        raise ModuleNotFoundError("s3native.torch.lightning needs lightning or pytorch_lightning")
    return tuple(found)


def _loads_weights_only() -> bool | None:
    """What Lightning means where it does not say: before 2.6 no, since then what PyTorch means.

    None has PyTorch decide: it is older, or the environment has a say.
    """
    for package in _PACKAGES:
        try:
            version = import_module(package).__version__
        except ModuleNotFoundError:
            continue
        if [int(part) for part in version.split(".")[:2]] < [2, 6]:
            return False
        break
    is_told = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" in os.environ
    return True if torch.__version__ >= (2, 6) and not is_told else None


class S3LightningCheckpoint(*_checkpoint_io()):  # type: ignore[misc]
    """A plugin for Lightning's Trainer that saves to, and loads from, s3:// URLs.

    Args:
        region: of the buckets; None: the environment's.
        s3client_config: settings of the client.
        endpoint: "HOST:PORT" or a URL of an S3 server; default: the environment's, or Amazon.
    """

    def __init__(
        self,
        region: str | None = None,
        s3client_config: S3ClientConfig | None = None,
        endpoint: str | None = None,
    ) -> None:
        self.region = region
        self._endpoint = endpoint
        self._config = s3client_config

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str, storage_options: Any = None
    ) -> None:
        """Save it; it appears whole or not at all, and what was there before stays until then.

        Raises:
            TypeError: path is no str. ValueError: not the URL of an object.
            S3Error: as `s3native.Client.put`.
        """
        save(checkpoint, _checked(path), client=self._client)

    def load_checkpoint(
        self, path: str, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Load a checkpoint; with weights_only as `s3native.torch.load`, its tensors at once.

        Args:
            map_location: where tensors go, as for `torch.load`.
            weights_only: as for `torch.load`; the default is Lightning's.

        Raises:
            TypeError: path is no str. ValueError: not the URL of an object.
            S3Error: as `s3native.Client.get`.
        """
        if weights_only is None:
            weights_only = _loads_weights_only()
        loaded: dict[str, Any]
        if weights_only:
            loaded = load(_checked(path), map_location=map_location, client=self._client)
            return loaded
        with self._client.open(_checked(path)) as reader:
            loaded = torch.load(reader, map_location, weights_only=weights_only)
        return loaded

    def remove_checkpoint(self, path: str) -> None:
        """Delete a checkpoint. Raises TypeError, ValueError and S3Error as the others."""
        self._client.delete(_checked(path))

    def teardown(self) -> None:
        """Do nothing."""

    @property
    def _client(self) -> Client:
        return client_for(self.region, self._endpoint, self._config)


def _checked(path: Any) -> str:
    if not isinstance(path, str):
        raise TypeError(f"path must be a str with an s3:// URL, not {type(path).__name__}")
    return path

"""The engine's end of `s3native.tensorflow`: the extension module is TensorFlow's plugin, too."""

from __future__ import annotations

from s3native import _core
from s3native.client import Client

PATH = _core.__file__


def use(client: Client | None) -> None:
    """Have files that TensorFlow opens from now on be this client's; None: as the environment says.

    Raises:
        ValueError: the client is closed.
    """
    _core.use_for_tensorflow(None if client is None else client._engine)


def keep_listings(seconds: float) -> None:
    """Have TensorFlow's listings and patterns answered for so long out of one listing; 0: not."""
    _core.keep_listings(int(seconds * 1000))


def publish_flushed() -> None:
    """Make visible what TensorFlow has flushed and what still waits for that; raises S3Error."""
    _core.publish_flushed()

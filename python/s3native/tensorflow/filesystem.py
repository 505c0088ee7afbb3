"""Registers the engine as TensorFlow's filesystem for `s3://`."""

from __future__ import annotations

import atexit
import contextlib
import os
import warnings

import tensorflow as tf

from s3native import Client, S3Error, plugin, telemetry

_registered = False
_chosen: Client | None = None


def register(client: Client | None = None) -> None:
    """Make `s3://` work in TensorFlow, as `import s3native.tensorflow` does; may be called again.

    Args:
        client: whose files they are from now on. The default is one with the environment's
            configuration, made when the first file is used.

    Raises:
        RuntimeError: another library serves `s3://` already.
        ValueError: the client is closed.
    """
    global _registered, _chosen
    if client is None:
        telemetry.use_environment()
    plugin.use(client)
    _chosen = client
    if _registered:
        return
    try:
        tf.experimental.register_filesystem_plugin(plugin.PATH)
    except tf.errors.AlreadyExistsError as error:
        raise RuntimeError(
            "another library, perhaps tensorflow-io, serves s3:// in this process: "
            "import s3native.tensorflow before it, or instead of it"
        ) from error
    _registered = True
    atexit.register(_publish_flushed)
    os.register_at_fork(after_in_child=_use_again)


def _publish_flushed() -> None:
    """Logs are flushed and not closed: what waits for its turn would be lost at exit."""
    try:
        plugin.publish_flushed()
    except S3Error as error:
        warnings.warn(f"what TensorFlow flushed last is lost: {error}", RuntimeWarning, 1)


def _use_again() -> None:
    """In a forked child, where the engine is another."""
    with contextlib.suppress(ValueError):
        plugin.use(_chosen)

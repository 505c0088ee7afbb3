"""S3 into and out of the memory of a training process, without copies.

Every operation of `Client` is also a function of this module, on a default client made from the
environment and the AWS profile on first use.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from s3native import _core, errors
from s3native._core import Buffer, GetManyItem, ObjectInfo
from s3native.client import BucketInfo, Client, Config, Credentials, ListPage, PutResult
from s3native.errors import (
    AccessDeniedError,
    ConnectionFailedError,
    CredentialsError,
    IntegrityError,
    NotFoundError,
    PreconditionFailedError,
    RangeError,
    RequestCancelledError,
    RequestTimeoutError,
    S3Error,
    ThrottledError,
    UnavailableError,
)

__version__: str = _core.__version__
_core._set_error_factory(errors.from_engine)

_OPERATIONS = (
    "abort_stale_uploads",
    "copy",
    "create_bucket",
    "delete",
    "delete_bucket",
    "delete_many",
    "get",
    "get_into",
    "get_many",
    "get_ranges",
    "head",
    "list",
    "list_buckets",
    "open",
    "presign",
    "put",
    "stats",
)

__all__ = [
    "AccessDeniedError",
    "BucketInfo",
    "Buffer",
    "Client",
    "Config",
    "ConnectionFailedError",
    "Credentials",
    "CredentialsError",
    "GetManyItem",
    "IntegrityError",
    "ListPage",
    "NotFoundError",
    "ObjectInfo",
    "PreconditionFailedError",
    "PutResult",
    "RangeError",
    "RequestCancelledError",
    "RequestTimeoutError",
    "S3Error",
    "ThrottledError",
    "UnavailableError",
    "default_client",
    "telemetry",
    *_OPERATIONS,
]

_default: tuple[int, Client] | None = None


def default_client() -> Client:
    """The client behind this module's functions; made on first use, anew in a forked child."""
    global _default
    if _default is None or _default[0] != os.getpid():
        _default = (os.getpid(), Client())
    return _default[1]


def __getattr__(name: str) -> Any:
    if name in _OPERATIONS:
        return getattr(default_client(), name)
    if name == "telemetry":  # imported when it is used: few programs do
        return importlib.import_module("s3native.telemetry")
    raise AttributeError(f"module 's3native' has no attribute {name!r}")

"""What can go wrong, one class per cause a caller can act on.

Every class is an `OSError`, carries the same attributes, and pickles with them.
Bad arguments raise `ValueError` or `TypeError` before any request.
"""

from __future__ import annotations

from typing import Any


class S3Error(OSError):
    """A request to S3 failed.

    Attributes:
        operation: S3's name of the operation, such as "GetObject".
        bucket, key, range: what it was about; `range` is "[start, end)" or empty.
        http_status: status of the last response, 0 if there was none.
        s3_code: the server's error code, such as "NoSuchKey", or empty.
        request_id: the server's x-amz-request-id, for its operator.
        crt_code: error code of the AWS Common Runtime, 0 if none.
        attempts: HTTP requests sent, 0 if unknown.
        retryable: whether the same call may succeed later.
    """

    operation: str
    bucket: str
    key: str
    range: str
    http_status: int
    s3_code: str
    request_id: str
    crt_code: int
    attempts: int
    retryable: bool

    def __init__(self, message: str = "", **attributes: Any) -> None:
        super().__init__(message)
        self.operation = attributes.get("operation", "")
        self.bucket = attributes.get("bucket", "")
        self.key = attributes.get("key", "")
        self.range = attributes.get("range", "")
        self.http_status = attributes.get("http_status", 0)
        self.s3_code = attributes.get("s3_code", "")
        self.request_id = attributes.get("request_id", "")
        self.crt_code = attributes.get("crt_code", 0)
        self.attempts = attributes.get("attempts", 0)
        self.retryable = attributes.get("retryable", False)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), str(self), dict(self.__dict__))


class NotFoundError(S3Error, FileNotFoundError):
    """404: no such key, version, upload or bucket."""


class AccessDeniedError(S3Error, PermissionError):
    """401 or 403: the credentials may not do this, or the server does not accept them."""


class CredentialsError(S3Error):
    """No credentials were found, they have expired, or their provider failed."""


class PreconditionFailedError(S3Error):
    """The object changed under a reader, or If-Match or If-None-Match did not hold."""


class RangeError(S3Error):
    """416: the range starts at or behind the object's end."""


class ThrottledError(S3Error):
    """503 SlowDown or 429, after retries."""


class ConnectionFailedError(S3Error, ConnectionError):
    """DNS, connect, TLS or reset, after retries."""


class UnavailableError(S3Error):
    """The server failed (5xx), after retries."""


class RequestTimeoutError(S3Error, TimeoutError):
    """Connect, stall or total timeout."""


class IntegrityError(S3Error):
    """Checksum mismatch, truncated body, or a response that is not what S3 promises."""


class RequestCancelledError(S3Error):
    """The request was cancelled."""


_CLASSES: dict[str, type[S3Error]] = {
    "NotFound": NotFoundError,
    "AccessDenied": AccessDeniedError,
    "Credentials": CredentialsError,
    "PreconditionFailed": PreconditionFailedError,
    "Range": RangeError,
    "Throttled": ThrottledError,
    "ConnectionFailed": ConnectionFailedError,
    "Unavailable": UnavailableError,
    "Timeout": RequestTimeoutError,
    "Integrity": IntegrityError,
    "Cancelled": RequestCancelledError,
}


def _rebuild(cls: type[S3Error], message: str, attributes: dict[str, Any]) -> S3Error:
    return cls(message, **attributes)


def from_engine(code: str, message: str, attributes: dict[str, Any]) -> Exception:
    """The exception for an error of the engine, whose code it names as C++ does."""
    if code == "InvalidArgument":
        return ValueError(message)
    return _CLASSES.get(code, S3Error)(message, **attributes)

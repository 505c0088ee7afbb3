"""What the engine tells of its work: log lines for `logging`, and a record of each request.

Both are off, and free, until asked for. Then a daemon thread of this module hands them on; what
it cannot keep up with is dropped and counted (``stats()["events_dropped"]``).
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from s3native import _core

logger = logging.getLogger("s3native")

TRACE = 5
"""The level of `logging` that the engine's most detailed lines have."""

# The engine's levels, by the level of `logging` they have.
_LEVELS = {1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO, 4: logging.DEBUG, 5: TRACE}
_NAMES = {
    "off": 0,
    "fatal": 1,
    "error": 1,
    "warn": 2,
    "warning": 2,
    "info": 3,
    "debug": 4,
    "trace": 5,
}
# AWS_LOG_LEVEL as a number is aws-c-common's: off, fatal, error, warn, info, debug, trace.
_NUMBERS = dict(enumerate(("off", "fatal", "error", "warn", "info", "debug", "trace")))


@dataclass(frozen=True)
class RequestRecord:
    """One request of an operation, its retries included.

    An operation on a large object makes several: a GET of each part, say.
    """

    operation: str
    """S3's name, such as "GetObject"."""
    bucket: str
    key: str
    range: str
    """Half-open "[start, end)", or empty."""
    error: str
    """The cause, such as "NotFound"; empty when it went well."""
    http_status: int
    """Of the last attempt; 0: no answer."""
    attempts: int
    """HTTP requests sent."""
    bytes_received: int
    """Of the last answer's body."""
    bytes_sent: int
    """Of the request's body, once."""
    first_byte_s: float
    """Seconds from sending the last attempt to the first bytes of its answer; 0: no answer."""
    total_s: float
    """Seconds from the call to its end, waits between attempts included."""
    connection: int
    """A number for the last attempt's connection; 0: none."""
    request_id: str
    """What the server calls the request."""


RequestCallback = Callable[[RequestRecord], None]


class _Dispatcher:
    """The thread that takes events from the engine and hands them on."""

    def __init__(self) -> None:
        self.callbacks: list[RequestCallback] = []
        self._thread: threading.Thread | None = None
        self._turn = threading.Condition()
        self._turns = 0

    def start(self) -> None:
        """Run, if it does not."""
        with self._turn:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="s3native-events", daemon=True
                )
                self._thread.start()

    def start_in_child(self) -> None:
        """A forked child has no thread, and its copy of the lock may be held."""
        self._turn = threading.Condition()
        if self._thread is not None:
            self._thread = None
            self.start()

    def flush(self, timeout_s: float) -> bool:
        """Hand on what happened so far; whether that was done in time."""
        with self._turn:
            if self._thread is None:
                return True
            # The turn under way may have taken its events before now.
            wanted = self._turns + 2
            waits = max(1, int(timeout_s / 0.02))
            for _ in range(waits):
                _core.wake_events()
                if self._turn.wait_for(lambda: self._turns >= wanted, 0.02):
                    return True
        return False

    def _run(self) -> None:
        while True:
            for event in _core.take_events(1.0):
                self._hand_on(event)
            with self._turn:
                self._turns += 1
                self._turn.notify_all()

    def _hand_on(self, event: tuple[int, bytes] | dict[str, Any]) -> None:
        if isinstance(event, tuple):
            level, text = event
            logger.log(_LEVELS[level], "%s", text.decode(errors="backslashreplace"))
            return
        event["key"] = event["key"].decode(errors="surrogateescape")
        event["request_id"] = event["request_id"].decode(errors="replace")
        record = RequestRecord(**event)
        for callback in list(self.callbacks):
            try:
                callback(record)
            except Exception:
                logger.exception("a callback for requests failed")


_dispatcher = _Dispatcher()
_level_was_set = False


def set_log_level(level: int | str) -> None:
    """Hand the engine's log lines of `level` and above to the logger "s3native".

    Args:
        level: a name ("error", "warning", "info", "debug", "trace", or "off", the default), or a
            level of `logging`. The logger gets the same level. "info" tells of retries, "debug" of
            each request and connection, "trace" of sockets and TLS. No line holds a secret.

    Raises:
        ValueError: no such level.
    """
    global _level_was_set
    _level_was_set = True
    if isinstance(level, str):
        if level.lower() not in _NAMES:
            raise ValueError(f"no such log level: {level!r}; there are {', '.join(_NAMES)}")
        engine_level = _NAMES[level.lower()]
    else:
        engine_level = max((e for e, at in _LEVELS.items() if at >= level), default=0)
    if engine_level:
        logger.setLevel(_LEVELS[engine_level])
        _dispatcher.start()
    _core.set_log_level(engine_level)


def use_environment() -> None:
    """Do as AWS_LOG_LEVEL says, unless `set_log_level` was called; clients do this when made.

    It is a name or a number, from 0 (off) to 6 (trace). Without handlers of the program's own, the
    lines go to standard error.

    Raises:
        ValueError: AWS_LOG_LEVEL is no level.
    """
    text = os.environ.get("AWS_LOG_LEVEL", "").strip().lower()
    if not text or _level_was_set:
        return
    name = _NUMBERS.get(int(text), text) if text.isdecimal() else text
    if name not in _NAMES:
        raise ValueError(f"AWS_LOG_LEVEL={text!r} is no level: expected 0 to 6, or a name")
    if name != "off" and not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
    set_log_level(name)


def on_request(callback: RequestCallback) -> Callable[[], None]:
    """Call `callback` with the `RequestRecord` of each request of this process, from now on.

    It runs on a thread of its own, after the request; what it raises is logged. Returns a function
    that ends this.
    """
    _dispatcher.callbacks.append(callback)
    _dispatcher.start()
    _core.set_record_requests(True)

    def stop() -> None:
        with contextlib.suppress(ValueError):
            _dispatcher.callbacks.remove(callback)
        if not _dispatcher.callbacks:
            _core.set_record_requests(False)

    return stop


def flush(timeout_s: float = 5.0) -> bool:
    """Wait until all that happened so far was handed on; whether that was done in time."""
    return _dispatcher.flush(timeout_s)


def instrument_opentelemetry(meter_provider: Any = None) -> Callable[[], None]:
    """Record metrics of all requests with OpenTelemetry, on this or the global meter provider.

    Instruments: histograms ``s3native.request.duration`` and
    ``s3native.request.time_to_first_byte`` (seconds), counters ``s3native.request.io`` (bytes, by
    ``direction``) and ``s3native.request.retries``. Attributes: ``rpc.method`` (the operation),
    ``http.response.status_code``, and ``error.type`` of failures. Returns a function that ends it.

    Raises:
        ImportError: the package opentelemetry-api is not installed.
    """
    from opentelemetry import metrics

    meter = metrics.get_meter("s3native", _core.__version__, meter_provider)
    duration = meter.create_histogram("s3native.request.duration", unit="s")
    first_byte = meter.create_histogram("s3native.request.time_to_first_byte", unit="s")
    io = meter.create_counter("s3native.request.io", unit="By")
    retries = meter.create_counter("s3native.request.retries", unit="{retry}")

    def record(request: RequestRecord) -> None:
        attributes: dict[str, str | int] = {
            "rpc.method": request.operation,
            "http.response.status_code": request.http_status,
        }
        if request.error:
            attributes["error.type"] = request.error
        duration.record(request.total_s, attributes)
        if request.http_status:
            first_byte.record(request.first_byte_s, attributes)
        io.add(request.bytes_received, attributes | {"direction": "receive"})
        io.add(request.bytes_sent, attributes | {"direction": "transmit"})
        retries.add(max(0, request.attempts - 1), attributes)

    return on_request(record)


os.register_at_fork(after_in_child=_dispatcher.start_in_child)
atexit.register(flush, 1.0)

"""Starts the servers that only our own tests and benchmarks need, each a context manager.

All listen on free ports of 127.0.0.1 and end with the process that started them.
"""

from __future__ import annotations

import http.client
import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from nginx import NginxServer
from programs import program
from s3native.testing.process import SupervisedProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

__all__ = ["ListServer", "NginxServer", "SinkServer"]

_START_SECONDS = 10.0
_LISTENING = re.compile(r"listening on (\d+)")


class _ProgramServer:
    """A server program of this folder, which prints the port it took."""

    program: str

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        self._arguments = arguments
        self._process: SupervisedProcess | None = None
        self.port = 0

    @property
    def endpoint(self) -> str:
        """The URL clients connect to."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        folder = Path(tempfile.mkdtemp(prefix=f"s3native-{self.program}-"))
        command = [str(program("tests/server", self.program)), "0", *self._arguments]
        process = SupervisedProcess(command, folder)
        process.wait_ready(
            lambda: _LISTENING.search(process.log_tail()) is not None, _START_SECONDS
        )
        found = _LISTENING.search(process.log_tail())
        assert found is not None
        self.port = int(found[1])
        self._process = process
        return self

    def __exit__(self, *exception: object) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.stop()


class SinkServer(_ProgramServer):
    """Takes PUTs and multipart uploads to any bucket, discards the bytes, keeps count."""

    program = "sink_server"

    def stats(self) -> dict[str, int]:
        """Return the counts since the start or the last `reset`; sizes are in bytes."""
        return self._stats("GET")

    def reset(self) -> None:
        """Set all counts to zero."""
        self._stats("DELETE")

    def _stats(self, method: str) -> dict[str, int]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, "/-/stats")
            counts: dict[str, int] = json.load(connection.getresponse())
            return counts
        finally:
            connection.close()


class ListServer(_ProgramServer):
    """Lists N generated keys of the bucket ``keys-N``, like ``data/part-000012/0000123456.jpg``.

    ``page_size`` is the most keys a page holds, whatever a client asks for.
    """

    program = "list_server"

    def __init__(self, page_size: int = 1000) -> None:
        super().__init__([str(page_size)])

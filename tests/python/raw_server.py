"""`RawServer`: a function of the test answers each request, and writes every byte itself.

`ScriptedServer` always answers in good HTTP; this one does not have to.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Request:
    """The head of a request; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    connection: int  # counted from 0
    index: int  # of all requests, in the order of their arrival

    @property
    def span(self) -> tuple[int, int] | None:
        """What the Range header asks for: [start, end)."""
        if "range" not in self.headers:
            return None
        first, last = self.headers["range"].removeprefix("bytes=").split("-")
        return int(first), int(last) + 1


class Line:
    """The server's end of a connection."""

    def __init__(self, connection: socket.socket, number: int, closing: threading.Event) -> None:
        self.number = number
        self.open = True
        self._socket = connection
        self._closing = closing
        self._input = bytearray()
        self._body_left = 0

    def secure(self, settings: ssl.SSLContext) -> None:
        """The server's side of the TLS handshake."""
        self._socket = settings.wrap_socket(self._socket, server_side=True)
        if self._closing.is_set():  # an interrupt may have met the socket's old object
            self.interrupt()

    def send(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Sends the pieces one by one, a `pause` between them."""
        for i, piece in enumerate(pieces):
            if i != 0 and pause:
                self.wait(pause)
            self._socket.sendall(piece)

    def send_below_tls(self, data: bytes) -> None:
        """Sends bytes as they are, where the client expects a TLS record."""
        socket.socket.sendall(self._socket, data)

    @property
    def cipher(self) -> tuple[str, str]:
        """What TLS agreed on: the protocol's version and the cipher suite."""
        assert isinstance(self._socket, ssl.SSLSocket)
        found = self._socket.cipher()
        assert found is not None
        return str(self._socket.version()), found[0]

    def body(self) -> bytes:
        """The rest of the request's body; what of it is not taken is read after the answer."""
        return self.take(self._body_left)

    def take(self, size: int) -> bytes:
        """The next `size` bytes of the request's body."""
        while len(self._input) < size:
            self._receive()
        taken = bytes(self._input[:size])
        del self._input[:size]
        self._body_left -= size
        return taken

    def wait(self, seconds: float) -> None:
        """Sleeps, but not longer than the server lives."""
        self._closing.wait(seconds)

    def wait_for_end(self) -> None:
        """Waits until the client closes the connection."""
        with contextlib.suppress(OSError):
            while socket.socket.recv(self._socket, 65536):  # of TLS, the records
                pass
        self.open = False

    def end(self) -> None:
        """No more bytes from here, in good order; those still coming are read and forgotten."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_WR)
        self.wait_for_end()

    def close(self) -> None:
        """Closes at once. Bytes that were not read make this a reset."""
        self.open = False
        self._socket.close()

    def reset(self) -> None:
        """Resets the connection, which may cost the client bytes already sent."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def interrupt(self) -> None:
        """Wakes whoever waits for bytes; the server ends."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def head(self) -> tuple[str, str, dict[str, str]] | None:
        """The next request's head, or None when the client has closed."""
        while b"\r\n\r\n" not in self._input:
            if not self._receive(may_end=not self._input):
                return None
        text, _, self._input = self._input.partition(b"\r\n\r\n")
        first, *lines = text.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            assert name.lower() not in headers, f"two {name} headers"
            headers[name.lower()] = value.strip()
        self._body_left = int(headers.get("content-length", 0))
        return method, target, headers

    def _receive(self, *, may_end: bool = False) -> bool:
        data = self._socket.recv(1 << 20)
        if not data and not may_end:
            raise ConnectionResetError("the client closed in the middle of a request")
        self._input += data
        return bool(data)


Answer = Callable[[Request, Line], None]


class RawServer:
    """Calls ``answer(request, line)`` for each request, on a thread of its connection's own.

    What `answer` raises, a failed assertion say, fails the test when the server ends; the client
    closing or resetting the connection is no failure.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        on_connect: Callable[[Line], None] | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self._answer = answer
        self._tls = tls
        self._on_connect = on_connect
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._lines: dict[Line, threading.Thread] = {}
        self._failures: list[BaseException] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=128)
        self._host = f"[{host}]" if ":" in host else host
        self._thread = threading.Thread(target=self._accept)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def endpoint(self) -> str:
        """The URL clients connect to."""
        return f"http{'s' if self._tls else ''}://{self._host}:{self.port}"

    @property
    def open_connections(self) -> int:
        """Those that neither side has closed."""
        with self._lock:
            return sum(line.open for line in self._lines)

    def refuse(self) -> None:
        """Accepts no connection any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends accept()
        self._listener.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.set()
        self.refuse()
        self._thread.join(10)
        for line, thread in self._lines.items():
            line.interrupt()
            thread.join(10)
            assert not thread.is_alive(), "a connection's thread hangs"
        if exception[0] is None and self._failures:
            raise self._failures[0]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # the server ends
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = Line(connection, self.connections, self._closing)
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(line,))
            with self._lock:
                self._lines[line] = thread
            thread.start()

    def _serve(self, line: Line) -> None:
        try:
            with contextlib.suppress(OSError):  # the client may go whenever it likes
                if self._tls:
                    line.secure(self._tls)
                if self._on_connect:
                    self._on_connect(line)
                while line.open and (head := line.head()):
                    with self._lock:
                        request = Request(*head, line.number, len(self.requests))
                        self.requests.append(request)
                    self._answer(request, line)
                    if line.open:
                        line.body()
        except BaseException as failure:
            self._failures.append(failure)
        finally:
            line.close()


def response(
    status: int, body: bytes = b"", version: str = "1.1", /, **headers: str | None
) -> bytes:
    """A response; `content_range="..."` is its Content-Range, and None leaves a header out."""
    named: dict[str, str | None] = {"content_length": str(len(body)), **headers}
    lines = [f"HTTP/{version} {status} Scripted"]
    lines += [f"{k.replace('_', '-').title()}: {v}" for k, v in named.items() if v is not None]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(body: bytes, size: int = 1 << 30, *, extension: str = "", trailer: str = "") -> bytes:
    """`body` in chunks of `size` bytes."""
    chunks = [body[i : i + size] for i in range(0, len(body), size)]
    out = b"".join(f"{len(c):x}{extension}\r\n".encode() + c + b"\r\n" for c in chunks)
    return out + f"0\r\n{trailer}\r\n".encode()


def pieces(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    """`data` cut into pieces of the sizes given, the rest being the last."""
    out, start = [], 0
    for size in sizes:
        if start >= len(data):
            break
        out.append(data[start : start + size])
        start += size
    if start < len(data):
        out.append(data[start:])
    return out

"""`ThrottlingProxy`: a TCP line of limited speed to a server, which can also be held up."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from typing_extensions import Self

_CHUNK = 16 * 1024


class ThrottlingProxy:
    """Forwards connections to ``endpoint``; each direction of each carries `bytes_per_second`."""

    def __init__(self, endpoint: str, *, bytes_per_second: float) -> None:
        target = urlsplit(endpoint)
        assert target.hostname is not None
        assert target.port is not None
        self._target = (target.hostname, target.port)
        self._bytes_per_second = bytes_per_second
        self._started = threading.Event()
        self._open = threading.Event()
        self._open.set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._port = 0

    @property
    def endpoint(self) -> str:
        """The URL clients connect to."""
        return f"http://127.0.0.1:{self._port}"

    def hold(self) -> None:
        """Carry nothing until `release`."""
        self._open.clear()

    def release(self) -> None:
        """Carry bytes again."""
        self._open.set()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        listener = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_CHUNK)
        self._port = listener.sockets[0].getsockname()[1]
        self._started.set()
        await self._end.wait()
        listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        out_reader, out_writer = await asyncio.open_connection(*self._target, limit=_CHUNK)
        try:
            await asyncio.gather(self._carry(reader, out_writer), self._carry(out_reader, writer))
        finally:
            writer.close()
            out_writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                while not self._open.is_set():
                    await asyncio.sleep(0.01)
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(len(data) / self._bytes_per_second)
        with contextlib.suppress(OSError, RuntimeError):
            writer.close()

"""`ToxiproxyServer`: a TCP proxy in front of a server that can be told to misbehave.

The program is built once per user, as MinIO is; `python tests/server/toxiproxy.py` does it ahead.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from s3native.testing import GoProgram
from s3native.testing.process import SupervisedProcess, free_port, start_on_free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

TOXIPROXY = GoProgram(
    "toxiproxy",
    "github.com/Shopify/toxiproxy/v2/cmd/server",
    "v2.12.0",
    takes="about 15 seconds",
    install_command="make server",
)
_PROXY = "line"
_START_SECONDS = 10.0
_SEED = "20261121"  # of which connections a toxic meets whose toxicity is less than 1


class ToxiproxyError(RuntimeError):
    """The running toxiproxy did not do what it was told; the message says why."""


class ToxiproxyServer:
    """Forwards connections from `endpoint` to ``upstream``, the URL of a server, for ``with``.

    Toxics are toxiproxy's: "latency", "bandwidth", "slow_close", "timeout", "reset_peer",
    "slicer" and "limit_data", with the attributes it documents. Any thread may add and remove them,
    but add none to connections of which some were removed, or toxiproxy crashes: `renew` first.
    Raises `ProgramNotFoundError` or `ServerStartError` when it cannot start.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self._process: SupervisedProcess | None = None
        self._api_port = 0
        self._listen = ""

    @property
    def endpoint(self) -> str:
        """The URL clients connect to; it stays the same while the proxy is down."""
        return f"{self._upstream.scheme}://{self._listen}"

    def __enter__(self) -> Self:
        program = TOXIPROXY.find()
        self._process = start_on_free_port(lambda: self._start_once(program))
        self._create()
        return self

    def __exit__(self, *exception: object) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.stop()

    def add(
        self, kind: str, *, stream: str = "downstream", toxicity: float = 1, **attributes: int
    ) -> str:
        """Add a toxic and return its name.

        ``stream`` is "downstream", from the server to the client, or "upstream"; ``toxicity`` is
        the share of connections it meets. Toxics of a stream act in the order they were added.
        """
        toxic = {"type": kind, "stream": stream, "toxicity": toxicity, "attributes": attributes}
        name: str = self._ask("POST", f"/proxies/{_PROXY}/toxics", toxic)["name"]
        return name

    def remove(self, name: str) -> None:
        """Remove a toxic, from open connections too."""
        self._ask("DELETE", f"/proxies/{_PROXY}/toxics/{name}")

    @contextlib.contextmanager
    def toxic(self, kind: str, **options: Any) -> Iterator[None]:
        """Keep a toxic, as `add` takes it, while inside."""
        name = self.add(kind, **options)
        try:
            yield
        finally:
            self.remove(name)

    def enable(self, up: bool) -> None:
        """Take the proxy up or down; when down, connections end and new ones are refused."""
        self._ask("POST", f"/proxies/{_PROXY}", {"enabled": up})

    def renew(self) -> None:
        """End all connections and begin anew at another endpoint: up, and without toxics."""
        self._ask("DELETE", f"/proxies/{_PROXY}")
        self._create()

    def _create(self) -> None:
        proxy = {"name": _PROXY, "listen": "127.0.0.1:0", "upstream": self._upstream.netloc}
        self._listen = self._ask("POST", "/proxies", proxy)["listen"]

    def _start_once(self, program: Path) -> SupervisedProcess:
        folder = Path(tempfile.mkdtemp(prefix="s3native-toxiproxy-"))
        self._api_port = free_port()
        command = [str(program), "-host", "127.0.0.1", "-port", str(self._api_port)]
        process = SupervisedProcess([*command, "-seed", _SEED], folder, {"LOG_LEVEL": "warn"})
        process.wait_ready(self._answers, _START_SECONDS)
        return process

    def _answers(self) -> bool:
        """Whether it is a toxiproxy without proxies that answers, as this one is at first."""
        try:
            return bool(self._ask("GET", "/proxies") == {})
        except (ToxiproxyError, ValueError):
            return False

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._api_port, timeout=10)
        with contextlib.closing(connection):
            try:
                connection.request(method, path, None if body is None else json.dumps(body))
                answer = connection.getresponse()
                text = answer.read().decode()
            except (OSError, http.client.HTTPException) as error:
                log = self._process.log_tail() if self._process else ""
                raise ToxiproxyError(f"no answer to {method} {path}: {error}\n{log}") from error
        if answer.status >= 300:
            raise ToxiproxyError(f"{method} {path} was refused: {text}")
        return json.loads(text) if text else None


if __name__ == "__main__":
    print(TOXIPROXY.install())

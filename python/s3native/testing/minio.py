"""`MinioServer`: a MinIO with a folder, a port and credentials of its own."""

from __future__ import annotations

import http.client
import secrets
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s3native.testing.certificates import make_certificates
from s3native.testing.go_program import GoProgram
from s3native.testing.process import SupervisedProcess, free_port, start_on_free_port

if TYPE_CHECKING:
    from typing_extensions import Self

MINIO = GoProgram(
    "minio",
    "github.com/minio/minio",
    "v0.0.0-20260212201848-7aac2a2c5b7c",
    takes="about 3 minutes",
    install_command="python -m s3native.testing install-minio",
)
REGION = "us-east-1"


class MinioServer:
    """A private MinIO on 127.0.0.1, for ``with``.

    ``tls`` serves https with a certificate whose authority is the file `ca_bundle`; ``folder`` is
    where the data folder is made (default: the system's temporary folder); ``timeout_s`` bounds
    the start (default 30 s: it takes under one). The server and its data are gone when the block
    ends or the process does, however it ends.
    Raises `ProgramNotFoundError` or `ServerStartError` when it cannot start.
    """

    def __init__(
        self, *, tls: bool = False, folder: str | Path | None = None, timeout_s: float = 30.0
    ) -> None:
        self.access_key = "test-" + secrets.token_hex(6)
        self.secret_key = secrets.token_urlsafe(24)
        self.region = REGION
        self.ca_bundle: str | None = None
        self._tls = tls
        self._parent_folder = folder
        self._timeout_s = timeout_s
        self._port = 0
        self._process: SupervisedProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"MinioServer({self.endpoint!r})" if self._process else "MinioServer(stopped)"

    @property
    def endpoint(self) -> str:
        """The URL clients connect to."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The process ID of the running MinIO."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> str:
        """The last lines MinIO printed."""
        return self._process.log_tail() if self._process else ""

    def start(self) -> None:
        """Start and wait until requests are answered; does nothing while running."""
        if self._process is None:
            program = MINIO.find()
            self._process = start_on_free_port(lambda: self._start_once(program))

    def stop(self) -> None:
        """Stop and remove the data; does nothing when stopped."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()

    def environment(self) -> dict[str, str]:
        """Return the variables that point the AWS tools and s3native's defaults at this server."""
        variables = {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
        }
        if self.ca_bundle is not None:
            variables["AWS_CA_BUNDLE"] = self.ca_bundle
        return variables

    def client_options(self) -> dict[str, Any]:
        """Return keyword arguments for ``s3native.Client``."""
        import s3native  # only here: the server must work without the extension

        options: dict[str, Any] = {
            "endpoint": self.endpoint,
            "region": self.region,
            "credentials": s3native.Credentials(self.access_key, self.secret_key),
            "addressing": "path",
        }
        if self.ca_bundle is not None:
            options["ca_bundle"] = self.ca_bundle
        return options

    def _start_once(self, program: Path) -> SupervisedProcess:
        folder = Path(tempfile.mkdtemp(prefix="s3native-minio-", dir=self._parent_folder))
        self._port = free_port()
        arguments = ["server", "--quiet", "--address", f"127.0.0.1:{self._port}"]
        if self._tls:
            made = make_certificates(folder / "certs")
            self.ca_bundle = str(made.ca_bundle)
            arguments += ["--certs-dir", str(folder / "certs")]
        (folder / "data").mkdir()
        process = SupervisedProcess(
            [str(program), *arguments, str(folder / "data")],
            folder,
            {
                "HOME": str(folder),
                "MINIO_ROOT_USER": self.access_key,
                "MINIO_ROOT_PASSWORD": self.secret_key,
                "MINIO_BROWSER": "off",
                "MINIO_UPDATE": "off",
            },
        )
        process.wait_ready(self._answers, self._timeout_s)
        return process

    def _answers(self) -> bool:
        """Whether an unsigned request is refused as S3 does; until it is up, MinIO says 503."""
        try:
            connection = self._connect()
            try:
                connection.request("GET", "/")
                return connection.getresponse().status == http.client.FORBIDDEN
            finally:
                connection.close()
        except (OSError, http.client.HTTPException):
            return False

    def _connect(self) -> http.client.HTTPConnection:
        if self.ca_bundle is None:
            return http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        trust = ssl.create_default_context(cafile=self.ca_bundle)
        return http.client.HTTPSConnection("127.0.0.1", self._port, timeout=5, context=trust)

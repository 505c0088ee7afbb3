"""`NginxServer`: ranged GETs at next to no cost, over http and TLS 1.3. Only GET and HEAD."""

from __future__ import annotations

import http.client
import os
import pwd
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from s3native.testing.certificates import Certificates, make_certificates
from s3native.testing.process import (
    ServerStartError,
    SupervisedProcess,
    free_port,
    start_on_free_port,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

_START_SECONDS = 10.0
# reuseport, and more workers than cores: else one worker takes all of a client's few connections
# and its core is the limit. tcp_nopush stays off: it costs throughput and holds back small answers.
# output_buffers are what TLS encrypts from; twice the default cost a tenth less.
_CONFIGURATION = """\
{user}worker_processes 4;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  default_type application/octet-stream;
  sendfile on;
  output_buffers 2 64k;
  tcp_nopush off;
  etag on;
  keepalive_requests 1000000000;
  keepalive_timeout 300;
  open_file_cache max=100000 inactive=300s;
  open_file_cache_valid 300s;
  client_body_temp_path temp;
  proxy_temp_path temp;
  fastcgi_temp_path temp;
  uwsgi_temp_path temp;
  scgi_temp_path temp;
  server {{
    listen 127.0.0.1:{port} backlog=1024 reuseport;
    listen 127.0.0.1:{tls_port} ssl backlog=1024 reuseport;
    ssl_certificate {certificates.certificate};
    ssl_certificate_key {certificates.private_key};
    ssl_protocols TLSv1.3;
    root objects;
    location = /-/ready {{ return 200 {token}; }}
    location ~ ^/(?<bucket>[^/]+)/?$ {{
      default_type application/xml;
      open_file_cache off;
      try_files /$bucket/.listing =404;
    }}
  }}
}}
"""


def nginx_program() -> str | None:
    """Return the nginx program, also where Debian puts it, outside a user's PATH."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


class NginxServer:
    """Serves the files ``root/BUCKET/KEY`` path-style, unsigned. Needs nginx installed.

    ``folder`` is where the server's folder is made (default: the system's temporary folder).
    A file must not change once it has been served: open files are cached.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self._parent_folder = folder
        self._process: SupervisedProcess | None = None
        self._port = 0
        self._tls_port = 0
        self.root = Path()
        self.ca_bundle = ""

    @property
    def endpoint(self) -> str:
        """The plain URL clients connect to."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def tls_endpoint(self) -> str:
        """The URL for TLS 1.3; its authority is the file `ca_bundle`."""
        return f"https://127.0.0.1:{self._tls_port}"

    def write(self, bucket: str, key: str, data: bytes | bytearray | memoryview) -> None:
        """Make an object."""
        path = self.root / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def show(self, bucket: str, sizes: Mapping[str, int]) -> None:
        """Have every listing of the bucket, whatever is asked for, tell these keys and sizes."""
        entries = "".join(
            f"<Contents><Key>{key}</Key><Size>{size}</Size><ETag>&quot;0&quot;</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key, size in sizes.items()
        )
        text = (
            f"<ListBucketResult><Name>{bucket}</Name><Prefix></Prefix><KeyCount>{len(sizes)}"
            f"</KeyCount><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        )
        self.write(bucket, ".listing", text.encode())

    def __enter__(self) -> Self:
        program = nginx_program()
        if program is None:
            raise ServerStartError("nginx is not installed")
        self._process = start_on_free_port(lambda: self._start_once(program))
        return self

    def __exit__(self, *exception: object) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.stop()

    def _start_once(self, program: str) -> SupervisedProcess:
        folder = Path(tempfile.mkdtemp(prefix="s3native-nginx-", dir=self._parent_folder))
        self._port, self._tls_port = free_port(), free_port()
        self.root = folder / "objects"
        self.root.mkdir()
        certificates = make_certificates(folder / "certs")
        self.ca_bundle = str(certificates.ca_bundle)
        token = secrets.token_hex(8)
        self._write_configuration(folder, certificates, token)
        command = [program, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
        process = SupervisedProcess([*command, "-g", "daemon off;"], folder)
        process.wait_ready(lambda: self._answers(token), _START_SECONDS)
        return process

    def _write_configuration(self, folder: Path, certificates: Certificates, token: str) -> None:
        # A root master would drop to a user that cannot read the folder.
        user = f"user {pwd.getpwuid(0).pw_name};\n" if os.geteuid() == 0 else ""
        text = _CONFIGURATION.format(
            user=user,
            port=self._port,
            tls_port=self._tls_port,
            certificates=certificates,
            token=token,
        )
        (folder / "nginx.conf").write_text(text)

    def _answers(self, token: str) -> bool:
        """Whether it is this nginx, and no other process on the port, that answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", "/-/ready")
            return connection.getresponse().read() == token.encode()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

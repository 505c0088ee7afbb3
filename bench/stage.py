"""The servers a benchmark runs against, started when first needed, with their objects in place."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import content
from programs import BuildError
from protocol import Target
from s3lite import S3Lite
from s3native.testing import MINIO, MinioServer, ProgramNotFoundError, ServerStartError
from servers import ListServer, NginxServer, SinkServer

if TYPE_CHECKING:
    from typing_extensions import Self

BUCKET = "bench"
STAGE_ERRORS = (BuildError, ProgramNotFoundError, ServerStartError)
_SHARED_MEMORY = Path("/dev/shm")
_SPARE_BYTES = 4 << 30


def available_memory() -> int:
    """Return the bytes of memory that can be used without swapping."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def data_folder(size: int) -> str | None:
    """Return shared memory when ``size`` bytes fit with room to spare, else None: the disk."""
    if not _SHARED_MEMORY.is_dir():
        return None
    room = min(available_memory(), shutil.disk_usage(_SHARED_MEMORY).free)
    return str(_SHARED_MEMORY) if room > 2 * size + _SPARE_BYTES else None


class Stage:
    """Servers by name: nginx, nginx_tls, minio, sink, list; they will hold ``data_size`` bytes."""

    def __init__(self, data_size: int) -> None:
        self._data_size = data_size
        self._running = ExitStack()
        self._present: set[tuple[str, str]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._running.close()

    def target(self, server: str, bucket: str = BUCKET) -> Target:
        """Start the server unless it runs and return how to reach it."""
        if server == "minio":
            keys = (self.minio.access_key, self.minio.secret_key)
            return Target(self.minio.endpoint, bucket, *keys)
        if server == "nginx_tls":
            return Target(self.nginx.tls_endpoint, bucket, ca_bundle=self.nginx.ca_bundle)
        if server == "nginx":
            return Target(self.nginx.endpoint, bucket)
        return Target((self.sink if server == "sink" else self.lister).endpoint, bucket)

    def provide(self, server: str, keys: list[str], size: int) -> None:
        """Put objects of ``size`` bytes with the same content where they are not yet."""
        store = "nginx" if server == "nginx_tls" else server
        missing = [key for key in keys if (store, key) not in self._present]
        if not missing:
            return
        if store == "minio":
            s3 = S3Lite(self.target("minio"))
            for key in missing:
                s3.put(key, (block.data for block in content.blocks(size)), size)
        else:
            self._link_files(missing, size)
        self._present.update((store, key) for key in missing)

    def _link_files(self, keys: list[str], size: int) -> None:
        """Make the object once and the other keys as links to it."""
        folder = self.nginx.root / BUCKET
        folder.mkdir(exist_ok=True)
        first = folder / keys[0]
        with first.open("wb") as file:
            for block in content.blocks(size):
                file.write(block.data)
        for key in keys[1:]:
            os.link(first, folder / key)

    @cached_property
    def nginx(self) -> NginxServer:
        """The server for ranged reads."""
        return self._running.enter_context(NginxServer(data_folder(self._data_size)))

    @cached_property
    def sink(self) -> SinkServer:
        """The server that discards."""
        return self._running.enter_context(SinkServer())

    @cached_property
    def lister(self) -> ListServer:
        """The server whose buckets are formulas."""
        return self._running.enter_context(ListServer())

    @cached_property
    def minio(self) -> MinioServer:
        """A MinIO with the bucket; built first where there is none."""
        try:
            MINIO.find()
        except ProgramNotFoundError:
            MINIO.install()
        server = self._running.enter_context(MinioServer(folder=data_folder(self._data_size)))
        S3Lite(
            Target(server.endpoint, BUCKET, server.access_key, server.secret_key)
        ).create_bucket()
        return server

"""The servers a benchmark runs against, started when first needed, with their objects in place."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from programs import BuildError
from s3native.bench.memory import data_folder
from s3native.bench.place import Place, embedded
from s3native.bench.protocol import Target
from s3native.bench.states import stored
from s3native.testing import ProgramNotFoundError, ServerStartError
from servers import ListServer, NginxServer, SinkServer
from toxiproxy import ToxiproxyServer

if TYPE_CHECKING:
    from s3native.bench.content import Array
    from typing_extensions import Self

BUCKET = "bench"
STAGE_ERRORS = (BuildError, ProgramNotFoundError, ServerStartError)
SEED = 7
_FAR_MS = 20


class Stage:
    """Servers by name: nginx, nginx_tls, nginx_far, minio, minio_far, sink, list.

    They will hold ``data_size`` bytes. From far ones each answer takes 20 ms more.
    """

    def __init__(self, data_size: int) -> None:
        self._data_size = data_size
        self._running = ExitStack()
        self._sizes: dict[tuple[str, str], int] = {}  # of what is there, by server and key

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._running.close()

    def target(self, server: str, bucket: str = BUCKET) -> Target:
        """Start the server unless it runs and return how to reach it."""
        if server == "minio":
            return self.place.target
        if server == "nginx_tls":
            bundle = self.nginx.ca_bundle
            return Target(self.nginx.tls_endpoint, bucket, anonymous=True, ca_bundle=bundle)
        if server == "nginx":
            return Target(self.nginx.endpoint, bucket, anonymous=True)
        if server == "nginx_far":
            return Target(self.far.endpoint, bucket, anonymous=True)
        if server == "minio_far":
            return replace(self.place.target, endpoint=self.far_place.endpoint)
        endpoint = (self.sink if server == "sink" else self.lister).endpoint
        return Target(endpoint, bucket, anonymous=True)

    def provide(self, server: str, keys: list[str], size: int, stored_as: str = "") -> int:
        """Put objects of ``size`` bytes with the same content where they are not yet.

        ``stored_as``: what file of a state dict they are, if one. Returns the bytes of each.
        """
        store = "nginx" if server.startswith("nginx") else server
        missing = [key for key in keys if (store, key) not in self._sizes]
        if missing:
            data = stored(stored_as, size, SEED)
            if store == "minio":
                self.place.put([(0, key) for key in missing], data)
            else:
                self._link_files(missing, data)
            self._sizes.update(((store, key), len(data)) for key in missing)
        return self._sizes[store, keys[0]]

    def show(self, server: str, keys: list[str], size: int) -> None:
        """Have listings tell these keys, on a server that has none of its own."""
        if server.startswith("nginx"):
            self.nginx.show(BUCKET, dict.fromkeys(keys, size))

    def _link_files(self, keys: list[str], data: Array) -> None:
        """Make the object once and the other keys as links to it."""
        folder = self.nginx.root / BUCKET
        folder.mkdir(exist_ok=True)
        first = folder / keys[0]
        first.parent.mkdir(exist_ok=True)
        first.write_bytes(data.data)
        for key in keys[1:]:
            os.link(first, folder / key)

    @cached_property
    def nginx(self) -> NginxServer:
        """The server for ranged reads."""
        return self._running.enter_context(NginxServer(data_folder(self._data_size)))

    @cached_property
    def far(self) -> ToxiproxyServer:
        """What makes nginx answer later."""
        return self._delayed(self.nginx.endpoint)

    @cached_property
    def far_place(self) -> ToxiproxyServer:
        """What makes MinIO answer later."""
        return self._delayed(str(self.place.target.endpoint))

    def _delayed(self, endpoint: str) -> ToxiproxyServer:
        line = self._running.enter_context(ToxiproxyServer(endpoint))
        line.add("latency", latency=_FAR_MS)
        return line

    @cached_property
    def sink(self) -> SinkServer:
        """The server that discards."""
        return self._running.enter_context(SinkServer())

    @cached_property
    def lister(self) -> ListServer:
        """The server whose buckets are formulas."""
        return self._running.enter_context(ListServer())

    @cached_property
    def place(self) -> Place:
        """A MinIO with a bucket; built first where there is none."""
        return self._running.enter_context(embedded(self._data_size, tls=False))

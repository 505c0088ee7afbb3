"""What is measured: each workload with its server, sizes, clients, and demands on s3native."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from s3native.bench.protocol import LIMIT
from s3native.bench.runner import Row

MIB = 1 << 20
GIB = 1 << 30
SMALL = 110_000  # an ImageNet JPEG
PART_SIZE = 8 * MIB


@dataclass(frozen=True)
class Entry(Row):
    """A row of the table: a client with its options, or a loop program of this folder.

    ``operation`` among the options is what it does instead of the workload's.
    """

    program: str = ""
    is_limit: bool = False


@dataclass(frozen=True)
class Demand:
    """What s3native must reach: at least this share of a rate, at most this multiple of a cost.

    ``cost`` is a figure, where there is nobody to compare with.
    """

    rate_of_loop: float | None = None
    cost_of_loop: float | None = None
    rate_of_peer: float | None = None
    cost_of_peer: float | None = None
    cost: float | None = None
    cost_above_loop: float | None = None  # in the unit of the cost


@dataclass(frozen=True)
class Workload:
    """One table. Sizes are in bytes; ``count`` objects a round with ``in_flight`` at once."""

    name: str
    title: str
    operation: str
    server: str
    entries: list[Entry]
    size: int = 0
    count: int = 1
    in_flight: int = 1
    rounds: int = 5
    memory_limit: int | None = None
    object_size: int | None = None  # where only parts are read
    piece: int | None = None  # of files, read or written at once
    fresh_process: bool = False  # for what only the first round of a process shows
    stored_as: str = ""  # which file of a state dict the object is
    options: dict[str, Any] = field(default_factory=dict)
    demand: Demand = field(default_factory=Demand)

    @property
    def stored_bytes(self) -> int:
        """What its objects take on the server: nginx has one file with many names."""
        if self.server in ("sink", "list"):
            return 0
        return (self.object_size or self.size) * (self.count if self.server == "minio" else 1)

    @property
    def is_upload(self) -> bool:
        """Whether the clients make the objects."""
        makes = ("put", "write", "save", "load_distributed", "cp_up", "sync_up")
        return self.operation.startswith(makes)

    @property
    def loop(self) -> str | None:
        """The label of the row that is the limit."""
        return next((entry.label for entry in self.entries if entry.is_limit), None)


S3NATIVE = "s3native"
COMMANDS = frozenset({"help", "cp_down", "cp_up", "sync_down", "sync_up", "sync_same"})
"""Operations of the command line."""


MADE_BY_CLIENTS = frozenset({"restore_variables", "save_variables", "load_dataset"})
"""Operations on what each client has made itself, of several objects."""


def _clients(*names: str) -> list[Entry]:
    return [Entry(name, name) for name in names]


def _program(label: str, name: str) -> Entry:
    return Entry(label, name, program=name, is_limit=True)


_RECV = Entry("recv loop", LIMIT, is_limit=True)
_SEND = Entry("send loop", LIMIT, is_limit=True)


def _by(operation: str) -> Entry:
    """Return what s3native does without files, as the limit."""
    return Entry(operation, S3NATIVE, is_limit=True, options={"operation": operation})


_TMPFS = Entry("tmpfs", "tmpfs", is_limit=True, options={"local": True})

_ALL = _clients(S3NATIVE, "s3dlio", "obstore", "pyarrow", "boto3")

_NEAR_LIMIT = Demand(rate_of_loop=0.8)

_COMMAND_LINES = _clients(S3NATIVE, "s5cmd")

_FILES = _clients(S3NATIVE, "obstore", "pyarrow", "boto3", "s3fs", "smart_open", "s3torchconnector")
_WRITTEN_FILES = [entry for entry in _FILES if entry.label != "boto3"]  # it has none

FULL = [
    Workload(
        "get_http",
        "GET 2 GiB into a warm array, nginx",
        "get_into",
        "nginx",
        [_RECV, *_ALL],
        size=2 * GIB,
        demand=Demand(0.95, 1.15, 1.0, 0.9),
    ),
    Workload(
        "get_tls",
        "GET 2 GiB into a warm array, nginx with TLS 1.3",
        "get_into",
        "nginx_tls",
        [_program("OpenSSL loop", "tls_recv"), *_ALL],
        size=2 * GIB,
        rounds=3,
        demand=Demand(cost_of_loop=0.75, rate_of_peer=1.4),
    ),
    Workload(
        "get_buffer",
        "GET 1 GiB into the client's own memory, nginx",
        "get",
        "nginx",
        [_RECV, *_ALL],
        size=GIB,
        demand=Demand(rate_of_peer=1.0, cost_of_peer=0.45),
    ),
    Workload(
        "get_minio",
        "GET 1 GiB into a warm array, MinIO",
        "get_into",
        "minio",
        [_RECV, *_ALL],
        size=GIB,
        demand=Demand(rate_of_peer=1.3),
    ),
    Workload(
        "put_sink",
        "PUT 2 GiB from an array to a server that discards it",
        "put",
        "sink",
        [
            _SEND,
            Entry(S3NATIVE, S3NATIVE),
            Entry("s3native, no checksum", S3NATIVE, options={"checksum": None}),
            *_clients("s3dlio", "obstore", "pyarrow", "boto3"),
        ],
        size=2 * GIB,
        rounds=3,
        demand=Demand(rate_of_peer=1.7),
    ),
    Workload(
        "put_minio",
        "PUT 1 GiB from an array, MinIO",
        "put",
        "minio",
        _ALL,
        size=GIB,
        rounds=3,
        demand=Demand(rate_of_peer=1.0, cost_of_peer=1.0),
    ),
    Workload(
        "small_get",
        "GET 110 KB objects, 32 in flight, nginx",
        "get_many",
        "nginx",
        _ALL,
        size=SMALL,
        count=5000,
        in_flight=32,
        demand=Demand(rate_of_peer=1.25, cost_of_peer=0.75),
    ),
    Workload(
        "small_get_minio",
        "GET 110 KB objects, 32 in flight, MinIO",
        "get_many",
        "minio",
        _ALL,
        size=SMALL,
        count=2000,
        in_flight=32,
        rounds=3,
        demand=Demand(rate_of_peer=1.0, cost_of_peer=0.7),
    ),
    Workload(
        "small_put_minio",
        "PUT 110 KB objects, 32 in flight, MinIO",
        "put_many",
        "minio",
        _ALL,
        size=SMALL,
        count=1000,
        in_flight=32,
        rounds=3,
        demand=Demand(rate_of_peer=1.0, cost_of_peer=0.7),
    ),
    Workload(
        "latency",
        "GET 64 KiB, one at a time, nginx",
        "random_read",
        "nginx",
        [_program("bare CRT", "crt_spike"), *_ALL],
        size=64 << 10,
        object_size=64 * MIB,
        demand=Demand(rate_of_loop=0.83),
    ),
    Workload(
        "file_readinto",
        "GET 2 GiB through a file, readinto of 8 MiB, nginx",
        "read_file_into",
        "nginx",
        [
            _by("get_into"),
            *_clients(S3NATIVE, "pyarrow", "s3fs", "smart_open", "s3torchconnector"),
        ],
        size=2 * GIB,
        piece=8 * MIB,
        demand=Demand(0.95, 1.15),
    ),
    Workload(
        "file_read",
        "GET 2 GiB through a file, read(1 MiB), nginx",
        "read_file",
        "nginx",
        [_by("get_into"), *_FILES],
        size=2 * GIB,
        piece=MIB,
        rounds=3,
        demand=Demand(cost_of_loop=2.0, rate_of_peer=2.0),
    ),
    Workload(
        "file_small",
        "GET 110 KB objects, opened and read whole by 32 threads, nginx",
        "read_files",
        "nginx",
        [
            _by("get_many"),
            Entry("readview", S3NATIVE, options={"as_view": True}),
            *_FILES,
        ],
        size=SMALL,
        count=5000,
        in_flight=32,
        demand=Demand(cost_of_loop=1.5),
    ),
    Workload(
        "file_write",
        "PUT 2 GiB through a file, write(1 MiB), discarding server",
        "write_file",
        "sink",
        [_by("put"), *_WRITTEN_FILES],
        size=2 * GIB,
        piece=MIB,
        rounds=3,
        demand=Demand(rate_of_peer=1.7),
    ),
    Workload(
        "file_write_array",
        "PUT 2 GiB through a file, one write, discarding server",
        "write_file",
        "sink",
        [_by("put"), *_WRITTEN_FILES],
        size=2 * GIB,
        piece=2 * GIB,
        rounds=3,
        demand=Demand(rate_of_peer=1.7),
    ),
    Workload(
        "torch_load",
        "torch.load of a state dict of 1 GiB, MinIO",
        "load_state",
        "minio",
        [_TMPFS, *_clients(S3NATIVE, "s3torchconnector")],
        size=GIB,
        stored_as="torch",
        demand=Demand(rate_of_peer=3.0),
    ),
    Workload(
        "torch_save",
        "torch.save of a state dict of 1 GiB, discarding server",
        "save_state",
        "sink",
        [_TMPFS, *_clients(S3NATIVE, "s3torchconnector")],
        size=GIB,
        demand=Demand(rate_of_loop=0.95),
    ),
    Workload(
        "torch_save_minio",
        "torch.save of a state dict of 1 GiB, MinIO",
        "save_state",
        "minio",
        [_TMPFS, *_clients(S3NATIVE, "s3torchconnector")],
        size=GIB,
        rounds=3,
        demand=Demand(cost_of_peer=0.7),
    ),
    *(
        Workload(
            name,
            f"safetensors file of 1 GiB, {title}",
            "load_safetensors",
            server,
            [_by("get_into"), *_clients(S3NATIVE, "runai_model_streamer")],
            size=GIB,
            stored_as="safetensors",
            demand=Demand(rate_of_loop=0.9, rate_of_peer=3.0),
        )
        for name, server, title in (
            ("safetensors_minio", "minio", "MinIO"),
            ("safetensors_http", "nginx", "nginx"),
        )
    ),
    *(
        Workload(
            f"dcp_{verb}",
            f"distributed checkpoint of {size // MIB} MiB, 4 ranks, {verb}, MinIO",
            f"{verb}_distributed",
            "minio",
            _clients(S3NATIVE, "s3torchconnector"),
            size=size,
            rounds=3,
            options={"ranks": 4},
            demand=demand,
        )
        for verb, size, demand in (
            ("load", 2 * GIB, Demand(rate_of_peer=2.0)),
            # The server frees what is overwritten only later.
            ("save", 512 * MIB, Demand(rate_of_peer=1.0, cost_of_peer=0.7)),
        )
    ),
    Workload(
        "loader_small",
        "DataLoader, 2 workers, batches of 64 objects of 110 KB, nginx",
        "load_samples",
        "nginx",
        _clients(S3NATIVE, "s3dlio", "s3torchconnector"),
        size=SMALL,
        count=6000,
        options={"workers": 2, "batch_size": 64},
        demand=Demand(rate_of_peer=2.0, cost_of_peer=0.5),
    ),
    Workload(
        "loader_map",
        "DataLoader, 2 workers, batches of 64 objects of 110 KB by number, nginx",
        "load_mapped_samples",
        "nginx",
        _clients(S3NATIVE, "s3torchconnector"),
        size=SMALL,
        count=6000,
        options={"workers": 2, "batch_size": 64},
        demand=Demand(rate_of_peer=2.0, cost_of_peer=0.5),
    ),
    Workload(
        "loader_far",
        "DataLoader, 2 workers, batches of 64 objects of 110 KB, nginx, 20 ms an answer",
        "load_samples",
        "nginx_far",
        _clients(S3NATIVE, "s3torchconnector"),
        size=SMALL,
        count=1000,
        rounds=3,
        options={"workers": 2, "batch_size": 64},
        demand=Demand(rate_of_peer=5.0),
    ),
    Workload(
        "first_sample",
        "first sample of an epoch over 100 000 keys, listing kept, nginx",
        "first_sample",
        "nginx",
        _clients(S3NATIVE),
        size=1000,
        count=100_000,
        demand=Demand(cost=500.0),
    ),
    *(
        Workload(
            f"loader_large_{workers}",
            f"DataLoader, workers: {workers}, objects of 140 MiB, nginx",
            "load_samples",
            "nginx",
            _clients(S3NATIVE, "s3dlio", "s3torchconnector"),
            size=140 * MIB,
            count=150,
            rounds=3,
            options={"workers": workers, "batch_size": 1},
            demand=Demand(cost_of_peer=0.5),
        )
        for workers in (1, 2)
    ),
    *(
        Workload(
            f"tf_records{suffix}",
            f"TFRecordDataset, 4 files of 512 MB, {title}",
            "read_records",
            server,
            [*limit, *_clients(S3NATIVE, "tensorflow_io")],
            size=512_000_000,
            count=4,
            rounds=rounds,
            stored_as="records",
            options=options,
            demand=demand,
        )
        for suffix, title, server, limit, rounds, options, demand in (
            (
                "",
                "nginx",
                "nginx",
                [_TMPFS],
                5,
                {},
                Demand(rate_of_loop=0.8, rate_of_peer=3.0, cost_above_loop=0.5),
            ),
            ("_far", "nginx, 20 ms an answer", "nginx_far", [_by("get_into")], 3, {}, _NEAR_LIMIT),
        )
    ),
    Workload(
        "tf_records_parallel",
        "TFRecordDataset, 8 readers, 8 files of 256 MB, memory limit 512 MiB, nginx",
        "read_records",
        "nginx",
        _clients(S3NATIVE, "tensorflow_io"),
        size=256_000_000,
        count=8,
        rounds=3,
        memory_limit=512 * MIB,
        stored_as="records",
        options={"parallel": 8},
    ),
    *(
        Workload(
            f"tf_{name}",
            f"checkpoint of {size // MIB} MiB, {name}, MinIO",
            f"{name}_variables",
            "minio",
            [_TMPFS, *_clients(S3NATIVE, "tensorflow_io")],
            size=size,
            rounds=3,
            demand=demand,
        )
        for name, size, demand in (
            ("restore", 2 * GIB, Demand(rate_of_loop=0.7)),
            # The server frees what is overwritten only later.
            ("save", 512 * MIB, Demand()),
        )
    ),
    Workload(
        "tf_dataset_far",
        "Dataset.load of 1 000 numbers, MinIO, 20 ms an answer",
        "load_dataset",
        "minio_far",
        _clients(S3NATIVE, "tensorflow_io"),
        size=MIB,
        rounds=3,
        demand=Demand(cost=600.0),
    ),
    Workload(
        "tf_match",
        "list_files and glob, 100 000 keys each, scripted server",
        "match_files",
        "list",
        _clients(S3NATIVE),
        count=100_000,
        rounds=3,
        demand=Demand(cost=10.0),
    ),
    *(
        Workload(
            f"cp_{name}",
            f"cp of 2 GiB {title}",
            f"cp_{name.partition('_')[0]}",
            server,
            _COMMAND_LINES,
            size=2 * GIB,
            demand=demand,
        )
        for name, title, server, demand in (
            ("down", "from nginx to shared memory", "nginx", Demand(None, None, 1.5, 0.5)),
            # Which leaves little of two CPUs to the clients.
            ("down_minio", "from MinIO to shared memory", "minio", Demand()),
            (
                "up",
                "from shared memory to a server that discards it",
                "sink",
                Demand(None, None, 1.5, 0.5),
            ),
        )
    ),
    *(
        Workload(
            operation,
            f"sync of 10 000 files of 20 KB {title}",
            operation,
            "minio",
            _COMMAND_LINES,
            size=20_000,
            count=10_000,
            rounds=3,
            demand=Demand(rate_of_peer=1.0, cost_of_peer=0.7),
        )
        for operation, title in (
            ("sync_down", "from MinIO to shared memory"),
            ("sync_up", "from shared memory to MinIO"),
        )
    ),
    Workload(
        "sync_same",
        "sync of 100 000 files that are there already, scripted server",
        "sync_same",
        "list",
        _clients(S3NATIVE),
        count=100_000,
        demand=Demand(cost=10.0),
    ),
    Workload(
        "help",
        "--help",
        "help",
        "list",
        _clients(S3NATIVE),
        demand=Demand(cost=150.0),
    ),
    Workload(
        "list",
        "LIST 100 000 keys",
        "list",
        "list",
        _ALL,
        count=100_000,
        demand=Demand(rate_of_peer=1.0, cost_of_peer=1.0),
    ),
    Workload(
        "list_rss",
        "LIST 1 000 000 keys in a fresh process",
        "list",
        "list",
        _ALL,
        count=1_000_000,
        rounds=1,
        fresh_process=True,
    ),
    Workload(
        "stream_rss",
        "GET 20 GiB as 64 MiB objects, 16 in flight, memory limit 512 MiB",
        "get_many",
        "nginx",
        _ALL,
        size=64 * MIB,
        count=320,
        in_flight=16,
        memory_limit=512 * MIB,
        rounds=1,
        fresh_process=True,
    ),
]

_QUICK_SIZES: dict[str, dict[str, Any]] = {
    "get_minio": {"size": 256 * MIB, "title": "GET 256 MiB into a warm array, MinIO"},
    "put_minio": {"size": 128 * MIB, "title": "PUT 128 MiB from an array, MinIO"},
    "small_get_minio": {"count": 400},
    "get_http": {"size": 256 * MIB, "title": "GET 256 MiB into a warm array, nginx"},
}

QUICK = [
    replace(workload, rounds=3, **sizes)
    for name, sizes in _QUICK_SIZES.items()
    for workload in FULL
    if workload.name == name
]

"""What is measured: the workloads, the presets, and how many bytes and requests they come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

MIB = 1 << 20
PART_SIZE = 8 * MIB
_MULTIPART = 2
"""Requests that begin and complete a multipart upload."""
SAMPLE = 110_000
"""Bytes of a small object: an image of ImageNet."""

TRAINING = {
    # configs/dlio/workload of MLPerf Storage: unet3d_h100, resnet50_h100, cosmoflow_h100.
    "unet3d": {"size": 146_600_628, "batch_size": 7, "compute_s": 0.323, "threads": 4},
    "resnet50": {"size": 114_660, "batch_size": 400, "compute_s": 0.224, "threads": 8},
    "cosmoflow": {"size": 2_828_486, "batch_size": 1, "compute_s": 0.0035, "threads": 4},
}
STATES = frozenset(
    {"save_state", "load_state", "load_safetensors", "save_distributed", "load_distributed"}
)
"""Operations on state dicts of PyTorch."""
_RECORDS = 1251
"""Records in a shard of resnet50, from the same place."""


@dataclass(frozen=True)
class Workload:
    """What one table is about. Sizes are in bytes.

    `count` is of objects, or of reads or calls where the objects are others; `concurrency` how many
    of them there are at once; `uploads` and `downloads` say which way the bytes go.
    """

    name: str
    title: str
    operation: str
    size: int
    count: int = 1
    concurrency: int = 1
    object_size: int = 0  # where parts of an object are read
    objects: int = 0  # where there are fewer than `count`
    uploads: bool = False
    downloads: bool = True
    stored_as: str = ""  # "torch", "safetensors": state dicts in files
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def described(self) -> str:
        """The title with its figures."""
        return self.title.format(
            size=human(self.size),
            count=f"{self.count:,}".replace(",", " "),
            concurrency=self.concurrency,
            object_size=human(self.object_size),
        )

    @property
    def stored_objects(self) -> int:
        """Objects that have to be there before."""
        if self.uploads and not self.downloads:
            return 0
        return self.objects or self.count

    @property
    def stored_size(self) -> int:
        """Bytes of each of them."""
        return self.object_size or self.size

    @property
    def moved_bytes(self) -> int:
        """Bytes that a round moves."""
        if self.operation in ("list", "head"):
            return 0
        if self.operation == "mixed":
            return self.size * self.count * 60 // 100
        if self.operation.startswith("train"):
            return self.stored_size * self.stored_objects * int(self.options["epochs"])
        return self.size * self.count

    def requests(self, part_size: int | None = None) -> int:
        """Requests that a round makes, about."""
        if self.operation == "list":
            return -(-self.count // 1000)
        part_size = part_size or PART_SIZE
        if self.operation.startswith("train"):
            parts = _parts(self.stored_size, part_size)
            return parts * self.stored_objects * int(self.options["epochs"])
        each = _parts(self.size, part_size)
        return self.count * (each + _MULTIPART if self.uploads and each > 1 else each)

    @property
    def stored_requests(self) -> int:
        """Requests that make one of the objects that have to be there before."""
        parts = _parts(self.stored_size, PART_SIZE)
        return parts + _MULTIPART if parts > 1 else 1

    def changed(self, **given: Any) -> Workload:
        """Return it with other sizes and counts, as far as it has them."""
        wanted = {name: value for name, value in given.items() if value is not None}
        if self.operation.startswith("train"):
            wanted = {name: value for name, value in wanted.items() if name == "concurrency"}
        if self.operation in ("list", "head"):
            wanted.pop("size", None)
        if self.operation == "list":
            wanted.pop("concurrency", None)
        if self.operation in STATES:
            wanted = {name: value for name, value in wanted.items() if name == "size"}
        if self.object_size and "size" in wanted:
            wanted["object_size"] = max(self.object_size, wanted["size"])
        return replace(self, **wanted)


def _parts(size: int, part_size: int) -> int:
    return max(1, -(-size // part_size))


def human(size: int) -> str:
    """Return a size as tables have it: in MiB where it is a whole number of them."""
    for unit, name in ((1 << 30, "GiB"), (MIB, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    for power, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "KB")):
        if size >= power:
            return f"{size / power:.3g} {name}"
    return f"{size} B"


def _training(name: str, title: str, **more: Any) -> Workload:
    facts = TRAINING[name]
    options = {
        "batch_size": facts["batch_size"],
        "compute_s": facts["compute_s"],
        "epochs": more.pop("epochs", 1),
    }
    values: dict[str, Any] = {"size": facts["size"], "operation": "train_objects", **more}
    if values["operation"] == "train_records":
        options["record_size"] = facts["size"]
    return Workload(
        f"train-{name}", title, concurrency=int(facts["threads"]), options=options, **values
    )


WORKLOADS = {
    each.name: each
    for each in (
        Workload("get", "GET of {count} x {size}, into memory", "get_into", 1024 * MIB),
        Workload(
            "put",
            "PUT of {count} x {size}, from memory",
            "put",
            512 * MIB,
            uploads=True,
            downloads=False,
        ),
        Workload(
            "small-get",
            "GET of {count} objects of {size}, {concurrency} at once",
            "get_many",
            SAMPLE,
            count=2000,
            concurrency=32,
        ),
        Workload(
            "small-put",
            "PUT of {count} objects of {size}, {concurrency} at once",
            "put_many",
            SAMPLE,
            count=1000,
            concurrency=32,
            uploads=True,
            downloads=False,
        ),
        Workload(
            "random-read",
            "{count} reads of {size} anywhere in {object_size}, {concurrency} at once",
            "random_read",
            64 << 10,
            count=2000,
            concurrency=1,
            object_size=256 * MIB,
            objects=1,
        ),
        Workload("list", "LIST of {count} keys", "list", 16, count=10_000),
        Workload(
            "head",
            "HEAD of {count} objects, {concurrency} at once",
            "head",
            16,
            count=2000,
            concurrency=16,
        ),
        Workload(
            "open-read",
            "{size} through a file, by reads of 1 MiB",
            "read_file",
            1024 * MIB,
            options={"piece": MIB},
        ),
        Workload(
            "open-write",
            "{size} through a file, by writes of 1 MiB",
            "write_file",
            512 * MIB,
            uploads=True,
            downloads=False,
            options={"piece": MIB},
        ),
        Workload(
            "checkpoint-save",
            "state dict of {size}, saved",
            "save_state",
            512 * MIB,
            uploads=True,
            downloads=False,
        ),
        Workload(
            "checkpoint-load",
            "state dict of {size}, loaded",
            "load_state",
            512 * MIB,
            stored_as="torch",
        ),
        Workload(
            "safetensors-load",
            "safetensors file of {size}, loaded",
            "load_safetensors",
            512 * MIB,
            stored_as="safetensors",
        ),
        *(
            Workload(
                f"distributed-{verb}",
                f"distributed checkpoint of {{size}} by 4 ranks, {done}",
                f"{verb}_distributed",
                512 * MIB,
                uploads=True,  # also for loading: each client saves its own before
                downloads=False,
                options={"ranks": 4},
            )
            for verb, done in (("save", "saved"), ("load", "loaded"))
        ),
        Workload(
            "mixed",
            "{count} calls on objects of {size}, {concurrency} at once: "
            "45 % GET, 30 % HEAD, 15 % PUT, 10 % DELETE",
            "mixed",
            SAMPLE,
            count=2000,
            concurrency=16,
            objects=500,
            uploads=True,
        ),
        _training(
            "unet3d",
            "MLPerf unet3d: npz objects of {size}, batches of 7, 323 ms each",
            count=14,
            epochs=2,
        ),
        _training(
            "resnet50",
            "MLPerf resnet50: records of {size} in shards, batches of 400, 224 ms each",
            operation="train_records",
            count=8 * _RECORDS,
            objects=8,
            object_size=_RECORDS * int(TRAINING["resnet50"]["size"]),
        ),
        _training(
            "cosmoflow",
            "MLPerf cosmoflow: objects of {size}, batches of 1, 3.5 ms each",
            count=250,
            epochs=2,
        ),
        Workload(
            "loader-images",
            "PyTorch DataLoader, 2 workers: {count} objects of {size}, batches of 64",
            "load_samples",
            SAMPLE,
            count=5000,
            concurrency=32,  # of the limit
            options={"batch_size": 64, "workers": 2},
        ),
        Workload(
            "loader-unet3d",
            "PyTorch DataLoader, 2 workers: {count} objects of {size}",
            "load_samples",
            int(TRAINING["unet3d"]["size"]),
            count=14,
            concurrency=4,
            options={"batch_size": 1, "workers": 2},
        ),
    )
}


@dataclass(frozen=True)
class Preset:
    """Workloads with their changes, and how often they are run."""

    workloads: Mapping[str, Mapping[str, int]]
    repeat: int
    warmup: int


_TRAINING = ("train-", "loader-")

PRESETS = {
    "quick": Preset(
        {
            "get": {"size": 48 * MIB},
            "put": {"size": 24 * MIB},
            "small-get": {"count": 160},
            "small-put": {"count": 96},
            "random-read": {"count": 96, "object_size": 64 * MIB},
        },
        repeat=3,
        warmup=1,
    ),
    "full": Preset(
        {name: {} for name in WORKLOADS if not name.startswith(_TRAINING)}, repeat=5, warmup=1
    ),
    "checkpoint": Preset(
        {name: {} for name, each in WORKLOADS.items() if each.operation in STATES},
        repeat=3,
        warmup=1,
    ),
    "training": Preset(
        {name: {} for name in WORKLOADS if name.startswith((*_TRAINING, "checkpoint-"))},
        repeat=3,
        warmup=0,
    ),
}


def chosen(names: tuple[str, ...], preset: Preset, **given: int | None) -> list[Workload]:
    """Return a preset's workloads, or those named, with the preset's sizes where it has them.

    A name may be that of a preset, and is then all of its workloads.
    """
    wanted = [
        one for name in names for one in (PRESETS[name].workloads if name in PRESETS else [name])
    ]
    return [
        WORKLOADS[name].changed(**preset.workloads.get(name, {})).changed(**given)
        for name in dict.fromkeys(wanted) or preset.workloads
    ]

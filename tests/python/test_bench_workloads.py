"""What is measured, without measuring it."""

from __future__ import annotations

import pytest
from s3native.bench.results import Settings
from s3native.bench.suite import data_size, estimate
from s3native.bench.workloads import MIB, PRESETS, WORKLOADS, chosen, human


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (16, "16 B"),
        (64 << 10, "64 KiB"),
        (3 * MIB, "3 MiB"),
        (2 << 30, "2 GiB"),
        (110_000, "110 KB"),
        (146_600_628, "147 MB"),
        (1_000_000_000, "1 GB"),
    ],
)
def test_sizes_are_said_in_the_unit_that_fits(size: int, text: str) -> None:
    assert human(size) == text


def test_every_preset_has_known_workloads() -> None:
    for preset in PRESETS.values():
        assert preset.workloads
        assert set(preset.workloads) <= set(WORKLOADS)
    assert {f"train-{name}" for name in ("unet3d", "resnet50", "cosmoflow")} <= set(
        PRESETS["training"].workloads
    )


def test_named_workloads_have_the_sizes_of_the_preset_unless_told() -> None:
    (plain,) = chosen(("get",), PRESETS["quick"])
    assert plain.size == 48 * MIB
    (told,) = chosen(("get",), PRESETS["quick"], size=MIB, count=3, concurrency=2)
    assert (told.size, told.count, told.concurrency) == (MIB, 3, 2)
    assert told.described == "GET of 3 x 1 MiB, into memory"
    (large,) = chosen(("get",), PRESETS["full"])
    assert large.size == 1024 * MIB


def test_a_presets_name_is_all_of_its_workloads() -> None:
    named = chosen(("get", "checkpoint", "checkpoint-save"), PRESETS["quick"], size=MIB)
    assert [each.name for each in named] == [
        "get",
        "checkpoint-save",
        "checkpoint-load",
        "safetensors-load",
        "distributed-save",
        "distributed-load",
    ]
    assert {each.size for each in named} == {MIB}


def test_training_keeps_its_sizes() -> None:
    (told,) = chosen(("train-unet3d",), PRESETS["training"], size=1, count=1, concurrency=2)
    assert told.size == 146_600_628
    assert told.concurrency == 2


def test_a_read_larger_than_its_object_makes_the_object_larger() -> None:
    (told,) = chosen(("random-read",), PRESETS["quick"], size=100 * MIB)
    assert told.stored_size == 100 * MIB


def test_an_estimate_has_every_round_of_every_row() -> None:
    (get,) = chosen(("get",), PRESETS["quick"], size=16 * MIB)
    # Two clients and the limit, four rounds each; two looks at the content; the object itself.
    told = estimate([get], ["s3native", "boto3", "tmpfs"], Settings("quick", repeat=3, warmup=1))
    assert told.moved_bytes == (3 * 4 + 2 + 1) * 16 * MIB
    assert told.requests == (3 * 4 + 2) * 2 + 4  # stored in two parts
    assert told.rounds == 9
    assert str(told) == "0.3 GB in about 32 requests"


def test_an_estimate_of_uploads_has_their_look_at_the_content() -> None:
    (put,) = chosen(("put",), PRESETS["quick"], size=16 * MIB)
    told = estimate([put], ["s3native"], Settings("quick", repeat=3, warmup=0))
    # The client and the limit, three rounds each; another to be looked at, and the look.
    assert told.moved_bytes == (2 * 3 + 1 + 1) * 16 * MIB
    assert told.requests == (2 * 3 + 1) * 4 + 1
    (listed,) = chosen(("list",), PRESETS["quick"], count=2000)
    told = estimate([listed], ["s3native"], Settings("quick", repeat=3, warmup=0))
    assert told.requests == 2 * 3 * 2 + 2000


def test_requests_are_of_parts_that_are_read() -> None:
    assert WORKLOADS["get"].requests() == 128
    assert WORKLOADS["get"].requests(64 * MIB) == 16
    assert WORKLOADS["train-resnet50"].requests() == 8 * 18  # shards of 143 MB
    assert WORKLOADS["train-unet3d"].requests() == 14 * 18 * 2  # twice


def test_what_the_server_holds() -> None:
    assert data_size(chosen(("get",), PRESETS["quick"])) == 48 * MIB
    assert data_size(chosen(("put",), PRESETS["quick"])) == 2 * 24 * MIB
    assert data_size(chosen(("list",), PRESETS["quick"])) == 16 * 10_000

"""Every client does what a job asks for, in a process of its own, against MinIO."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import s3native
from s3native.bench import content, suite
from s3native.bench.clients import NAMES, ONLY_FOR, is_installed, takes_part
from s3native.bench.limit import has_limit
from s3native.bench.place import Place
from s3native.bench.protocol import LIMIT, Job, Round, Target
from s3native.bench.results import Settings
from s3native.bench.runner import CannotError, ClientProcess
from s3native.bench.workloads import MIB, WORKLOADS, Workload
from s3native.testing import MinioServer

SMALL = {
    "get": {"size": 9 * MIB, "count": 2, "concurrency": 2},
    "put": {"size": 9 * MIB},
    "small-get": {"count": 40, "concurrency": 4},
    "small-put": {"count": 20, "concurrency": 4},
    "random-read": {"count": 20, "object_size": MIB},
    "list": {"count": 30},
    "head": {"count": 20, "concurrency": 4},
    "open-read": {"size": 9 * MIB},
    "open-write": {"size": 9 * MIB},
    "checkpoint-save": {"size": 9 * MIB},
    "checkpoint-load": {"size": 9 * MIB},
    "safetensors-load": {"size": 9 * MIB},
    "distributed-save": {"size": 9 * MIB},
    "distributed-load": {"size": 9 * MIB},
    "loader-images": {"count": 70},
    "loader-unet3d": {"size": 9 * MIB, "count": 3},
    "mixed": {"count": 60, "concurrency": 4},
}
ALL = [WORKLOADS[name].changed(**changes) for name, changes in SMALL.items()]
FILES = {"open-read", "open-write"}
STATES = {"checkpoint-save", "checkpoint-load"}
LOADERS = {"loader-images", "loader-unet3d"}
OTHERS = {"safetensors-load", "distributed-save", "distributed-load"}
PYTORCH = STATES | LOADERS | OTHERS
CANNOT = {
    "boto3": {"open-write"} | OTHERS | LOADERS,
    "obstore": OTHERS | LOADERS,
    "s3fs": OTHERS | LOADERS,
    "pyarrow": OTHERS | LOADERS,
    "s3torchconnector": {"random-read", "list", "head", "mixed", "safetensors-load"},
    "s3dlio": FILES | STATES | OTHERS,
    "s5cmd": {"random-read", "head", "mixed"} | FILES | PYTORCH,
    "smart_open": set(SMALL) - FILES - STATES,
}
_NOT_IN_CI = {"s3torchconnector", "runai_model_streamer", "tensorflow_io"}
SETTINGS = Settings("none", repeat=2, warmup=0, seed=3)


def place(server: MinioServer, client: s3native.Client, bucket: str) -> Place:
    target = Target(
        server.endpoint,
        bucket,
        server.access_key,
        server.secret_key,
        ca_bundle=server.ca_bundle,
        region=server.region,
    )
    return Place(client, target, "here/", "MinIO")


def needs(name: str) -> None:
    if is_installed(name):
        return
    if os.environ.get("CI") and name not in _NOT_IN_CI:
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"{name} is not installed")


def test_the_suite_has_every_workload_beside_its_limit(
    server: MinioServer, client: s3native.Client, bucket: str
) -> None:
    here = place(server, client, bucket)
    told: list[tuple[str, str, str]] = []
    report = suite.run(ALL, ["s3native"], SETTINGS, here, lambda *what: told.append(what))
    assert report.failures == []
    for measured in report.measured:
        for result in measured.results:
            if not result.cannot:  # PyTorch may be missing
                assert result.verified or result.client == LIMIT
                assert len(result.rounds) == 2
                for sample in result.rounds:
                    assert_moved(measured.workload, sample)
        last = measured.results[-1].client
        assert (last == LIMIT) is has_limit(measured.workload.operation)
    assert told.count(("get", "s3native", "done")) == 2
    assert ("get", "s3native", "round 2 of 2") in told
    assert ("get", "s3native", "is verified") in told
    here.clear()
    assert not any(page.objects for page in client.list(f"s3://{bucket}/"))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "s3native"])
def test_clients_do_every_workload_they_can(
    name: str, server: MinioServer, client: s3native.Client, bucket: str, tmp_path: Path
) -> None:
    needs(name)
    here = place(server, client, bucket)
    mine = [each for each in ALL if takes_part(name, each.operation)]
    cannot = set()
    for workload in mine:
        job = replace(suite.make_job(workload, SETTINGS, here), scratch=str(tmp_path))
        process = ClientProcess(name, job)
        try:
            process.ready()
            assert process.version
            assert process.how
            assert_moved(workload, process.round())
            suite.verify(workload, here, job, process)
        except CannotError:
            cannot.add(workload.name)
        finally:
            process.close()
    without_torch = PYTORCH if not is_installed("torch") else set()
    expected = CANNOT.get(name, set()) | without_torch
    assert cannot == expected & {each.name for each in mine}


@pytest.mark.parametrize("name", ["s3native", "s3torchconnector"])
@pytest.mark.parametrize("operation", ["load_mapped_samples", "first_sample"])
def test_other_datasets(
    operation: str,
    name: str,
    server: MinioServer,
    client: s3native.Client,
    bucket: str,
    tmp_path: Path,
) -> None:
    needs("torch")
    needs(name)
    here = place(server, client, bucket)
    keys = [f"samples/{number}" for number in range(10)]
    here.put([(0, key) for key in keys], content.array(1000, 7))
    options = {"workers": 1, "batch_size": 4}
    job = Job(operation, here.target, keys, 1000, scratch=str(tmp_path), options=options)
    process = ClientProcess(name, job)
    asked = keys[:1] * len(keys) if operation == "first_sample" else keys
    try:
        process.ready()
        sample = process.round()
        assert (sample.count, sample.moved_bytes) == (len({*asked}), 1000 * len({*asked}))
        assert process.verify() == content.together(here.digest(key) for key in asked)
    except CannotError:
        assert (name, operation) == ("s3torchconnector", "first_sample")
    finally:
        process.close()


def assert_moved(workload: Workload, sample: Round) -> None:
    """What a round is about was done, and measured."""
    assert sample.errors == 0, sample.first_error
    assert sample.seconds > 0
    assert sample.peak_rss_bytes > MIB
    assert sample.count == workload.count
    if workload.name == "mixed":
        assert 0.4 * workload.count < sample.moved_bytes / workload.size < 0.8 * workload.count
    else:
        assert sample.moved_bytes == workload.moved_bytes


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"smart_open", *ONLY_FOR}])
def test_clients_speak_tls(name: str, tls_server: MinioServer) -> None:
    needs(name)
    chosen = [each for each in ALL if each.name in ("get", "put")]
    settings = replace(SETTINGS, repeat=1)
    with s3native.Client(**tls_server.client_options()) as client:
        client.create_bucket(f"tls-{name}")
        here = place(tls_server, client, f"tls-{name}")
        report = suite.run(chosen, [name], settings, here, lambda *_: None)
        assert report.failures == []
        assert all(result.is_good for each in report.measured for result in each.results)
        here.clear()
        client.delete_bucket(here.target.bucket)


def test_a_round_may_last(server: MinioServer, client: s3native.Client, bucket: str) -> None:
    here = place(server, client, bucket)
    chosen = [each for each in ALL if each.name in ("small-get", "head", "mixed", "list")]
    settings = Settings("none", repeat=1, warmup=0, duration_s=0.4)
    report = suite.run(chosen, ["s3native"], settings, here, lambda *_: None)
    assert report.failures == []
    for measured in report.measured:
        for result in measured.results:
            assert result.rounds[0].seconds >= 0.3
            assert result.rounds[0].count > measured.workload.count


def test_training_keeps_an_accelerator_busy(
    server: MinioServer, client: s3native.Client, bucket: str
) -> None:
    here = place(server, client, bucket)
    cosmoflow = WORKLOADS["train-cosmoflow"]
    objects = Workload(
        "objects", "", "train_objects", MIB, 6, 2, options={**cosmoflow.options, "epochs": 2}
    )
    records = Workload(
        "records",
        "",
        "train_records",
        10_000,
        1000,
        2,
        object_size=MIB,
        objects=3,
        options={"batch_size": 10, "compute_s": 0.002, "epochs": 1, "record_size": 10_000},
    )
    report = suite.run([objects, records], ["s3native", "pyarrow"], SETTINGS, here, lambda *_: None)
    assert report.failures == []
    for result in report.measured[0].results:
        assert [sample.count for sample in result.rounds] == [12, 12]
        assert result.rounds[0].accelerator_s == pytest.approx(12 * 0.0035)
    for result in report.measured[1].results:
        assert result.rounds[0].count == 310  # of 315 records, those in whole batches
        assert 0 < result.rounds[0].accelerator_s <= result.rounds[0].seconds


def test_wrong_content_is_a_failure(
    server: MinioServer, client: s3native.Client, bucket: str
) -> None:
    here = place(server, client, bucket)
    (get,) = (each for each in ALL if each.name == "get")
    keys = here.keys(get, SETTINGS.seed)
    client.put(here.target.url(keys[0]), bytes(get.size))
    report = suite.run([get], ["s3native"], SETTINGS, here, lambda *_: None)
    (failure,) = report.failures
    assert "wrong content" in failure


def test_another_objects_content_is_a_failure(
    server: MinioServer, client: s3native.Client, bucket: str
) -> None:
    here = place(server, client, bucket)
    (small,) = (each for each in ALL if each.name == "small-get")
    keys = here.keys(small, SETTINGS.seed)
    client.copy(here.target.url(keys[1]), here.target.url(keys[2]))
    report = suite.run([small], ["s3native"], SETTINGS, here, lambda *_: None)
    (failure,) = report.failures
    assert "wrong content" in failure


def test_many_objects_by_one_call_have_latencies(
    server: MinioServer, client: s3native.Client, bucket: str
) -> None:
    here = place(server, client, bucket)
    (small,) = (each for each in ALL if each.name == "small-get")
    report = suite.run([small], ["s3native"], SETTINGS, here, lambda *_: None)
    sample = report.measured[0].results[0].rounds[0]
    assert len(sample.latencies_us) == sample.count
    assert 0 < min(sample.latencies_us) <= max(sample.latencies_us) < sample.seconds * 1e6


def test_peers_do_not_load_the_engine(
    server: MinioServer, client: s3native.Client, bucket: str, tmp_path: Path
) -> None:
    here = place(server, client, bucket)
    for name, loads in (("boto3", False), ("s3native", True)):
        job = Job("put", here.target, ["here/x"], size=1000, scratch=str(tmp_path))
        process = ClientProcess(name, job)
        process.ready()
        maps = Path(f"/proc/{process._process.pid}/maps").read_text()
        assert ("s3native/_core" in maps) is loads
        process.close()

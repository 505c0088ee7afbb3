"""Runs the chosen workloads at a place, one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from s3native.bench import content, states
from s3native.bench.clients import takes_part
from s3native.bench.limit import has_limit
from s3native.bench.place import Place
from s3native.bench.protocol import LIMIT, Job
from s3native.bench.results import Measured, Report, Settings, environment
from s3native.bench.runner import (
    ClientError,
    Course,
    Result,
    Row,
    Runner,
    fit_together,
    measure,
)
from s3native.bench.workloads import STATES, Workload
from s3native.errors import S3Error

Tell = Callable[[str, str, str], None]  # of which workload, to which client what is being done
_NOT_VERIFIED = frozenset({"list", "head"})


@dataclass(frozen=True)
class Estimate:
    """What a benchmark will come to."""

    moved_bytes: int
    requests: int
    rounds: int

    def __str__(self) -> str:
        amount = f"{self.moved_bytes / 1e9:,.1f} GB in about {self.requests:,} requests"
        return amount.replace(",", " ")


def estimate(workloads: Sequence[Workload], clients: Sequence[str], settings: Settings) -> Estimate:
    """Add up what the workloads will move with these clients, each object once a round."""
    moved = requests = rounds = 0
    for workload in workloads:
        measured = sum(takes_part(name, workload.operation) for name in clients)
        rows = measured + has_limit(workload.operation)
        each = rows * (settings.repeat + settings.warmup)
        stored = workload.stored_objects
        if workload.operation not in _NOT_VERIFIED:
            each += measured
            if workload.uploads:  # the last object is looked at
                moved += measured * workload.size
                requests += measured
        if workload.operation == "load_distributed":  # each loads what it saved
            each += rows
        moved += each * workload.moved_bytes + stored * workload.stored_size
        requests += each * workload.requests(settings.part_size) + stored * workload.stored_requests
        rounds += rows * settings.repeat
    return Estimate(moved, requests, rounds)


def data_size(workloads: Sequence[Workload]) -> int:
    """Bytes that the server has to hold, at most."""
    return sum(
        each.stored_objects * each.stored_size
        + 2 * each.moved_bytes * each.uploads // (2 if each.downloads else 1)
        for each in workloads
    )


def run(
    workloads: Sequence[Workload],
    clients: Sequence[str],
    settings: Settings,
    place: Place,
    tell: Tell,
) -> Report:
    """Measure all; failures of a client, and of making a workload's data, stay in the results."""
    machine = environment()  # its load is that of others
    measured = []
    for workload in workloads:
        tell(workload.name, "", "data is made")
        measured.append(_measure(workload, clients, settings, place, tell))
    return Report(machine, place.server, settings, measured)


def _measure(
    workload: Workload, clients: Sequence[str], settings: Settings, place: Place, tell: Tell
) -> Measured:
    rows = [Row(name, name) for name in clients if takes_part(name, workload.operation)]
    if has_limit(workload.operation):
        rows.append(Row(LIMIT, LIMIT))
    try:
        job = make_job(workload, settings, place)
    except (S3Error, OSError) as error:
        told = f"its data could not be made: {error}"
        return Measured(workload, [Result(row.label, row.client, error=told) for row in rows])
    course = Course(
        settings.repeat,
        settings.warmup,
        keep=fit_together(rows, job),
        verify=lambda job, runner: verify(workload, place, job, runner),
        tell=lambda client, what: tell(workload.name, client, what),
    )
    return Measured(workload, measure(rows, job, course))


def make_job(workload: Workload, settings: Settings, place: Place) -> Job:
    """Return a workload's job, its objects in place."""
    keys = place.keys(workload, settings.seed)
    options = {
        **workload.options,
        "object_size": workload.stored_size,
        "reads": workload.count,
        "calls": workload.count,
        "count": workload.count,
        "prefix": keys[0].rpartition("/")[0] + "/",
    }
    return Job(
        workload.operation,
        place.target,
        keys,
        size=workload.size,
        in_flight=workload.concurrency,
        duration_s=settings.duration_s,
        seed=settings.seed,
        part_size=settings.part_size,
        options=options,
    )


def check_download(job: Job, runner: Runner) -> None:
    """Compare what a client gets; raises ClientError."""
    stored_size = int(job.options["object_size"])
    if job.operation == "random_read":
        expected = content.tail_digest(stored_size, job.size, job.seed)
    elif job.operation in STATES:
        expected = content.digest(
            states.size_of(job.size // int(job.options.get("ranks", 1))), job.seed
        )
    else:
        count, alike = len(job.verified_keys), bool(job.options.get("alike"))
        expected = content.digest_of_first(count, stored_size, job.seed, alike=alike)
    check_digest(runner.verify(), expected)


def check_upload(job: Job, runner: Runner, place: Place) -> None:
    """Compare what a client puts; raises ClientError."""
    place.delete(job.keys[0])  # it may be another client's
    runner.round()
    check_digest(place.digest(job.keys[0]), content.digest(job.size, job.seed))


def check_digest(found: str, expected: str) -> None:
    """Compare SHA-256s; raises ClientError."""
    if found != expected:
        raise ClientError(f"wrong content: SHA-256 {found}, not {expected}")


def verify(workload: Workload, place: Place, job: Job, runner: Runner) -> None:
    """Compare what a client gets, or what it put; raises ClientError."""
    if workload.operation in _NOT_VERIFIED:
        return  # every answer was looked at
    if workload.downloads or workload.operation in STATES:  # which are loaded again
        check_download(job, runner)
    else:
        check_upload(job, runner, place)

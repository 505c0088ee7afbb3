"""What was measured, and its JSON, whose schema is `schema.json` beside this file."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import s3native
from s3native.bench import latency
from s3native.bench.protocol import LIMIT, Round
from s3native.bench.runner import Result
from s3native.bench.workloads import Workload

SCHEMA = 1


@dataclass(frozen=True)
class Settings:
    """How everything is run."""

    preset: str
    repeat: int
    warmup: int
    duration_s: float = 0.0
    part_size: int | None = None
    seed: int = 7


@dataclass(frozen=True)
class Measured:
    """A workload with its rows."""

    workload: Workload
    results: Sequence[Result]


@dataclass(frozen=True)
class Report:
    """All that a benchmark brought."""

    environment: dict[str, Any]
    server: str
    settings: Settings
    measured: Sequence[Measured]

    @property
    def failures(self) -> list[str]:
        """A line for each client that failed."""
        return [
            f"{each.workload.name}: {result.label}: {last_line(result.error)}"
            for each in self.measured
            for result in each.results
            if result.error and result.client != LIMIT
        ]


class ReportError(ValueError):
    """A file is no report of this benchmark."""


def environment() -> dict[str, Any]:
    """Describe this machine, and whether somebody else is using it."""
    system = os.uname()
    return {
        "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "cpu": _cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{system.sysname} {system.release} {system.machine}",
        "load_average": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "s3native": s3native.__version__,
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def last_line(error: str) -> str:
    """Return what a client's error says in the end."""
    return error.splitlines()[-1] if error else ""


def to_json(report: Report) -> dict[str, Any]:
    """Return a report as plain values, every sample in it; latencies are HDR histograms."""
    return {
        "schema": SCHEMA,
        "environment": report.environment,
        "server": report.server,
        "settings": asdict(report.settings),
        "workloads": [
            {
                **{
                    name: value
                    for name, value in vars(each.workload).items()
                    if name not in ("title", "options")
                },
                "title": each.workload.described,
                "options": dict(each.workload.options),
                "clients": [_result_to_json(result) for result in each.results],
            }
            for each in report.measured
        ],
    }


def _result_to_json(result: Result) -> dict[str, Any]:
    samples = []
    for sample in result.rounds:
        values = asdict(replace(sample, latencies_us=[]))
        del values["latencies_us"]
        values["latency_histogram"] = latency.encoded(sample.latencies_us)
        samples.append(values)
    return {
        "label": result.label,
        "client": result.client,
        "version": result.version,
        "how": result.how,
        "verified": result.verified,
        "error": result.error,
        "cannot": result.cannot,
        "samples": samples,
    }


def write(report: Report, path: Path) -> None:
    """Write a report's JSON."""
    path.write_text(json.dumps(to_json(report), indent=1) + "\n")


def read(path: Path) -> Report:
    """Read what `write` wrote; raises ReportError."""
    try:
        values = json.loads(path.read_text())
        if values["schema"] != SCHEMA:
            raise ReportError(f"{path} has schema {values['schema']}; this version reads {SCHEMA}")
        measured = [_measured(each) for each in values["workloads"]]
        settings = Settings(**values["settings"])
        return Report(values["environment"], values["server"], settings, measured)
    except ReportError:
        raise
    except Exception as error:  # of whatever is wrong with it
        raise ReportError(f"{path} is no report of s3native bench: {error!r}") from None


def _measured(values: dict[str, Any]) -> Measured:
    clients = values.pop("clients")
    title = values.pop("title").replace("{", "{{").replace("}", "}}")
    return Measured(Workload(title=title, **values), [_result(each) for each in clients])


def _result(values: dict[str, Any]) -> Result:
    rounds = []
    for sample in values.pop("samples"):
        latencies = latency.decoded(sample.pop("latency_histogram"))
        rounds.append(Round(**sample, latencies_us=latencies))
    return Result(**values, rounds=rounds)


def schema() -> dict[str, Any]:
    """Return the JSON schema of reports."""
    text = resources.files("s3native.bench").joinpath("schema.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded

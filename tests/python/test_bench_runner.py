"""How rounds go round the rows, with runners that measure nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from s3native.bench.protocol import LIMIT, Job, Round, Target
from s3native.bench.runner import (
    CannotError,
    ClientError,
    Course,
    Result,
    Row,
    Runner,
    measure,
)

JOB = Job("get", Target(None, "bucket"), ["key"])
ROWS = [Row(name, name) for name in ("a", "b", LIMIT)]


@dataclass
class Fake:
    """Notes what is asked of it; `trouble` is raised, or are the errors, of a step."""

    name: str
    log: list[str]
    trouble: dict[str, Exception | int] = field(default_factory=dict)
    version: str = "1"
    how: str = "not at all"

    def _step(self, name: str) -> int:
        self.log.append(f"{self.name} {name}")
        trouble = self.trouble.get(name, 0)
        if isinstance(trouble, Exception):
            raise trouble
        return trouble

    def ready(self) -> None:
        self._step("ready")

    def round(self) -> Round:
        return Round(1.0, 0.5, 0.5, 10, 1, errors=self._step("round"), first_error="first")

    def verify(self) -> str:
        self._step("verify")
        return ""

    def close(self) -> None:
        self._step("close")


def run(
    log: list[str],
    trouble: dict[str, Exception | int] | None = None,
    *,
    repeat: int = 2,
    warmup: int = 0,
    keep: bool = True,
    verify: Callable[[Job, Runner], None] | None = None,
) -> Sequence[Result]:
    """Measure the rows; `a` has the trouble."""

    def start(row: Row, job: Job) -> Runner:
        log.append(f"{row.label} start")
        return Fake(row.label, log, (trouble or {}) if row.label == "a" else {})

    def check(job: Job, runner: Runner) -> None:
        runner.verify()

    course = Course(repeat, warmup, keep, verify or check, lambda *_: None, start)
    return measure(ROWS, JOB, course)


def test_all_are_ready_before_one_is_measured_and_rounds_rotate() -> None:
    log: list[str] = []
    results = run(log)
    assert log == [
        *("a start", "b start", "limit start", "a ready", "b ready", "limit ready"),
        *("a round", "a verify", "b round", "b verify", "limit round"),
        *("b round", "limit round", "a round"),
        *("a close", "b close", "limit close"),
    ]
    assert [len(result.rounds) for result in results] == [2, 2, 2]
    assert [result.verified for result in results] == [True, True, False]
    assert all(result.is_good for result in results)


def test_warm_ups_are_not_measured() -> None:
    log: list[str] = []
    results = run(log, warmup=3, repeat=1)
    assert log.count("a round") == 4
    assert [len(result.rounds) for result in results] == [1, 1, 1]


def test_where_there_is_no_room_each_lives_for_a_round() -> None:
    log: list[str] = []
    run(log, keep=False, warmup=1)
    assert [each for each in log if each.startswith("a")] == [
        *("a start", "a ready", "a round", "a round", "a verify", "a close"),
        *("a start", "a ready", "a round", "a round", "a close"),
    ]


@pytest.mark.parametrize("step", ["ready", "round", "verify"])
def test_a_failure_ends_its_row_only(step: str) -> None:
    log: list[str] = []
    failed, other, _ = run(log, {step: ClientError("it broke")})
    assert failed.error == "it broke"
    assert not failed.is_good
    assert other.is_good
    assert log.count("a close") == 1
    assert log.count("a round") == (0 if step == "ready" else 1)


def test_what_a_client_cannot_do_is_no_failure() -> None:
    left_out, _, _ = run([], {"ready": CannotError("no such operation")})
    assert left_out.cannot == "no such operation"
    assert not left_out.error


@pytest.mark.parametrize("warmup", [0, 1])
def test_calls_that_fail_are_kept_also_those_of_the_warm_up(warmup: int) -> None:
    failed, _, _ = run([], {"round": 2}, warmup=warmup)
    assert failed.error == "2 of 3 calls failed: first"
    assert [sample.errors for sample in failed.rounds] == [2]


def test_an_interrupt_closes_all() -> None:
    log: list[str] = []

    def interrupt(job: Job, runner: Runner) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(log, verify=interrupt)
    assert log[-3:] == ["a close", "b close", "limit close"]


def test_no_secret_is_in_a_repr() -> None:
    target = Target("http://h", "bucket", "the-key-id", "the-secret-key")
    assert "the-secret-key" not in repr(Job("get", target, []))

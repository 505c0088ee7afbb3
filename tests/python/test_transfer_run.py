"""Many tasks at once, and single ones that go wrong."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import s3native
from content import content
from s3native.transfer.run import Runner
from s3native.transfer.tasks import Download, FileChangedError, Task, Upload
from s3native.transfer.threads import Budget, map_in_threads


@dataclass(frozen=True)
class Note:
    """A task that only tells that it was done."""

    number: int
    notes: list[int] = field(default_factory=list)
    size: int = 10
    count: int = 1

    def run(self, client: s3native.Client) -> bool:
        if self.number % 5 == 3:
            raise OSError(f"number {self.number}")
        self.notes.append(self.number)
        return self.number % 5 != 4


def test_all_are_done_once_and_failures_are_noted(client: s3native.Client) -> None:
    notes: list[int] = []
    done: list[Task] = []
    runner = Runner(client, 8, on_done=done.append)
    outcome = runner.run(Note(number, notes) for number in range(1000))
    assert sorted(notes) == [number for number in range(1000) if number % 5 != 3]
    assert (outcome.done, outcome.size, len(done)) == (600, 6000, 600)  # a fifth had nothing to do
    assert len(outcome.failures) == 200
    assert all("number" in failure for failure in outcome.failures)
    assert outcome.exit_code == 1
    assert outcome.planned_size == 10_000 and outcome.all_planned


def test_what_is_to_be_done_may_fail_itself(client: s3native.Client) -> None:
    def tasks() -> Iterator[Task]:
        yield Note(1)
        raise ValueError("the listing")

    with pytest.raises(ValueError, match="the listing"):
        Runner(client, 3).run(tasks())
    assert Runner(client, 3).run([]).exit_code == 0


def test_map_in_threads() -> None:
    assert map_in_threads(lambda n: n * n, range(100), 7) == [n * n for n in range(100)]
    assert map_in_threads(str, [], 3) == []
    begun: list[int] = []
    lock = threading.Lock()

    def fail_at_10(number: int) -> None:
        with lock:
            begun.append(number)
        if number == 10:
            raise KeyError(number)

    with pytest.raises(KeyError):
        map_in_threads(fail_at_10, range(100_000), 2)
    assert len(begun) < 100_000


@pytest.mark.parametrize("begun", [0, 1, 3])
def test_an_interrupt_while_threads_start(monkeypatch: pytest.MonkeyPatch, begun: int) -> None:
    start, started = threading.Thread.start, itertools.count()

    def interrupted(thread: threading.Thread) -> None:
        if next(started) == begun:
            raise KeyboardInterrupt
        start(thread)

    done: list[int] = []

    def work(number: int) -> None:
        time.sleep(0.001)
        done.append(number)

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        map_in_threads(work, itertools.count(), 4)
    at_the_end = len(done)
    time.sleep(0.05)
    assert len(done) == at_the_end


def test_an_interrupt_waits_for_what_is_under_way() -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    under_way: set[int] = set()

    def work(number: int) -> None:
        under_way.add(number)
        time.sleep(0.05)
        under_way.remove(number)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for delay in (0.001, 0.02, 0.07):
            signal.setitimer(signal.ITIMER_REAL, delay)
            with pytest.raises(KeyboardInterrupt):
                map_in_threads(work, itertools.count(), 4)
            assert not under_way
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_budget_is_never_exceeded() -> None:
    budget, lock = Budget(10), threading.Lock()
    held, most = 0, 0

    def hold(size: int) -> None:
        nonlocal held, most
        with budget.take(size):
            with lock:
                held += size
                most = max(most, held)
            time.sleep(0.001)
            with lock:
                held -= size

    map_in_threads(hold, [1, 10, 4, 3, 7, 2] * 10, 8)
    assert held == 0 and 10 >= most >= 7


@pytest.mark.parametrize("size", [0, 1000, 3_000_000, 20_000_003])
def test_every_size(client: s3native.Client, bucket: str, tmp_path: Path, size: int) -> None:
    url, data = f"s3://{bucket}/key", content(size)
    (tmp_path / "file").write_bytes(data)
    assert Upload(str(tmp_path / "file"), url, size).run(client)
    assert bytes(client.get(url)) == data
    assert Download(url, str(tmp_path / "new/back"), size, 1234.5).run(client)
    assert (tmp_path / "new/back").read_bytes() == data
    assert (tmp_path / "new/back").stat().st_mtime == 1234.5
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["back"]


def test_a_file_that_is_written_to(client: s3native.Client, bucket: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content(3_000_000))

    class Touching:
        """A client that changes the file as soon as it is asked for anything."""

        def __getattr__(self, name: str) -> Any:
            with path.open("ab") as file:
                file.write(b"more")
            return getattr(client, name)

    with pytest.raises(FileChangedError):
        Upload(str(path), f"s3://{bucket}/key", 3_000_000).run(Touching())  # type: ignore[arg-type]
    with pytest.raises(s3native.NotFoundError):
        client.head(f"s3://{bucket}/key")


@pytest.mark.parametrize("size", [1000, 3_000_000])
def test_a_download_that_fails(
    client: s3native.Client, bucket: str, tmp_path: Path, size: int
) -> None:
    (tmp_path / "file").write_bytes(b"as before")
    with pytest.raises(s3native.NotFoundError):
        Download(f"s3://{bucket}/missing", str(tmp_path / "file"), size).run(client)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"as before"]

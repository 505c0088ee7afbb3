"""Many tasks at once."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from s3native import _core
from s3native.client import Client
from s3native.transfer.tasks import Task

_STEP_AHEAD = 64
_MOST_AHEAD = 100_000
_STOP_SECONDS = 10.0


@dataclass
class Outcome:
    """What became of tasks. `failures` has a line for each that failed."""

    done: int = 0
    size: int = 0
    settled_size: int = 0  # of the tasks that have ended, whatever became of them
    seconds: float = 0.0
    planned_size: int = 0  # of the tasks known so far
    all_planned: bool = False
    failures: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """Of a command that did only this."""
        return 1 if self.failures else 0


class Runner:
    """Threads that take tasks from one iterator, each its next when it is done with one.

    A task that fails is noted, the others go on; an error of the iterator itself ends all. An
    interrupt ends the calls under way, with nothing left half done, and is raised.
    """

    def __init__(
        self,
        client: Client,
        concurrency: int,
        *,
        on_done: Callable[[Task], None] | None = None,
    ) -> None:
        self._client = client
        self._concurrency = concurrency
        self._on_done = on_done
        self._lock = threading.Lock()  # guards the outcome
        self._planning = threading.Lock()  # guards the iterator
        self._ahead: deque[Task] = deque()
        self._stopping = False
        self._fault: BaseException | None = None
        self.outcome = Outcome()

    def fail(self, what: str, why: object) -> None:
        """Note a failure; from any thread. Of what an interrupt ended there is nothing to say."""
        if not self._stopping:
            self.outcome.failures.append(f"{what}: {why}")

    def run(self, tasks: Iterable[Task], watch: Callable[[Outcome], None] | None = None) -> Outcome:
        """Do them all, and show to `watch` how it goes, ten times a second."""
        begun = time.monotonic()
        source = iter(tasks)
        self.outcome.all_planned = False

        # Not joined: a join that is interrupted takes its thread for ended (Python up to 3.12).
        ended = threading.Semaphore(0)

        def work() -> None:
            try:
                while (task := self._next(source)) is not None:
                    self._do(task)
            finally:
                ended.release()

        waited_for = 0
        try:
            for number in range(self._concurrency):
                threading.Thread(target=work, name=f"transfer-{number}", daemon=True).start()
                waited_for += 1
            while waited_for > 0:
                waited_for -= ended.acquire(timeout=0.1)
                if watch is not None:
                    watch(self.outcome)
        except BaseException:
            self._stop(ended, waited_for)
            raise
        if self._fault is not None:
            raise self._fault
        self.outcome.seconds += time.monotonic() - begun
        return self.outcome

    def _next(self, source: Iterator[Task]) -> Task | None:
        while not self._stopping:
            # A listing may take its time: only who has nothing else to do waits for it.
            if self._planning.acquire(blocking=not self._ahead):
                try:
                    self._plan(source)
                except BaseException as error:  # raised where `run` was called
                    self._fault = error
                    self._stopping = True
                    return None
                finally:
                    self._planning.release()
            try:
                return self._ahead.popleft()
            except IndexError:
                if self.outcome.all_planned:
                    return None
        return None

    def _plan(self, source: Iterator[Task]) -> None:
        """Look further ahead than is needed, so that how long it takes is known before the end."""
        if self.outcome.all_planned or len(self._ahead) >= _MOST_AHEAD:
            return
        step = list(itertools.islice(source, _STEP_AHEAD))
        self._ahead.extend(step)
        self.outcome.planned_size += sum(task.size for task in step)
        self.outcome.all_planned = len(step) < _STEP_AHEAD

    def _do(self, task: Task) -> None:
        try:
            did = task.run(self._client)
        except Exception as error:
            self.fail(str(task), error)
            did = False
        with self._lock:
            self.outcome.settled_size += task.size
            if not did:
                return
            self.outcome.done += task.count
            self.outcome.size += task.size
            if self._on_done is not None:
                self._on_done(task)

    def _stop(self, ended: threading.Semaphore, running: int) -> None:
        """End the calls under way, and wait until what they began is undone."""
        self._stopping = True
        _core.cancel_calls(True)
        deadline = time.monotonic() + _STOP_SECONDS
        try:
            while running > 0 and ended.acquire(timeout=max(deadline - time.monotonic(), 0)):
                running -= 1
        finally:
            _core.cancel_calls(False)

"""A client stops trying again while everything fails, and starts again when requests work."""

from __future__ import annotations

import s3native
from raw_object import DATA, URL, connect, refusal, serve
from raw_server import Line, RawServer, Request

BUDGET = 1000  # retries without success, for each client


class FailingServer(RawServer):
    """Answers 500 until it is `well`."""

    def __init__(self) -> None:
        super().__init__(self._answer_or_fail)
        self.well = False

    def _answer_or_fail(self, request: Request, line: Line) -> None:
        if self.well:
            serve(request, line)
        else:
            line.send(refusal(500, "InternalError").text())


def errors_of(client: s3native.Client, count: int) -> list[s3native.S3Error | None]:
    return [item.error for item in client.get_many([URL] * count, ordered=False, concurrency=64)]


def test_the_budget_is_spent_and_earned_again() -> None:
    with FailingServer() as server:
        client = connect(server, max_attempts=2, part_size=1 << 20)
        errors = errors_of(client, BUDGET + 200)
        assert len(server.requests) == 2 * BUDGET + 200
        attempts = [error.attempts for error in errors if error is not None]
        assert (attempts.count(2), attempts.count(1)) == (BUDGET, 200)
        tired = [str(error) for error in errors if error is not None and error.attempts == 1]
        assert all("too many requests fail" in message for message in tired)

        server.well = True
        for _ in range(50):  # five for each retry
            assert bytes(client.get(URL)) == DATA
        server.well = False
        attempts = [error.attempts for error in errors_of(client, 20) if error is not None]
        assert (attempts.count(2), attempts.count(1)) == (10, 10)


def test_no_budget_in_legacy_mode() -> None:
    with FailingServer() as server:
        client = connect(server, max_attempts=2, retry_mode="legacy")
        errors_of(client, BUDGET + 200)
        assert len(server.requests) == 2 * (BUDGET + 200)

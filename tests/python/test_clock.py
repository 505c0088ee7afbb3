"""A clock that differs from the server's is corrected by its Date header."""

from __future__ import annotations

import datetime
import email.utils
from concurrent.futures import ThreadPoolExecutor

import pytest
import s3native
from raw_object import DATA, SIZE, URL, connect, refusal, serve
from raw_server import Line, RawServer, Request

UTC = datetime.timezone.utc


class SkewedServer(RawServer):
    """Refuses what was not signed within 15 minutes of its own time, as S3 does."""

    def __init__(self, ahead: datetime.timedelta, *, date: bool = True) -> None:
        super().__init__(self._answer_in_time)
        self.ahead = ahead
        self._date = date
        self.refused = 0

    def _answer_in_time(self, request: Request, line: Line) -> None:
        now = datetime.datetime.now(UTC) + self.ahead
        signed = datetime.datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
        line.body()
        if abs(now - signed.replace(tzinfo=UTC)) < datetime.timedelta(minutes=15):
            serve(request, line)
            return
        self.refused += 1
        date = email.utils.format_datetime(now, usegmt=True) if self._date else None
        reply = refusal(403, "RequestTimeTooSkewed")
        line.send(reply.text(b"" if request.method == "HEAD" else None, date=date))


@pytest.mark.parametrize("hours", [-24 * 365, -1, 1, 24 * 365])
@pytest.mark.parametrize("operation", ["get", "head", "put"])
def test_a_wrong_clock_is_corrected_once(hours: int, operation: str) -> None:
    with SkewedServer(datetime.timedelta(hours=hours)) as server:
        client = connect(server, max_attempts=2, part_size=1 << 20)
        for _ in range(3):
            if operation == "get":
                assert bytes(client.get(URL)) == DATA
            elif operation == "head":
                assert client.head(URL).size == SIZE
            else:
                client.put(URL, DATA)
        assert server.refused == 1
        server.ahead = datetime.timedelta(0)  # the clock was set
        assert client.head(URL).size == SIZE
        assert server.refused == 2


def test_requests_in_flight_together_are_all_sent_again() -> None:
    with SkewedServer(datetime.timedelta(hours=5)) as server, ThreadPoolExecutor(16) as pool:
        client = connect(server, max_attempts=2, part_size=1 << 20)
        results = pool.map(client.get, [URL] * 16)
        assert [bytes(result) for result in results] == [DATA] * 16


def test_without_another_attempt_or_a_date_it_is_an_error() -> None:
    ahead = datetime.timedelta(hours=5)
    for options, date in (({"max_attempts": 1}, True), ({"max_attempts": 5}, False)):
        with SkewedServer(ahead, date=date) as server:
            with pytest.raises(s3native.AccessDeniedError, match="clock"):
                connect(server, **options).get(URL)
            assert server.refused == 1


def test_a_refusal_by_a_server_whose_clock_agrees_is_final() -> None:
    def answer(request: Request, line: Line) -> None:
        date = email.utils.format_datetime(datetime.datetime.now(UTC), usegmt=True)
        line.send(refusal(403, "AccessDenied").text(date=date))

    with RawServer(answer) as server:
        with pytest.raises(s3native.AccessDeniedError):
            connect(server, max_attempts=5).get(URL)
        assert len(server.requests) == 1

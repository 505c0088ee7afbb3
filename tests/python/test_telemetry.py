"""Log lines reach `logging`, each request its record; both are off until asked for."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import s3native
from conftest import PART_SIZE
from content import content
from raw_object import URL, connect, refusal, reply_to
from raw_server import Line, RawServer, Request
from s3native import telemetry
from s3native.telemetry import RequestRecord


@pytest.fixture
def records() -> Iterator[list[RequestRecord]]:
    seen: list[RequestRecord] = []
    stop = telemetry.on_request(seen.append)
    yield seen
    stop()


@pytest.fixture
def log_level() -> Iterator[Callable[[int | str], None]]:
    yield telemetry.set_log_level
    telemetry.set_log_level("off")
    telemetry.flush()


def test_records_of_requests(
    client: s3native.Client, bucket: str, records: list[RequestRecord]
) -> None:
    url = f"s3://{bucket}/kéy"
    client.put(url, b"12345")
    client.get(url, range=(1, 3))
    with pytest.raises(s3native.NotFoundError):
        client.head(f"s3://{bucket}/missing")
    assert telemetry.flush()
    put, get, head = records
    assert (put.operation, put.bucket, put.key) == ("PutObject", bucket, "kéy")
    assert (put.http_status, put.attempts, put.bytes_sent) == (200, 1, 5)
    assert (get.operation, get.range, get.http_status) == ("GetObject", "[1, 3)", 206)
    assert get.bytes_received == 2
    assert get.error == ""
    assert (head.operation, head.http_status, head.error) == ("HeadObject", 404, "NotFound")
    for record in records:
        assert 0 < record.first_byte_s <= record.total_s < 30
        assert record.connection > 0
        assert record.request_id


def test_parts_are_requests_of_their_own(
    client: s3native.Client, bucket: str, records: list[RequestRecord]
) -> None:
    client.put(f"s3://{bucket}/large", content(2 * PART_SIZE + 1))
    telemetry.flush()
    operations = [record.operation for record in records]
    assert operations[0] == "CreateMultipartUpload"
    assert operations[1:-1] == 3 * ["UploadPart"]
    assert operations[-1] == "CompleteMultipartUpload"
    assert sum(record.bytes_sent for record in records[1:-1]) == 2 * PART_SIZE + 1


def test_attempts_and_failures(records: list[RequestRecord]) -> None:
    def answer(request: Request, line: Line) -> None:
        fails = request.index < 2
        line.send((refusal(503, "SlowDown") if fails else reply_to(request)).text())

    with RawServer(answer) as server:
        connect(server, max_attempts=3).get(URL, range=(0, 10))
    with (
        RawServer(lambda request, line: line.reset()) as broken,
        pytest.raises(s3native.ConnectionFailedError),
    ):
        connect(broken, max_attempts=2).get(URL, range=(0, 10))
    telemetry.flush()
    good, bad = records
    assert (good.http_status, good.attempts, good.error) == (206, 3, "")
    assert (bad.http_status, bad.attempts, bad.error) == (0, 2, "ConnectionFailed")
    assert bad.first_byte_s == 0
    assert good.total_s >= good.first_byte_s > 0


def test_nothing_after_the_end(client: s3native.Client, bucket: str) -> None:
    seen: list[RequestRecord] = []
    stop = telemetry.on_request(seen.append)
    stop()
    stop()
    client.put(f"s3://{bucket}/k", b"")
    telemetry.flush()
    assert seen == []


def test_a_callback_that_raises_harms_nobody(
    client: s3native.Client,
    bucket: str,
    records: list[RequestRecord],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(record: RequestRecord) -> None:
        raise ZeroDivisionError

    stop = telemetry.on_request(fail)
    client.put(f"s3://{bucket}/k", b"")
    assert telemetry.flush()
    stop()
    assert len(records) == 1
    assert "ZeroDivisionError" in caplog.text


def test_debug_lines(
    server: Any,
    bucket: str,
    log_level: Callable[[int | str], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    log_level("debug")
    client = s3native.Client(**server.client_options())
    client.put(f"s3://{bucket}/k", b"12345")
    telemetry.flush()
    text = caplog.text
    assert f"PutObject s3://{bucket}/k: ok, HTTP 200, attempts 1, received 0, sent 5" in text
    assert "is open" in text
    assert {record.name for record in caplog.records} == {"s3native"}


def test_info_tells_of_retries_only(
    log_level: Callable[[int | str], None], caplog: pytest.LogCaptureFixture
) -> None:
    def answer(request: Request, line: Line) -> None:
        line.send((refusal(503, "SlowDown") if request.index == 0 else reply_to(request)).text())

    log_level(logging.INFO)
    with RawServer(answer) as server:
        connect(server, max_attempts=3).get(URL, range=(0, 10))
    telemetry.flush()
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "trying again in" in record.message
    assert "SlowDown" in record.message


def test_off_is_silent(
    client: s3native.Client, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(1)
    client.put(f"s3://{bucket}/k", b"")
    telemetry.flush()
    assert not caplog.records


@pytest.mark.parametrize("level", ["loud", ""])
def test_unknown_levels_are_refused(level: str) -> None:
    with pytest.raises(ValueError, match="no such log level"):
        telemetry.set_log_level(level)


def test_no_line_holds_a_secret(
    tls_server: Any,
    log_level: Callable[[int | str], None],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The profile's keys pass through the CRT, which logs what it reads at its finest levels."""
    secrets = [tls_server.secret_key, "session-token-" + 20 * "x"]
    file = tmp_path / "credentials"
    file.write_text(
        f"[default]\naws_access_key_id = {tls_server.access_key}\n"
        f"aws_secret_access_key = {secrets[0]}\naws_session_token = {secrets[1]}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    log_level("trace")
    options = tls_server.client_options()
    del options["credentials"]
    client = s3native.Client(**options, max_attempts=1)
    with pytest.raises(s3native.S3Error):  # MinIO does not know the token
        client.put("s3://bucket/key", b"")
    signature = client.presign("s3://bucket/key").partition("X-Amz-Signature=")[2]
    assert len(signature) >= 64
    telemetry.flush()
    assert "tls" in caplog.text.lower()
    for secret in [*secrets, signature, "X-Amz-Signature", "Credential="]:
        assert secret not in caplog.text


SCRIPT = """
import s3native, sys
s3native.Client().put(sys.argv[1], b"12345")
"""


@pytest.mark.parametrize(
    ("level", "expected"),
    [("debug", "PutObject"), ("5", "PutObject"), ("off", None), ("", None), ("warn", None)],
)
def test_environment(
    environment: dict[str, str], bucket: str, level: str, expected: str | None
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, f"s3://{bucket}/k"],
        env={**os.environ, **environment, "AWS_LOG_LEVEL": level},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    if expected is None:
        assert done.stderr == ""
    else:
        assert expected in done.stderr
        assert "s3native DEBUG" in done.stderr


def test_a_bad_level_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LOG_LEVEL", "9")
    monkeypatch.setattr(telemetry, "_level_was_set", False)
    with pytest.raises(ValueError, match="AWS_LOG_LEVEL='9' is no level"):
        s3native.Client(credentials="anonymous")


def test_a_forked_child_has_records_of_its_own(
    client: s3native.Client, bucket: str, records: list[RequestRecord]
) -> None:
    client.put(f"s3://{bucket}/parent", b"")
    telemetry.flush()
    before = len(records)
    pid = os.fork()
    if pid == 0:
        try:
            client.put(f"s3://{bucket}/child", b"")
            good = telemetry.flush() and [r.key for r in records[before:]] == ["child"]
            os._exit(0 if good else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    telemetry.flush()
    assert len(records) == before


def test_opentelemetry(client: s3native.Client, bucket: str) -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.metrics")
    reader = pytest.importorskip("opentelemetry.sdk.metrics.export").InMemoryMetricReader()
    stop = telemetry.instrument_opentelemetry(sdk.MeterProvider([reader]))
    client.put(f"s3://{bucket}/k", b"12345")
    with pytest.raises(s3native.NotFoundError):
        client.get(f"s3://{bucket}/missing")
    telemetry.flush()
    stop()
    points = {
        metric.name: metric.data.data_points
        for resource in reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    durations = {p.attributes["rpc.method"]: p for p in points["s3native.request.duration"]}
    assert durations["PutObject"].count == 1
    assert durations["PutObject"].attributes["http.response.status_code"] == 200
    assert durations["GetObject"].attributes["error.type"] == "NotFound"
    sent = [
        p.value for p in points["s3native.request.io"] if p.attributes["direction"] == "transmit"
    ]
    assert sum(sent) == 5
    assert {p.value for p in points["s3native.request.retries"]} == {0}

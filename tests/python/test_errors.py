"""Errors: one class per cause, with its attributes, and a message that helps."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import s3native
from s3native import errors
from s3native.testing.process import free_port
from scripted import Answer, Request, ScriptedServer, s3_error

SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"
TOKEN = "session-token-that-nobody-shall-see"
ELSEWHERE = {"x-amz-bucket-region": "eu-west-1"}

CLASSES = [
    s3native.AccessDeniedError,
    s3native.ConnectionFailedError,
    s3native.CredentialsError,
    s3native.IntegrityError,
    s3native.NotFoundError,
    s3native.PreconditionFailedError,
    s3native.RangeError,
    s3native.RequestCancelledError,
    s3native.RequestTimeoutError,
    s3native.S3Error,
    s3native.ThrottledError,
    s3native.UnavailableError,
]


def failure_of(answer: Answer | Callable[[Request], Answer], **options: Any) -> s3native.S3Error:
    """What `get` raises when a server answers so."""
    reply = answer if callable(answer) else lambda request: answer
    with ScriptedServer(reply) as server:
        options = {"max_attempts": 1} | options
        credentials = s3native.Credentials("AKIAEXAMPLE", SECRET, TOKEN)
        client = s3native.Client(endpoint=server.endpoint, credentials=credentials, **options)
        with pytest.raises(s3native.S3Error) as caught:
            client.get("s3://bucket/some/key", range=(0, 100))
    return caught.value


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "NoSuchKey", s3native.NotFoundError),
        (404, "NoSuchBucket", s3native.NotFoundError),
        (403, "AccessDenied", s3native.AccessDeniedError),
        (401, "Unauthorized", s3native.AccessDeniedError),
        (403, "SignatureDoesNotMatch", s3native.AccessDeniedError),
        (400, "ExpiredToken", s3native.CredentialsError),
        (412, "PreconditionFailed", s3native.PreconditionFailedError),
        (409, "ConditionalRequestConflict", s3native.PreconditionFailedError),
        (416, "InvalidRange", s3native.RangeError),
        (503, "SlowDown", s3native.ThrottledError),
        (429, "TooManyRequests", s3native.ThrottledError),
        (500, "InternalError", s3native.UnavailableError),
        (400, "InvalidArgument", s3native.S3Error),
        (301, "PermanentRedirect", s3native.S3Error),
    ],
)
def test_class_of_each_answer(status: int, code: str, expected: type[s3native.S3Error]) -> None:
    error = failure_of(s3_error(status, code))
    assert type(error) is expected
    assert (error.http_status, error.s3_code) == (status, code)
    assert error.request_id == "REQUEST-1"
    assert error.operation == "GetObject"
    assert (error.bucket, error.key, error.range) == ("bucket", "some/key", "[0, 100)")
    message = str(error)
    for part in ("GetObject", "s3://bucket/some/key", str(status), code, "REQUEST-1"):
        assert part in message
    assert "; " in message  # the hint


def test_answers_that_are_no_error_documents() -> None:
    for body in (b"", b"<html>Bad Gateway</html>", b"\xff\xfe\x00", b"<Error><Code>x"):
        error = failure_of(Answer(502, body))
        assert type(error) is s3native.UnavailableError
        assert error.http_status == 502


@pytest.mark.parametrize(
    "answer",
    [
        Answer(301, s3_error(301, "PermanentRedirect").body, ELSEWHERE),
        Answer(400, b"", ELSEWHERE),
        Answer(400, b"<Error><Code>Malformed</Code><Region>eu-west-1</Region></Error>"),
    ],
)
def test_another_region_is_named(answer: Answer) -> None:
    error = failure_of(answer)
    assert type(error) is s3native.S3Error
    assert "'eu-west-1': set AWS_REGION or region=" in str(error)


def test_redirects_are_not_followed() -> None:
    """Nothing at all is sent to the host that an answer names."""
    with ScriptedServer(lambda request: s3_error(404, "NoSuchKey")) as other:
        for status in (301, 302, 303, 307, 308):
            body = s3_error(status, "TemporaryRedirect").body
            error = failure_of(
                Answer(status, body, {"Location": f"{other.endpoint}/bucket/some/key"})
            )
            assert (type(error), error.http_status) == (s3native.S3Error, status)
    assert other.requests == []


def test_retryable() -> None:
    assert failure_of(s3_error(503, "SlowDown")).retryable
    assert failure_of(s3_error(500, "InternalError")).retryable
    assert not failure_of(s3_error(404, "NoSuchKey")).retryable
    assert not failure_of(s3_error(403, "AccessDenied")).retryable


def test_attempts_are_counted_and_limited() -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Answer:
        seen.append(request)
        return s3_error(500, "InternalError")

    error = failure_of(answer, max_attempts=3)
    assert error.attempts == len(seen) == 3
    assert "3 attempts" in str(error)


def test_a_retry_that_succeeds() -> None:
    answers = [s3_error(500, "InternalError"), s3_error(503, "SlowDown")]

    def answer(request: Request) -> Answer:
        if answers:
            return answers.pop()
        headers = {"Content-Range": "bytes 0-99/100", "ETag": '"e"'}
        return Answer(206, bytes(range(100)), headers)

    with ScriptedServer(answer) as server:
        client = s3native.Client(endpoint=server.endpoint, credentials="anonymous")
        before = client.stats()["retries"]
        assert bytes(client.get("s3://bucket/key", range=(0, 100))) == bytes(range(100))
        assert client.stats()["retries"] == before + 2


def test_truncated_body() -> None:
    headers = {"Content-Range": "bytes 0-99/100", "ETag": '"e"'}
    error = failure_of(Answer(206, bytes(50), headers, length=100))
    assert isinstance(error, (s3native.IntegrityError, s3native.ConnectionFailedError))
    assert error.retryable


def test_body_that_does_not_match_its_checksum() -> None:
    headers = {"ETag": '"e"', "x-amz-checksum-crc64nvme": "M3eFcAZSQlc="}
    with ScriptedServer(lambda request: Answer(200, b"jello", headers)) as server:
        client = s3native.Client(endpoint=server.endpoint, credentials="anonymous", max_attempts=1)
        with pytest.raises(s3native.IntegrityError):
            client.get("s3://bucket/key")


def test_answer_to_another_range() -> None:
    headers = {"Content-Range": "bytes 5-104/200", "ETag": '"e"'}
    assert isinstance(failure_of(Answer(206, bytes(100), headers)), s3native.IntegrityError)


def test_not_found_at_a_real_server(client: s3native.Client, bucket: str) -> None:
    with pytest.raises(s3native.NotFoundError) as caught:
        client.get(f"s3://{bucket}/missing")
    error = caught.value
    assert error.s3_code == "NoSuchKey"
    assert error.request_id
    assert error.request_id in str(error)
    with pytest.raises(s3native.NotFoundError) as caught:
        client.head(f"s3://{bucket}/missing")
    assert caught.value.request_id
    with pytest.raises(s3native.NotFoundError) as caught:
        client.get("s3://no-such-bucket-here/key")
    assert caught.value.s3_code == "NoSuchBucket"


def test_wrong_secret_and_unknown_key(server: Any, bucket: str) -> None:
    options = server.client_options()
    for credentials, code in (
        (s3native.Credentials(server.access_key, SECRET), "SignatureDoesNotMatch"),
        (s3native.Credentials("AKIANOSUCHKEY", SECRET), "InvalidAccessKeyId"),
    ):
        stranger = s3native.Client(**options | {"credentials": credentials})
        with pytest.raises(s3native.AccessDeniedError) as caught:
            stranger.get(f"s3://{bucket}/key")
        assert (caught.value.http_status, caught.value.s3_code) == (403, code)
        assert SECRET not in str(caught.value)
    anonymous = s3native.Client(**options | {"credentials": "anonymous"})
    with pytest.raises(s3native.AccessDeniedError):
        anonymous.get(f"s3://{bucket}/key")
    with pytest.raises(s3native.AccessDeniedError):
        anonymous.head(f"s3://{bucket}/key")


def test_refused_port() -> None:
    client = s3native.Client(
        endpoint=f"http://127.0.0.1:{free_port()}", credentials="anonymous", max_attempts=1
    )
    for call in (client.get, client.head, lambda url: client.put(url, b"")):
        with pytest.raises(s3native.ConnectionFailedError) as caught:
            call("s3://bucket/key")
        assert isinstance(caught.value, ConnectionError)
        assert caught.value.http_status == 0
        assert "s3://bucket/key" in str(caught.value)
        assert "endpoint" in str(caught.value)


def test_name_that_does_not_resolve() -> None:
    client = s3native.Client(
        endpoint="http://no-such-host.invalid:9000", credentials="anonymous", max_attempts=1
    )
    with pytest.raises(s3native.ConnectionFailedError):
        client.head("s3://bucket/key")


NO_CREDENTIALS = """
import os, s3native
client = s3native.Client(endpoint=os.environ["TEST_ENDPOINT"])
url = "s3://bucket/key"
for call in (client.get, client.head, client.presign, lambda url: client.put(url, b"")):
    try:
        call(url)
    except s3native.CredentialsError as error:
        print("AWS_ACCESS_KEY_ID" in str(error))
"""


def test_no_credentials(server: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_CREDENTIALS],
        env=os.environ | {"TEST_ENDPOINT": server.endpoint},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True"] * 4


def test_messages_hold_no_secret() -> None:
    texts = []
    for status, code in (
        (403, "SignatureDoesNotMatch"),
        (500, "InternalError"),
        (404, "NoSuchKey"),
    ):
        error = failure_of(s3_error(status, code))
        texts += [str(error), repr(error), repr(error.__dict__)]
    assert SECRET not in "".join(texts)
    assert TOKEN not in "".join(texts)


@pytest.mark.parametrize("cls", CLASSES)
def test_hierarchy(cls: type[s3native.S3Error]) -> None:
    assert issubclass(cls, s3native.S3Error)
    assert issubclass(cls, OSError)
    assert cls.__module__ == "s3native.errors"
    assert cls.__doc__


def test_builtin_bases() -> None:
    assert issubclass(s3native.NotFoundError, FileNotFoundError)
    assert issubclass(s3native.AccessDeniedError, PermissionError)
    assert issubclass(s3native.ConnectionFailedError, ConnectionError)
    assert issubclass(s3native.RequestTimeoutError, TimeoutError)


@pytest.mark.parametrize("cls", CLASSES)
def test_pickle_round_trip(cls: type[s3native.S3Error]) -> None:
    attributes = {
        "operation": "GetObject",
        "bucket": "bucket",
        "key": "key",
        "range": "[0, 10)",
        "http_status": 404,
        "s3_code": "NoSuchKey",
        "request_id": "REQUEST-1",
        "crt_code": 14343,
        "attempts": 3,
        "retryable": True,
    }
    error = cls("what went wrong", **attributes)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is cls
        assert str(again) == "what went wrong"
        assert again.__dict__ == error.__dict__
        assert {name: getattr(again, name) for name in attributes} == attributes


def test_every_code_of_the_engine_has_a_class() -> None:
    for name, cls in errors._CLASSES.items():
        error = errors.from_engine(name, "message", {"http_status": 418})
        assert type(error) is cls
        assert error.http_status == 418
    assert type(errors.from_engine("Other", "message", {})) is s3native.S3Error
    assert type(errors.from_engine("InvalidArgument", "message", {})) is ValueError


@pytest.mark.parametrize(
    "url",
    [
        *["", "s3:", "s3://", "s3:/x", "s3:///k", "http://x", "https://bucket/key", "/bucket/key"],
        *["bucket/key", "s3://a/k", "s3://bucket", "s3://bucket/", "s3://buck et/k"],
        *["S3://bucket/k", "s3://bucket/" + "k" * 1025, "s3://" + "b" * 64 + "/k"],
    ],
)
def test_bad_urls(client: s3native.Client, url: str) -> None:
    for call in (client.head, client.get, client.delete, client.presign):
        with pytest.raises(ValueError, match="s3://"):
            call(url)
    with pytest.raises(ValueError, match="s3://"):
        client.put(url, b"")


def test_secrets_in_wrong_urls_are_not_repeated(client: s3native.Client) -> None:
    with pytest.raises(ValueError) as caught:
        client.get(f"https://user:{SECRET}@host/key?X-Amz-Signature={TOKEN}")
    assert SECRET not in str(caught.value)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("url", [None, 5, ["s3://bucket/key"]])
def test_urls_of_wrong_types(client: s3native.Client, url: Any) -> None:
    with pytest.raises(TypeError):
        client.get(url)

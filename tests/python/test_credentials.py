"""Credentials: functions that return them, processes, none at all."""

from __future__ import annotations

import datetime
import json
import os
import pickle
import shlex
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import s3native


def client_with(server: Any, credentials: Any, **options: Any) -> s3native.Client:
    return s3native.Client(**server.client_options() | {"credentials": credentials} | options)


def in_seconds(seconds: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)


def test_function_is_called_once_for_many_threads(server: Any, bucket: str) -> None:
    calls = []

    def fetch() -> s3native.Credentials:
        calls.append(threading.get_ident())
        time.sleep(0.2)  # long enough for the other threads to come
        return s3native.Credentials(server.access_key, server.secret_key, None, in_seconds(3600))

    client = client_with(server, fetch)
    assert calls == []

    def work(i: int) -> None:
        client.put(f"s3://{bucket}/{i}", b"data")
        assert bytes(client.get(f"s3://{bucket}/{i}")) == b"data"

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    assert len(calls) == 1


GET_MANY_IN_THREADS = """
import datetime, os, threading, time, s3native
url, calls = os.environ["TEST_URL"], []

def fetch():
    calls.append(1)
    time.sleep(0.3)
    expiry = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    key, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    return s3native.Credentials(key, secret, None, expiry)

client, results = s3native.Client(credentials=fetch), []

def work():
    for item in client.get_many([url] * 20):
        results.append(bytes(item.data))

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(results == [b"data"] * 80, len(calls))
"""


def test_function_with_get_many_in_threads(server: Any, bucket: str) -> None:
    """No thread may wait for another's call of the function while it holds the GIL."""
    own = s3native.Credentials(server.access_key, server.secret_key)
    client_with(server, own).put(f"s3://{bucket}/key", b"data")
    done = subprocess.run(  # a process of its own: a deadlock here would stop everything
        [sys.executable, "-c", GET_MANY_IN_THREADS],
        env=os.environ | server.environment() | {"TEST_URL": f"s3://{bucket}/key"},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.stdout == "True 1\n", done.stderr


def test_function_is_called_again_before_expiry(server: Any, bucket: str) -> None:
    calls = []

    def fetch() -> s3native.Credentials:
        calls.append(time.monotonic())
        # Five minutes ahead of the expiry they are fetched anew: in one second.
        return s3native.Credentials(server.access_key, server.secret_key, None, in_seconds(301.5))

    client = client_with(server, fetch)
    client.put(f"s3://{bucket}/key", b"data")
    client.put(f"s3://{bucket}/key", b"data")
    assert len(calls) == 1
    time.sleep(2.1)
    client.put(f"s3://{bucket}/key", b"data")
    assert len(calls) == 2


def test_function_without_expiry_is_called_once(server: Any, bucket: str) -> None:
    calls = []

    def fetch() -> s3native.Credentials:
        calls.append(1)
        return s3native.Credentials(server.access_key, server.secret_key)

    client = client_with(server, fetch)
    for _ in range(3):
        client.put(f"s3://{bucket}/key", b"data")
    client.presign(f"s3://{bucket}/key")
    assert calls == [1]


def test_functions_that_fail(server: Any, bucket: str) -> None:
    def raising() -> s3native.Credentials:
        raise RuntimeError("the token is hunter2")

    for function, hint in (
        (raising, "RuntimeError"),
        (lambda: None, "must return"),
        (lambda: s3native.Credentials("key", "secret", None, in_seconds(-10)), "expired"),
    ):
        client = client_with(server, function)
        for call in (client.head, client.presign):
            with pytest.raises(s3native.CredentialsError, match=hint) as caught:
                call(f"s3://{bucket}/key")
            assert "hunter2" not in str(caught.value)


def test_function_that_recovers(server: Any, bucket: str) -> None:
    answers: list[Any] = [None, s3native.Credentials(server.access_key, server.secret_key)]
    client = client_with(server, lambda: answers.pop(0))
    with pytest.raises(s3native.CredentialsError):
        client.put(f"s3://{bucket}/key", b"data")
    client.put(f"s3://{bucket}/key", b"data")


def test_anonymous(server: Any, bucket: str, boto: Any) -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{bucket}/public/*",
            }
        ],
    }
    boto.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    boto.put_object(Bucket=bucket, Key="public/object", Body=b"for everybody")
    client = client_with(server, "anonymous")
    assert client.config.credentials == "anonymous"
    assert bytes(client.get(f"s3://{bucket}/public/object")) == b"for everybody"
    with pytest.raises(s3native.AccessDeniedError):
        client.put(f"s3://{bucket}/public/object", b"mine")


def test_credential_process(
    server: Any, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {
        "Version": 1,
        "AccessKeyId": server.access_key,
        "SecretAccessKey": server.secret_key,
        "Expiration": in_seconds(3600).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    script = tmp_path / "fetch.py"
    script.write_text(f"print({json.dumps(answer)!r})")
    (tmp_path / "config").write_text(
        f"[profile tool]\ncredential_process = {shlex.quote(sys.executable)} {script}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    client = s3native.Client(endpoint=server.endpoint, profile="tool")
    client.put(f"s3://{bucket}/key", b"data")
    assert bytes(client.get(f"s3://{bucket}/key")) == b"data"


def test_environment_wins_over_the_profile_variable(
    server: Any, environment: dict[str, str], bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = s3native.Client().config
    assert config.credentials == f"static ****{server.access_key[-4:]}"
    assert config.sources["credentials_kind"] == "environment AWS_ACCESS_KEY_ID"
    monkeypatch.setenv("AWS_SESSION_TOKEN", "not-a-token")
    with pytest.raises(s3native.S3Error):
        s3native.Client().head(f"s3://{bucket}/key")


@pytest.mark.parametrize(
    "pair", [("", "secret"), ("key", ""), ("key\n", "secret"), ("key", "se\ncret")], ids=repr
)
def test_credentials_that_cannot_be(pair: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="credentials"):
        s3native.Client(credentials=s3native.Credentials(*pair))


def test_credentials_are_values() -> None:
    one = s3native.Credentials("AKIAEXAMPLE", "secret", "token", in_seconds(60))
    assert one == pickle.loads(pickle.dumps(one))
    assert "secret" not in repr(one).replace("secret_key", "")
    assert "token" not in repr(one)
    assert "short" not in repr(s3native.Credentials("short", "secret"))

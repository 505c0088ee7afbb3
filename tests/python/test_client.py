"""`Client` itself: threads, pickling, the default client, forked processes, exit."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import s3native
from conftest import PART_SIZE
from content import content
from held import Held, eventually_not_more_than
from raw_object import URL, connect, eventually, serve
from raw_server import RawServer


def run_python(script: str, variables: dict[str, str], timeout_s: float = 60) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_sixteen_threads_on_one_client(client: s3native.Client, bucket: str) -> None:
    def work(i: int) -> None:
        for round_ in range(5):
            size = [0, 10, 100_000, PART_SIZE + i][(i + round_) % 4]
            url, data = f"s3://{bucket}/{i}/{round_}", content(size, seed=i)
            client.put(url, data)
            assert bytes(client.get(url)) == data
            into = bytearray(size)
            assert client.get_into(url, into) == size
            assert into == data
            assert client.head(url).size == size
            assert [bytes(item.data) for item in client.get_many([url] * 3)] == [data] * 3
            [page] = client.list(f"s3://{bucket}/{i}/")
            assert len(page.objects) == round_ + 1

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def test_clients_cost_no_threads() -> None:
    def make() -> s3native.Client:
        return s3native.Client(endpoint="http://127.0.0.1:9", credentials="anonymous")

    first = make()  # starts the engine's own threads
    before = threads()
    clients = [make() for _ in range(50)]
    assert threads() == before
    assert first.config == clients[-1].config


def test_a_closed_client(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/key"
    with pickle.loads(pickle.dumps(client)) as other:
        other.put(url, b"data")
        items = other.get_many([url] * 5)
        kept = other.get(url)
        assert not other.closed
    assert other.closed
    assert repr(other) == "<s3native.Client, closed>"
    other.close()
    for use in (lambda: other.get(url), lambda: other.config, lambda: other.list_buckets()):
        with pytest.raises(ValueError, match="closed"):
            use()
    assert bytes(kept) == b"data"
    assert [bytes(item.data) for item in items] == [b"data"] * 5, "what had begun ends well"
    assert bytes(client.get(url)) == b"data"


def test_a_thousand_clients_leave_nothing() -> None:
    with RawServer(serve) as server:
        connect(server).head(URL)
        gc.collect()
        assert eventually(lambda: server.open_connections == 0)
        before = Held.now()
        for _ in range(1000):
            connect(server).head(URL)
        gc.collect()
        assert eventually(lambda: server.open_connections == 0)
        held = eventually_not_more_than(before)
        assert not held.exceeds(before), (before, held)
        assert server.connections == 1001


def test_client_survives_pickling(client: s3native.Client, bucket: str) -> None:
    again = pickle.loads(pickle.dumps(client))
    assert again.config == client.config
    again.put(f"s3://{bucket}/key", b"data")
    assert bytes(client.get(f"s3://{bucket}/key")) == b"data"


def test_object_info_survives_pickling(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/key"
    client.put(url, b"data", metadata={"step": "17"}, content_type="text/x-mine")
    info = client.head(url)
    again = pickle.loads(pickle.dumps(info))
    assert again == info
    assert hash(again) == hash(info)
    assert again.metadata == {"step": "17"}
    assert again.last_modified == info.last_modified
    assert info != client.head(url).url
    assert bytes(next(client.get_many([again])).data) == b"data"


def test_error_of_the_engine_survives_pickling(client: s3native.Client, bucket: str) -> None:
    with pytest.raises(s3native.NotFoundError) as caught:
        client.get(f"s3://{bucket}/missing")
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is s3native.NotFoundError
    assert again.__dict__ == caught.value.__dict__
    assert str(again) == str(caught.value)


def test_module_functions_use_the_environment(environment: dict[str, str], bucket: str) -> None:
    url = f"s3://{bucket}/key"
    s3native.put(url, b"data")
    assert bytes(s3native.get(url)) == b"data"
    assert s3native.head(url).size == 4
    assert [entry.key for page in s3native.list(f"s3://{bucket}/") for entry in page.objects] == [
        "key"
    ]
    assert s3native.default_client().config.endpoint == environment["AWS_ENDPOINT_URL"]
    assert s3native.default_client() is s3native.default_client()
    s3native.delete(url)


def test_every_operation_is_a_module_function(environment: dict[str, str]) -> None:
    operations = {
        name
        for name, value in vars(s3native.Client).items()
        if callable(value) and not name.startswith("_")
    }
    assert operations - {"close"} <= set(s3native.__all__)
    for name in s3native.__all__:
        assert getattr(s3native, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = s3native.no_such_name


FORK = """
import multiprocessing, os, sys
import s3native
url = sys.argv[1] if len(sys.argv) > 1 else os.environ["TEST_URL"]

def child(number):
    return bytes(s3native.get(url)) + b"%d" % number

if __name__ == "__main__":
    s3native.put(url, b"data")
    assert bytes(s3native.get(url)) == b"data"
    with multiprocessing.get_context(os.environ["TEST_METHOD"]).Pool(3) as pool:
        print(pool.map(child, range(6)))
    assert bytes(s3native.get(url)) == b"data"
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_default_client_in_child_processes(
    server: Any, bucket: str, method: str, tmp_path: Any
) -> None:
    script = tmp_path / "main.py"
    script.write_text(FORK)
    variables = server.environment() | {"TEST_URL": f"s3://{bucket}/key", "TEST_METHOD": method}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str([b"data%d" % i for i in range(6)])


def test_explicit_client_in_a_forked_child(server: Any, bucket: str) -> None:
    script = """
import os, signal, s3native
url = os.environ["TEST_URL"]
client = s3native.Client()
client.put(url, b"data")
pid = os.fork()
if pid == 0:
    signal.alarm(20)
    os._exit(0 if bytes(client.get(url)) == b"data" else 1)
_, status = os.waitpid(pid, 0)
assert bytes(client.get(url)) == b"data"
print(status)
"""
    variables = server.environment() | {"TEST_URL": f"s3://{bucket}/key"}
    assert run_python(script, variables).strip() == "0"


def test_exit_with_requests_in_flight(server: Any, client: s3native.Client, bucket: str) -> None:
    client.put(f"s3://{bucket}/large", content(4 * PART_SIZE))
    script = """
import os, s3native
url = os.environ["TEST_URL"]
items = s3native.get_many([url] * 1000, concurrency=16)
kept = [next(items) for _ in range(3)]
print(len(kept))
"""
    variables = server.environment() | {"TEST_URL": f"s3://{bucket}/large"}
    assert run_python(script, variables).strip() == "3"


def test_exit_with_a_thread_at_work(server: Any, client: s3native.Client, bucket: str) -> None:
    client.put(f"s3://{bucket}/large", content(4 * PART_SIZE))
    script = """
import os, threading, time, s3native
url = os.environ["TEST_URL"]
def work():
    while True:
        s3native.get(url)
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.5)
print("end")
"""
    variables = server.environment() | {"TEST_URL": f"s3://{bucket}/large"}
    assert run_python(script, variables).strip() == "end"

"""Worker processes of `multiprocessing`: clients made there, inherited, or sent; what pickles."""

from __future__ import annotations

import copy
import datetime
import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import s3native
from conftest import PART_SIZE
from content import content

METHODS = ["fork", "spawn", "forkserver"]

# A program of its own: pytest's process is none to fork, and its main module none to import.
SCRIPT = """
import multiprocessing, os, pickle, sys
import s3native

URL, METHOD, KIND = sys.argv[1:]
DATA = bytes(range(256)) * 25_000  # more than one part
client = None

def made_in_the_child():
    with s3native.Client(part_size=5 << 20) as made:
        return use(made)

def of_the_module():
    return use(s3native)

def inherited():
    return use(client)

def sent(received):
    return use(received)

def use(api):
    mine = f"{URL}/{os.getpid()}"
    api.put(mine, DATA)
    assert bytes(api.get(mine)) == DATA
    into = bytearray(1000)
    assert api.get_into(f"{URL}/kept", into, range=(500, 1500)) == 1000
    assert into == DATA[500:1500]
    items = list(api.get_many([(f"{URL}/kept", (i, i + 10)) for i in range(20)]))
    assert [bytes(item.data) for item in items] == [DATA[i : i + 10] for i in range(20)]
    assert api.head(mine).size == len(DATA)
    try:
        api.get(f"{URL}/missing")
    except s3native.NotFoundError as error:
        return api.head(f"{URL}/kept"), error
    raise AssertionError("found what is missing")

def main():
    global client
    client = s3native.Client(part_size=5 << 20)
    client.put(f"{URL}/kept", DATA)
    work, given = {
        "made": (made_in_the_child, ()),
        "module": (of_the_module, ()),
        "inherited": (inherited, ()),
        "sent": (sent, (client,)),
    }[KIND]
    with multiprocessing.get_context(METHOD).Pool(2) as pool:
        running = [pool.apply_async(work, given) for _ in range(6)]
        use(client)  # at the same time
        for info, error in [done.get(60) for done in running]:
            assert info == client.head(f"{URL}/kept")
            assert type(error) is s3native.NotFoundError and error.s3_code == "NoSuchKey"
        pool.close()
        pool.join()
    print("right")

if __name__ == "__main__":
    main()
"""


def run(script: str, folder: Path, server: Any, *arguments: str) -> tuple[int, str, str]:
    """Exit status and output of a program whose environment points at the server."""
    program = folder / "program.py"
    program.write_text(script)
    done = subprocess.run(
        # Python 3.12 and later warn about any fork of a process with threads.
        [sys.executable, "-W", "ignore::DeprecationWarning", str(program), *arguments],
        env=os.environ | server.environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "kind"),
    [(method, kind) for method in METHODS for kind in ("made", "module", "sent")]
    + [("fork", "inherited")],
)
def test_pool(method: str, kind: str, server: Any, bucket: str, tmp_path: Path) -> None:
    done = run(SCRIPT, tmp_path, server, f"s3://{bucket}", method, kind)
    assert done == (0, "right\n", "")


EXIT = """
import multiprocessing, sys, threading
import s3native

URL, METHOD, KIND = sys.argv[1:]

def leave():
    kept = s3native.get_many([URL] * 1000, concurrency=16)
    next(kept)
    if KIND == "threads":
        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        next(kept)
    globals()["kept"] = kept  # so that nothing but the end of the process ends it

def work():
    while True:
        s3native.get(URL)

if __name__ == "__main__":
    assert len(s3native.get(URL)) > 1000
    child = multiprocessing.get_context(METHOD).Process(target=leave)
    child.start()
    child.join(30)
    print(child.exitcode)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["get_many", "threads"])
@pytest.mark.parametrize("method", METHODS)
def test_exit_of_a_child_with_requests_in_flight(
    method: str, kind: str, server: Any, client: s3native.Client, bucket: str, tmp_path: Path
) -> None:
    url = f"s3://{bucket}/large"
    client.put(url, content(2 * PART_SIZE))
    assert run(EXIT, tmp_path, server, url, method, kind) == (0, "0\n", "")


def test_what_pickles(server: Any, client: s3native.Client, bucket: str) -> None:
    """Settings and results go to other processes and come back as they were."""
    url = f"s3://{bucket}/key"
    result = client.put(url, b"data")
    expiry = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
    values: list[Any] = [
        s3native.Credentials("access", "secret", "token", expiry),
        client.config,
        result,
        client.head(url),
        next(client.list(f"s3://{bucket}/")),
        client.list_buckets(),
    ]
    for value in values:
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(value, protocol)) == value
        assert copy.deepcopy(value) == value


def test_a_client_is_pickled_with_its_settings(server: Any) -> None:
    client = s3native.Client(**server.client_options(), part_size=6 << 20, max_attempts=3)
    for again in (pickle.loads(pickle.dumps(client)), copy.copy(client), copy.deepcopy(client)):
        assert again is not client
        assert again.config == client.config
        assert (again.config.part_size, again.config.max_attempts) == (6 << 20, 3)
        again.close()
    assert not client.closed


def test_what_is_bound_to_its_process_does_not_pickle(client: s3native.Client, bucket: str) -> None:
    """Memory of the engine's pool is copied by `bytes` when it is to go elsewhere."""
    url = f"s3://{bucket}/key"
    client.put(url, b"data")
    items = client.get_many([url])
    item = next(items)
    for value in (client.get(url), items, item):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(value)
    assert pickle.loads(pickle.dumps(bytes(item.data))) == b"data"


def test_processes_end(server: Any) -> None:
    """The tests above leave no children behind."""
    assert multiprocessing.active_children() == []

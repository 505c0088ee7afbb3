"""Forks while the parent's transfers run: the child's first use works, the parent's go on."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import s3native

# Python 3.12 and later warn about any fork of a process with threads.
SCRIPT = """
import os, sys, threading, warnings
import s3native

warnings.simplefilter("ignore", DeprecationWarning)
forks, bucket = int(sys.argv[1]), sys.argv[2]
big, small = os.urandom(3_000_000), os.urandom(1000)
client = s3native.Client(part_size=1 << 20)
client.put(f"{bucket}/big", big)
client.put(f"{bucket}/small", small)
ended, transfers, failures = threading.Event(), [0, 0, 0], []

def transfer(number):
    into = bytearray(len(big))
    try:
        while not ended.is_set():
            if number == 0:
                client.put(f"{bucket}/mine", big[:2_000_000])
            elif number == 1:
                assert client.get_into(f"{bucket}/big", into) == len(big) and into == big
            else:
                urls = [f"{bucket}/small"] * 20
                assert all(bytes(item.data) == small for item in client.get_many(urls))
            transfers[number] += 1
    except BaseException as failure:
        failures.append(failure)

def child(number):
    if number % 2:
        assert bytes(client.get(f"{bucket}/big")) == big
    else:
        client.put(f"{bucket}/child-{number}", small)
        assert bytes(s3native.get(f"{bucket}/child-{number}")) == small

threads = [threading.Thread(target=transfer, args=(i,)) for i in range(3)]
for thread in threads:
    thread.start()
failed = 0
for number in range(forks):
    pid = os.fork()
    if pid == 0:
        try:
            child(number)
            os._exit(0)
        except BaseException as failure:
            print(repr(failure), flush=True)
            os._exit(1)
    failed += os.waitpid(pid, 0)[1] != 0
ended.set()
for thread in threads:
    thread.join()
assert not failures, failures
assert min(transfers) > 0
print(f"{forks - failed} of {forks}")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "forks"), [("plain", 200), ("tls", 40)])
def test_forks_during_transfers(
    kind: str, forks: int, server: Any, tls_server: Any, bucket: str
) -> None:
    chosen = server if kind == "plain" else tls_server
    client = s3native.Client(**chosen.client_options())
    if kind == "tls":
        client.create_bucket(bucket)
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(forks), f"s3://{bucket}"],
        env=os.environ | chosen.environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    if kind == "tls":
        [page] = client.list(f"s3://{bucket}/")
        assert client.delete_many(o.url for o in page.objects) == []
        client.delete_bucket(bucket)
    assert (run.stdout, run.stderr, run.returncode) == (f"{forks} of {forks}\n", "", 0)

"""What tests of files that are read share: an object, files of it, and forked children."""

from __future__ import annotations

import os
import signal
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import s3native
from content import content
from s3native.file import ObjectReader

MIB = 1 << 20
DATA = content(3 * MIB + 17)
TEXT = "".join(f"line {i}: grüße, {'x' * (i % 50)}\n" for i in range(5000))


@pytest.fixture
def url(client: s3native.Client, bucket: str) -> str:
    """Where DATA is."""
    client.put(f"s3://{bucket}/object", DATA)
    return f"s3://{bucket}/object"


@pytest.fixture
def file(client: s3native.Client, url: str) -> ObjectReader:
    """DATA, opened and not yet read."""
    opened: ObjectReader = client.open(url)
    return opened


def stored(client: s3native.Client, bucket: str, data: Any, key: str = "object") -> str:
    """The URL of a new object."""
    client.put(f"s3://{bucket}/{key}", data)
    return f"s3://{bucket}/{key}"


def moved(client: s3native.Client, name: str, call: Callable[[], Any]) -> int:
    """By how much one of the stats grows in the call."""
    before = client.stats()[name]
    call()
    return client.stats()[name] - before


def in_child(check: Callable[[], None]) -> None:
    """Runs it in a forked child, where it must go well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        try:
            check()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0

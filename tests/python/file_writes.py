"""What tests of files that are written share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import s3native
from conftest import PART_SIZE
from content import content
from test_put import pending_uploads

MIB = 1 << 20
LARGE = 2 * PART_SIZE + 1234
BOTH_SIZES = pytest.mark.parametrize("size", [100, LARGE], ids=["small", "multipart"])
BOTH_MODES = pytest.mark.parametrize("mode", ["wb", "w"])


@pytest.fixture
def url(bucket: str) -> str:
    """Where nothing is yet."""
    return f"s3://{bucket}/object"


@pytest.fixture
def nothing_left(client: s3native.Client, boto: Any, url: str) -> Callable[[], None]:
    """A function that finds neither an object there nor an upload."""

    def check() -> None:
        with pytest.raises(s3native.NotFoundError):
            client.head(url)
        bucket, key = url.removeprefix("s3://").split("/", 1)
        assert pending_uploads(boto, bucket, key) == []

    return check


@pytest.fixture
def unraisable(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is raised in the test where nobody can catch it."""
    raised: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda caught: raised.append(repr(caught.exc_value)))
    return raised


def as_of(mode: str, size: int) -> Any:
    """What a file of that mode takes."""
    return content(size) if "b" in mode else content(size // 2).hex() + "x" * (size % 2)


def write_in_pieces(file: Any, data: bytes, step: int) -> None:
    """As a program that knows a piece at a time."""
    for start in range(0, len(data), step):
        assert file.write(data[start : start + step]) == len(data[start : start + step])

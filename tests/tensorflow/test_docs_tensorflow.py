"""The examples of the pages on TensorFlow run against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import s3native
from doc_pages import PROJECT, run_page


@pytest.fixture
def bucket(client: s3native.Client) -> Iterator[str]:
    """The bucket that the page presumes."""
    client.create_bucket("bucket")
    yield "bucket"
    for page in client.list("s3://bucket/"):
        assert client.delete_many(entry.url for entry in page.objects) == []
    client.delete_bucket("bucket")


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("page", ["tensorflow.md", "tensorflow-pipelines.md"])
def test_examples_run(page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(s3native, "_default", None)
    monkeypatch.chdir(tmp_path)
    assert run_page(PROJECT / "docs" / page) >= 5

"""The documentation's Python examples run, page by page, against a real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import s3native
from doc_pages import PROJECT, blocks_of, run_page
from frameworks import needs

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
ELSEWHERE = {"tensorflow.md", "tensorflow-pipelines.md"}  # tests/tensorflow/test_docs_tensorflow.py
FRAMEWORKS = {  # what pages are about
    "pytorch.md": ["torch"],
    "checkpoints.md": ["torch", "accelerate", "lightning", "transformers"],
    "from-s3torchconnector.md": ["torch"],
}
WITHOUT_PYTHON = {"building.md", "command.md"}  # pages for the shell
COMMANDS = sorted((PROJECT / "docs/commands").glob("*.md"))

TOLD = {  # by the examples of each verb's page
    "bench": "after / before",
    "cat": "a line\nline",
    "cp": "data/images/1.raw",
    "doctor": "s3://bucket/data/notes.txt has 7 bytes, and may be read",
    "du": "14 B          2  s3://bucket/",
    "ls": '"key": "data/notes.txt"',
    "mb": "s3://another-bucket",
    "rm": "delete s3://bucket/data/images/1.raw",
    "stat": "size: 7 (7 B)",
    "sync": "2 done",
    "tensorflow": "import tensorflow imports s3native.tensorflow",
}

SHELL_BLOCK = re.compile(r"```sh\n(.*?)^```", re.S | re.M)


@pytest.fixture
def documented(
    server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[s3native.Client]:
    """The environment that the pages presume: a server, its credentials, s3://bucket/."""
    for name, value in {
        "S3_ENDPOINT": server.endpoint.removeprefix("http://"),
        "S3_USE_HTTPS": "0",
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_REGION": server.region,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3native, "_default", None)
    monkeypatch.chdir(tmp_path)
    client = s3native.Client()
    client.create_bucket("bucket")
    yield client
    for page in client.list("s3://bucket/"):
        assert client.delete_many(entry.url for entry in page.objects) == []
    client.delete_bucket("bucket")


@pytest.mark.usefixtures("pageable_afterwards")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in ELSEWHERE], ids=lambda page: page.name
)
def test_examples_run(page: Path, documented: s3native.Client) -> None:
    for name in FRAMEWORKS.get(page.name, ()):
        needs(name)
    assert run_page(page) or page.name in WITHOUT_PYTHON


def run_commands(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a page shows for the shell, one line after the other."""
    page = (PROJECT / "docs" / name).read_text(encoding="utf-8")
    script = "\n".join(SHELL_BLOCK.findall(page))
    assert "s3native" in script
    paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**os.environ, "PATH": paths},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("page", COMMANDS, ids=lambda page: page.name)
def test_commands_run(page: Path, documented: s3native.Client, tmp_path: Path) -> None:
    done = run_commands(f"commands/{page.name}", tmp_path)
    if page.name == "mb.md":
        documented.delete_bucket("another-bucket")
    assert TOLD[page.stem] in done.stdout + done.stderr


def test_what_is_shown_of_commands_is_what_they_have() -> None:
    tool = PROJECT / "tools" / "command_pages.py"
    subprocess.run([sys.executable, tool, "--check"], check=True, timeout=60)


def test_the_fixtures_for_users_are_theirs(tmp_path: Path) -> None:
    """The page's files, as a project of its own."""
    page = PROJECT / "docs" / "testing.md"
    files = [block.code for block in blocks_of(page) if block.reason]
    for code in files:
        (tmp_path / code.split()[1]).write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert "AWS_ENDPOINT_URL=http://127.0.0.1" in run_commands("testing.md", tmp_path).stdout


@pytest.mark.usefixtures("documented")
def test_benchmarks_run(tmp_path: Path) -> None:
    done = run_commands("benchmark.md", tmp_path)
    assert "after / before" in done.stdout
    assert (tmp_path / "bench.html").exists()


def test_links_between_pages_lead_somewhere() -> None:
    for page in (*PAGES, *COMMANDS):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"

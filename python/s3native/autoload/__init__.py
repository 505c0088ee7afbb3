"""Has `import tensorflow` alone make `s3://` work, in one Python environment: opt-in, by two files.

Python runs the lines of `.pth` files in its site-packages when it starts; ours imports the hook,
a copy of `hook.py` beside it, which costs next to nothing until TensorFlow is imported.
"""

from __future__ import annotations

import shutil
import site
import sysconfig
from pathlib import Path

_HOOK = "s3native_tensorflow_autoload"


def environment() -> Path:
    """Return the site-packages that s3native is in; else this Python's, as for a checkout."""
    beside = Path(__file__).resolve().parents[2]
    known = [*site.getsitepackages(), site.getusersitepackages()]
    if any(beside == Path(folder).resolve() for folder in known):
        return beside
    return Path(sysconfig.get_path("purelib"))


def install(folder: Path) -> None:
    """Have Pythons that start from now on do it; again, with the hook of this version.

    Raises:
        OSError: the folder cannot be written.
    """
    hook, line = _files(folder)
    shutil.copyfile(Path(__file__).with_name("hook.py"), hook)
    line.write_text(f"import {_HOOK}\n")


def remove(folder: Path) -> bool:
    """Undo it; False when there is nothing to undo. Raises OSError."""
    found = [file for file in reversed(_files(folder)) if file.exists()]
    for file in found:
        file.unlink()
    return bool(found)


def _files(folder: Path) -> tuple[Path, Path]:
    return folder / f"{_HOOK}.py", folder / f"{_HOOK}.pth"

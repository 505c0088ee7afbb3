"""Print what pyproject.toml requires, one requirement a line, for `pip install -r`.

usage: requirements.py GROUP...    GROUP is "build", "run" or an extra's name
"""

from __future__ import annotations

import sys
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    from pip._vendor import tomli as tomllib

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def main(groups: list[str]) -> None:
    """Print the requirements of every group named."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    known = {
        "build": project["build-system"]["requires"],
        "run": project["project"]["dependencies"],
        **project["project"]["optional-dependencies"],
    }
    for group in groups:
        print("\n".join(known[group]))


if __name__ == "__main__":
    main(sys.argv[1:])

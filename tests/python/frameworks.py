"""`needs`: tests of what goes with a framework are skipped without it, but not in CI."""

from __future__ import annotations

import importlib.util
import os

import pytest


def needs(name: str) -> None:
    """Skip the test, or the module that calls it, if a package is not installed."""
    if importlib.util.find_spec(name) is not None:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed", pytrace=False)
    pytest.skip(f"{name} is not installed", allow_module_level=True)

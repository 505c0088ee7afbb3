"""A browser shows the charts of a run on s3:// while it is written."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from frameworks import needs
from processes import Processes
from running_tensorboard import SECONDS, TensorBoard

needs("playwright")

from playwright.sync_api import sync_playwright  # noqa: E402

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
CARD = "scalar-card:has([title='training/loss'])"
# Each line that is drawn, as the points it is made of.
LINES = "charts => charts.map(path => path.getAttribute('d').split('L').length)"


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of a browser without WebGL: with it, charts are not in the document."""
    if PROGRAM is None:
        leave = pytest.fail if os.environ.get("CI") else pytest.skip
        leave("neither Chromium nor Chrome is installed")
    with sync_playwright() as library:
        browser = library.chromium.launch(
            executable_path=PROGRAM, args=["--disable-3d-apis"], timeout=SECONDS * 1000
        )
        page = browser.new_page(viewport={"width": 1100, "height": 680})
        page.set_default_timeout(SECONDS * 1000)
        yield page
        browser.close()


def points(page: Any) -> list[int]:
    """How many points each line of the chart has: raw and smoothed, of both runs."""
    return sorted(page.eval_on_selector_all(f"{CARD} line-chart .series-view path", LINES))


def points_after_reload(page: Any, least: int) -> list[int]:
    """The same when TensorBoard has read so many: its button asks for what it has."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = points(page)
        if len(found) == 4 and found[0] >= least:
            return found
        page.click("app-header-reload button")
        page.wait_for_timeout(500)
    raise AssertionError(f"no {least} points in {found}")


def test_a_chart_grows_while_the_run_is_written(
    tensorboard: TensorBoard, page: Any, root: str, tmp_path: Path
) -> None:
    with Processes() as processes:
        processes.start("summaries.py", root)
        tensorboard.eventually(lambda: len(tensorboard.ask("runs")) == 2)
        page.goto(f"{tensorboard.url}/#timeseries")
        page.wait_for_selector(CARD)
        page.click("button:has-text('Settings')")  # they hide half of the charts
        seen = points_after_reload(page, 40)
        page.wait_for_timeout(1_000)  # until nothing moves
        page.screenshot(path=os.environ.get("TENSORBOARD_PICTURE", tmp_path / "page.png"))
        points_after_reload(page, seen[-1] + 10)

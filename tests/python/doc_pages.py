"""`run_page`: the Python examples of a page of the documentation, one after the other."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

PROJECT = Path(__file__).resolve().parents[2]

BLOCK = re.compile(r"(?:<!--(?P<comment>.*?)-->\s*\n)?```python\n(?P<code>.*?)^```", re.S | re.M)
NOT_EXECUTED = re.compile(r"\s*not executed: (?P<reason>\S.{5,})", re.S)


class Block(NamedTuple):
    """A Python example, and why it is not run if it is not."""

    line: int
    code: str
    reason: str


def blocks_of(page: Path) -> list[Block]:
    """Return the examples of a page."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in BLOCK.finditer(text):
        marked = NOT_EXECUTED.match(match["comment"] or "")
        line = text.count("\n", 0, match.start("code")) + 1
        found.append(Block(line, match["code"], marked["reason"] if marked else ""))
    return found


def run_page(page: Path) -> int:
    """Run the examples, in one module, and return how many there were."""
    ran = [block for block in blocks_of(page) if not block.reason]
    names: dict[str, Any] = {"__name__": page.stem}
    for block in ran:
        # Padded, so that a traceback names the line of the page.
        code = "\n" * (block.line - 1) + block.code
        exec(compile(code, os.fspath(page), "exec"), names)
    return len(ran)

"""Parts of documents that are made from something else, and stand between comments."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path


def bring(document: Path, parts: Mapping[str, list[str]], *, check: bool) -> bool:
    """Put the lines of each part between the comments `NAME` and `end of NAME` of a document.

    With `check` nothing is written. Returns whether all parts were as they should be, or are now.
    """
    now = document.read_text()
    text = now
    for name, lines in parts.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        before, found, rest = text.partition(begin)
        _, also_found, after = rest.partition(end)
        if not (found and also_found):
            raise SystemExit(f"{document.name} lacks the comments around {name}")
        text = before + begin + "\n".join(lines) + "\n" + end + after
    if check and text != now:
        print(f"{document.name} is out of date: run `make docs`", file=sys.stderr)
        return False
    document.write_text(text)
    return True

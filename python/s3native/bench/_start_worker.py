"""Starts `worker` in a process that has the engine only if it is the one to be measured.

``s3native.bench.worker`` cannot be imported without ``s3native``, so that gets a stand-in here.
"""

import sys
import types
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    sys.path[0] = str(
        _PACKAGE.parent
    )  # and not this folder, whose names are nobody else's business
    if sys.argv[1] not in ("s3native", "limit"):  # protocol.LIMIT
        stand_in = types.ModuleType("s3native")
        stand_in.__path__ = [str(_PACKAGE)]
        sys.modules["s3native"] = stand_in
    from s3native.bench.worker import main

    main(sys.argv[1])

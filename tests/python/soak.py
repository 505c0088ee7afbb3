"""A long storm: thousands of faults and forks, nothing wrong, nothing left behind.

Runs storms of other seeds, round after round, against a MinIO of its own, then forks a process
with transfers under way a thousand times. Counts per fault are kept in soak.json, which the
documentation is made from.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import s3native
from fault_storm import MOST_RESERVED, Storm, StormServer
from held import Held, eventually_not_more_than
from s3native.testing import MinioServer
from test_fork import SCRIPT

COUNTS = Path(__file__).with_name("soak.json")
ROUND = 1000


def main() -> int:
    """Run as the command line says; 0 when all held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--faults", type=int, default=10_000, help="(%(default)s)")
    parser.add_argument("--forks", type=int, default=1000, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30), help="of the chance")
    parser.add_argument("--keep", action="store_true", help=f"keep the counts in {COUNTS.name}")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with MinioServer() as server:
        client = s3native.Client(**server.client_options())
        client.create_bucket("soak")
        counts = storms(server, options.faults, options.seed)
        fork(server, options.forks)
    if options.keep:
        kept = {
            "seed": options.seed,
            "forks": options.forks,
            "faults": dict(sorted(counts.items())),
        }
        COUNTS.write_text(json.dumps(kept, indent=1) + "\n")
    return 0


def storms(server: MinioServer, faults: int, seed: int) -> Counter[str]:
    """Rounds of a thousand faults until there were enough."""
    done: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    begun = time.monotonic()
    while done.total() < faults:
        seed += 1
        with StormServer(server, seed=seed, rate=0.25) as storm_server:
            storm = Storm(server, "soak", storm_server, seed=seed)
            before = Held.now()
            storm.run(min(ROUND, faults - done.total()))
        assert storm.most_reserved <= MOST_RESERVED, f"seed {seed}: {storm.most_reserved}"
        held = eventually_not_more_than(before)
        assert not held.exceeds(before), f"seed {seed}: {held}, before {before}"
        pending = storm.pending_uploads()
        assert pending == {}, f"seed {seed}: {pending}"
        done += storm_server.done
        outcomes += storm.outcomes
        print(
            f"{done.total()} faults in {time.monotonic() - begun:.0f} s; "
            f"{outcomes.total()} operations: "
            + ", ".join(f"{count} {name}" for name, count in outcomes.most_common()),
            flush=True,
        )
    return done


def fork(server: MinioServer, forks: int) -> None:
    """Fork while transfers run; the script checks both sides."""
    if not forks:
        return
    begun = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(forks), "s3://soak"],
        env=os.environ | server.environment(),
        check=True,
        timeout=60 + forks,
    )
    print(f"{forks} forks in {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())

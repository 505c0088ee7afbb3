"""500 faults at random between clients and MinIO: right outcomes, and nothing left behind."""

from __future__ import annotations

from fault_storm import MOST_RESERVED, Storm, StormServer
from faults import FAULTS
from held import Held, eventually_not_more_than
from s3native.testing import MinioServer

FAULT_COUNT = 500


def test_storm(server: MinioServer, bucket: str) -> None:
    with StormServer(server, seed=20261121, rate=0.25) as server_in_storm:
        storm = Storm(server, bucket, server_in_storm, seed=1)
        before = Held.now()
        storm.run(FAULT_COUNT)
        print(dict(storm.outcomes), dict(server_in_storm.done), storm.most_reserved)
    assert storm.outcomes["right"] > 0.9 * storm.outcomes.total(), storm.outcomes
    assert set(server_in_storm.done) <= set(FAULTS)
    assert 0 < storm.most_reserved <= MOST_RESERVED
    held = eventually_not_more_than(before)
    assert not held.exceeds(before), (before, held)
    assert storm.pending_uploads() == {}

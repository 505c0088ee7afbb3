"""Lines that are slow, stall, or break, by toxiproxy: calls end right, or soon with an error."""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import s3native
from conftest import PART_SIZE
from content import content
from held import Held, eventually_not_more_than
from raw_object import within
from s3native.testing import MinioServer, ProgramNotFoundError
from toxiproxy import TOXIPROXY, ToxiproxyServer

pytestmark = pytest.mark.slow

LARGE = content(12_000_123)
UPLOAD = content(11_000_321, seed=1)
SMALL = [content(20_000 + i, seed=i) for i in range(20)]
RANGE = (PART_SIZE - 1000, PART_SIZE + 500_000)
STALL_S = 1
ANY_AGE = datetime.timedelta(minutes=-1)
BROKEN = (s3native.ConnectionFailedError, s3native.RequestTimeoutError)
both_streams = pytest.mark.parametrize("stream", ["downstream", "upstream"])
over_tls = pytest.mark.parametrize("place", ["tls"], indirect=True)


@dataclass(frozen=True)
class Toxic:
    """One of toxiproxy's toxics, with its attributes."""

    kind: str
    attributes: dict[str, int]
    toxicity: float = 1


# Under these every call can end.
BEARABLE = {
    "latency": [Toxic("latency", {"latency": 100, "jitter": 50})],
    "bandwidth": [Toxic("bandwidth", {"rate": 10_000})],
    "slicer": [Toxic("slicer", {"average_size": 2000, "size_variation": 1000, "delay": 20})],
    "limit_data": [Toxic("limit_data", {"bytes": 7_000_000})],
    "limit_data and slow_close": [
        Toxic("limit_data", {"bytes": 7_000_000}),
        Toxic("slow_close", {"delay": 300}),
    ],
    "reset_peer for some": [Toxic("reset_peer", {"timeout": 20}, toxicity=0.4)],
    "timeout for some": [Toxic("timeout", {"timeout": 300}, toxicity=0.4)],
    "all of it": [
        Toxic("latency", {"latency": 20, "jitter": 10}),
        Toxic("slicer", {"average_size": 4000, "size_variation": 1000, "delay": 10}),
        Toxic("bandwidth", {"rate": 20_000}),
        Toxic("reset_peer", {"timeout": 50}, toxicity=0.2),
    ],
}
# Under these none can.
UNBEARABLE = {
    "silence": Toxic("timeout", {"timeout": 0}),
    "timeout": Toxic("timeout", {"timeout": 150}),
    "reset_peer": Toxic("reset_peer", {"timeout": 0}),
    "late reset_peer": Toxic("reset_peer", {"timeout": 150}),
    "limit_data": Toxic("limit_data", {"bytes": 90}),
}


# ---- the line ----


class Place:
    """A server, a line to it, and a bucket that holds what the calls read."""

    def __init__(self, server: MinioServer, line: ToxiproxyServer, bucket: str) -> None:
        self.line = line
        self._options = server.client_options() | {"part_size": PART_SIZE}
        self._bucket = bucket
        # One connection, so that their number is the same before and after a test.
        self.calm = s3native.Client(**self._options, max_connections=1)

    def url(self, key: str) -> str:
        """That of an object."""
        return f"s3://{self._bucket}/{key}"

    def connect(self, **options: Any) -> s3native.Client:
        """A client on the line, with a connection for each request: none waits for another."""
        given = self._options | {"endpoint": self.line.endpoint}
        given |= {"max_connections": 40, "stall_timeout_s": STALL_S}
        return s3native.Client(**given | options)

    def make_bad(self, toxic: Toxic, stream: str) -> str:
        """Add the toxic and return its name."""
        return self.line.add(toxic.kind, stream=stream, toxicity=toxic.toxicity, **toxic.attributes)

    def fill(self) -> None:
        """Make the bucket and store what the calls read."""
        self.calm.create_bucket(self._bucket)
        self.calm.put(self.url("large"), LARGE)
        for i, data in enumerate(SMALL):
            self.calm.put(self.url(f"small/{i:02}"), data)

    def empty(self) -> None:
        """Delete all of it."""
        for page in self.calm.list(self.url("")):
            self.calm.delete_many([self.url(info.key) for info in page.objects])
        self.calm.delete_bucket(self._bucket)

    def abort_uploads(self) -> int:
        """Abort what `calls` left; how many uploads that were."""
        return self.calm.abort_stale_uploads(self.url("put/large"), older_than=ANY_AGE)

    def calls(self, client: s3native.Client) -> list[Callable[[], None]]:
        """Calls of every kind that check what comes of them."""
        into = bytearray(len(LARGE))

        def get_into() -> None:
            assert client.get_into(self.url("large"), into) == len(LARGE)
            assert into == LARGE

        def get_range() -> None:
            assert bytes(client.get(self.url("large"), range=RANGE)) == LARGE[slice(*RANGE)]

        def get_many() -> None:
            items = client.get_many([self.url(f"small/{i:02}") for i in range(len(SMALL))])
            for item, data in zip(items, SMALL, strict=True):
                if item.error is not None:
                    raise item.error
                assert bytes(item.data) == data

        def put_large() -> None:
            client.put(self.url("put/large"), UPLOAD)
            assert bytes(self.calm.get(self.url("put/large"))) == UPLOAD

        def put_small() -> None:
            client.put(self.url("put/small"), SMALL[0])
            assert bytes(self.calm.get(self.url("put/small"))) == SMALL[0]

        def head() -> None:
            assert client.head(self.url("large")).size == len(LARGE)

        def pages() -> None:
            listed = client.list(self.url("small/"), page_size=15)
            assert [len(page.objects) for page in listed] == [15, 5]

        def delete() -> None:
            client.delete(self.url("none"))

        return [get_into, get_range, get_many, put_large, put_small, head, pages, delete]


@pytest.fixture(params=["plain"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A line as it should be; after the test nothing may be left of what used it."""
    try:
        TOXIPROXY.find()
    except ProgramNotFoundError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have toxiproxy: {error}")
        pytest.skip(str(error))
    server = request.getfixturevalue("server" if request.param == "plain" else "tls_server")
    with ToxiproxyServer(server.endpoint) as line:
        made = Place(server, line, f"toxic-{secrets.token_hex(8)}")
        made.fill()
        before = Held.now()
        yield made
        held = eventually_not_more_than(before)
        made.empty()
    assert not held.exceeds(before), (before, held)


def at_once(calls: list[Callable[[], None]]) -> None:
    """Each in a thread of its own; raises what the first that failed did."""
    with ThreadPoolExecutor(len(calls)) as pool:
        running = [pool.submit(call) for call in calls]
        for done in running:
            done.result(timeout=60)


@contextlib.contextmanager
def soon(seconds: float, action: Callable[[], Any]) -> Iterator[None]:
    """Do something while what is inside runs; it must have been done when that ends."""
    timer = threading.Timer(seconds, action)
    timer.start()
    try:
        yield
    finally:
        timer.join()


# ---- what comes of it ----


@both_streams
@pytest.mark.parametrize("toxics", BEARABLE.values(), ids=BEARABLE)
def test_a_bad_line(
    toxics: list[Toxic],
    stream: str,
    place: Place,
) -> None:
    for toxic in toxics:
        place.make_bad(toxic, stream)
    with place.connect() as client:
        at_once(place.calls(client))
    assert place.abort_uploads() == 0


@both_streams
@pytest.mark.parametrize("name", UNBEARABLE)
def test_a_line_that_becomes_good(
    name: str,
    stream: str,
    place: Place,
) -> None:
    toxic = place.make_bad(UNBEARABLE[name], stream)
    # Long enough for a stall to be noticed; pauses between quick failures grow to seconds.
    bad_for_s = 1.3 * STALL_S if name == "silence" else 0.4
    with place.connect() as client, soon(bad_for_s, lambda: place.line.remove(toxic)):
        at_once(place.calls(client))
    assert place.abort_uploads() == 0


def test_a_line_that_breaks_and_is_mended(place: Place) -> None:
    """Twice, in the middle of transfers."""
    place.line.add("bandwidth", stream="downstream", rate=10_000)
    place.line.add("bandwidth", stream="upstream", rate=10_000)

    def break_and_mend() -> None:
        for pause in (0.3, 0.5):
            place.line.enable(False)
            time.sleep(pause)
            place.line.enable(True)
            time.sleep(pause)

    with place.connect() as client, soon(0.2, break_and_mend):
        at_once(place.calls(client))
    assert place.abort_uploads() == 0


def fails_soon(call: Callable[[], None], attempts: int) -> None:
    """It raises what tells of a broken line, with all a user wants to know."""
    with within(attempts * 2.5 * STALL_S + 1), pytest.raises(BROKEN) as caught:
        call()
    error = caught.value
    assert error.retryable
    assert error.operation in str(error)
    assert error.bucket in str(error)
    assert error.attempts == attempts
    assert "; " in str(error)  # the hint


@both_streams
@pytest.mark.parametrize("attempts", [1, 2])
@pytest.mark.parametrize("name", UNBEARABLE)
def test_a_line_that_stays_bad(
    name: str,
    attempts: int,
    stream: str,
    place: Place,
) -> None:
    place.make_bad(UNBEARABLE[name], stream)
    with place.connect(max_attempts=attempts) as client:
        at_once([partial(fails_soon, call, attempts) for call in place.calls(client)])
    if stream == "upstream":
        assert place.abort_uploads() == 0
    else:  # nobody but the server can know of an upload when no answer ever arrives
        assert place.abort_uploads() <= attempts


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_line_that_is_down(attempts: int, place: Place) -> None:
    with place.connect(max_attempts=attempts) as client:
        place.line.enable(False)
        at_once([partial(fails_soon, call, attempts) for call in place.calls(client)])
        place.line.enable(True)
        at_once(place.calls(client))


@pytest.mark.parametrize("place", ["plain", "tls"], indirect=True)
@pytest.mark.parametrize("closed", [True, False])
def test_an_upload_that_breaks_is_aborted(
    closed: bool,
    place: Place,
) -> None:
    """Small requests pass, so that the upload begins, but no part does."""
    place.line.add("limit_data", stream="upstream", bytes=1_000_000)
    if not closed:  # the rest of a part is just lost
        place.line.add("slow_close", stream="upstream", delay=60_000)
    with place.connect(max_attempts=2) as client, within(8):
        with pytest.raises(BROKEN) as caught:
            client.put(place.url("put/large"), UPLOAD)
        assert caught.value.operation == "UploadPart"
    assert place.abort_uploads() == 0
    with pytest.raises(s3native.NotFoundError):
        place.calm.head(place.url("put/large"))


@over_tls
@pytest.mark.parametrize("name", ["limit_data", "all of it"])
def test_a_bad_line_with_tls(name: str, place: Place) -> None:
    for toxic in BEARABLE[name]:
        for stream in ("downstream", "upstream"):
            place.make_bad(toxic, stream)
    with place.connect() as client:
        at_once(place.calls(client))


def test_a_trickle_is_bounded_by_the_total_timeout(place: Place) -> None:
    """A byte now and then, even of an answer's head, is no stall."""
    place.line.add("slicer", average_size=1, size_variation=0, delay=100_000)
    expected = pytest.raises(s3native.RequestTimeoutError, match="total_timeout")
    with place.connect(total_timeout_s=2) as client, within(4), expected:
        client.get(place.url("large"), range=RANGE)

"""`s3native.torch.shards`: who reads what, over all ranks, workers, epochs and interruptions."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import islice
from typing import Any

import pytest
from frameworks import needs
from hypothesis import given
from hypothesis import strategies as st

needs("torch")

from s3native.torch.shards import (
    Order,
    Progress,
    Share,
    Stage,
    at,
    dealt,
    evened,
    merged,
    shuffled,
)

COUNTS = st.integers(0, 200)
PARTIES = st.integers(1, 5)


def shares(ranks: int, workers: int) -> list[Share]:
    return [Share(r, ranks, w, workers) for r in range(ranks) for w in range(workers)]


@given(COUNTS, PARTIES, PARTIES)
def test_everything_is_dealt_out_once(count: int, ranks: int, workers: int) -> None:
    hands = [list(dealt(range(count), Progress(share=s))) for s in shares(ranks, workers)]
    assert Counter(item for hand in hands for item in hand) == Counter(range(count))
    assert max(map(len, hands)) - min(map(len, hands)) <= 2
    if ranks * workers == 1:
        assert hands == [list(range(count))]


def test_ranks_come_first_and_then_their_workers() -> None:
    assert list(dealt(range(12), Progress(share=Share(1, 2, 0, 3)))) == [1, 7]
    assert list(dealt(range(12), Progress(share=Share(1, 2, 2, 3)))) == [5, 11]


EVEN = st.sampled_from(["pad", "drop", None])
ORDERS = st.builds(Order, st.sampled_from([False, True, 1, 7]), st.integers(0, 3), EVEN)
INTERRUPTED = st.sampled_from(["before it begins", "together", "anywhere", "at the end"])


def run_through(order: Order, count: int, epoch: int, draw: Any) -> tuple[list[int], int]:
    """Read an epoch in runs of any ranks and workers, each interrupted anywhere, the last not.

    Returns what was read, and how many times it could have been padded; checks that ranks are even.
    """
    read: list[int] = []
    state, pads = Progress(epoch), 0
    for interrupted in [*draw(st.lists(INTERRUPTED, max_size=3)), "not"]:
        ranks, workers = draw(PARTIES), draw(PARTIES)
        parts, chance = [], random.Random(draw(st.integers()))
        hands = [list(order.left(range(count), state.for_share(s))) for s in shares(ranks, workers)]
        of_ranks = [sum(map(len, hands[r * workers : (r + 1) * workers])) for r in range(ranks)]
        assert order.even_shards is None or len(set(of_ranks)) == 1
        for share, hand in zip(shares(ranks, workers), hands, strict=True):
            few = chance.randint(0, len(hand)) if interrupted == "anywhere" else len(hand) // 2
            now = {"not": len(hand), "at the end": len(hand), "before it begins": 0}
            part = at(state.for_share(share), now.get(interrupted, few))
            again = Progress.from_dict(part.to_dict()).for_share(share)  # it may go on alone
            assert list(order.left(range(count), again)) == hand[part.taken :]
            read += hand[: part.taken]
            parts.append(part)
        pads += ranks - 1
        told = json.loads(json.dumps([part.to_dict() for part in parts]))
        state = merged([Progress.from_dict(part) for part in told])
    return read, pads if order.even_shards == "pad" else 0


@given(COUNTS, ORDERS, st.integers(0, 2), st.data())
def test_whatever_the_runs_each_is_read_once(
    count: int, order: Order, epoch: int, data: st.DataObject
) -> None:
    read, pads = run_through(order, count, epoch, data.draw)
    told = Counter(read)
    if order.even_shards == "drop":  # fewer than there are ranks, at most, in the last run
        assert set(told) <= set(range(count))
        assert set(told.values()) <= {1}
        assert count - len(told) < 5
    else:
        assert set(told) == set(range(count))
        assert len(read) - count <= pads


@pytest.mark.parametrize(("even", "left"), [("drop", [[1, 3], [2, 4]]), ("pad", [[1, 3], [2, 4]])])
def test_what_is_left_is_dealt_evenly(even: Any, left: list[list[int]]) -> None:
    state = at(Progress(), 1)
    order = Order(even_shards=even)
    shares_ = [state.for_share(share) for share in shares(2, 1)]
    assert [list(order.left(range(5), each)) for each in shares_] == left


def test_what_was_dropped_is_read_by_others() -> None:
    parts = [at(Progress(share=share), 1) for share in shares(2, 1)]
    order = Order(even_shards="drop")
    assert [list(order.left(range(5), part)) for part in parts] == [[2], [3]]
    assert list(order.left(range(5), merged(parts))) == [2, 3, 4]


def test_what_was_read_as_padding_is_read() -> None:
    parts = [at(Progress(share=Share(0, 2)), 0), at(Progress(share=Share(1, 2)), 2)]
    order = Order(even_shards="pad")
    assert [list(order.left(range(3), part)) for part in parts] == [[0, 2], []]  # it had 1, 0
    assert list(order.left(range(3), merged(parts))) == [2]


@given(COUNTS, PARTIES, PARTIES, st.integers(0, 50))
def test_the_same_share_goes_on_where_it_was(
    count: int, ranks: int, workers: int, taken: int
) -> None:
    for share in shares(ranks, workers):
        whole = list(dealt(range(count), Progress(share=share)))
        mine = at(Progress(share=share), taken)
        again = Progress.from_dict(mine.to_dict()).for_share(share)
        assert list(dealt(range(count), again)) == whole[taken:]


def test_a_single_run_is_gone_on_from_by_any() -> None:
    state = at(Progress(), 5)
    left = [list(dealt(range(9), state.for_share(Share(rank, 2)))) for rank in range(2)]
    assert left == [[5, 7], [6, 8]]
    assert Progress().for_share(Share(1, 2)).stages == ()


def test_a_part_alone_is_no_state_for_others() -> None:
    part = at(Progress(share=Share(0, 2)), 3)
    with pytest.raises(ValueError, match="merge_states"):
        part.for_share(Share(0, 3))
    with pytest.raises(ValueError, match="not of"):
        part.for_share(Share(1, 2))


def test_states_that_do_not_belong_together() -> None:
    halves = [Progress(share=Share(rank, 2)) for rank in range(2)]
    assert merged(halves).stages == (Stage(((0,), (0,))),)
    for wrong in (
        [],
        halves[:1],
        [*halves, halves[0]],
        [halves[0], halves[0]],
        [halves[0], Progress(1, share=Share(1, 2))],
        [halves[0], Progress(share=Share(1, 3))],
    ):
        with pytest.raises(ValueError, match="state"):
            merged(wrong)
    with pytest.raises(ValueError, match="no state"):
        Progress.from_dict({"epoch": 1})
    with pytest.raises(ValueError, match="share"):
        Share(2, 2)


# ---- order ----


@given(COUNTS, st.one_of(st.none(), st.integers(1, 30)), st.integers(), st.integers(0, 9))
def test_shuffling_keeps_all(count: int, window: int | None, seed: int, epoch: int) -> None:
    order = list(shuffled(range(count), window, seed, epoch))
    assert sorted(order) == list(range(count))
    assert order == list(shuffled(range(count), window, seed, epoch))
    if window is not None:  # nothing comes much earlier than it would
        assert all(item <= place + window for place, item in enumerate(order))


def test_seeds_and_epochs_have_orders_of_their_own() -> None:
    orders = {
        tuple(shuffled(range(50), window, seed, epoch))
        for window in (None, 10)
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 18


def test_an_order_is_the_same_for_ever() -> None:
    """It is in states that were saved."""
    assert list(shuffled(range(8), None, 1, 2)) == [5, 6, 4, 7, 0, 2, 3, 1]
    assert list(shuffled(range(8), 3, 1, 2)) == [0, 1, 4, 3, 6, 2, 5, 7]


def test_a_window_does_not_wait_for_all() -> None:
    taken = 0

    def counted() -> object:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    assert len(list(islice(shuffled(counted(), 10, 0, 0), 5))) == 5  # type: ignore[call-overload]
    assert taken == 15


@given(COUNTS, PARTIES, st.sampled_from([False, True, 7]), EVEN)
def test_an_order_is_shuffled_and_then_made_even(
    count: int, ranks: int, shuffle: int, even: Any
) -> None:
    order = Order(shuffle, 3, even)
    hands = [list(order.left(range(count), Progress(5, share=s))) for s in shares(ranks, 1)]
    expected = list(range(count))
    if shuffle:
        expected = list(shuffled(expected, None if shuffle is True else shuffle, 3, 5))
    expected = list(evened(expected, ranks, even))
    assert hands == [expected[rank::ranks] for rank in range(ranks)]


def test_orders_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="shuffle"):
        Order(-1)
    with pytest.raises(ValueError, match="even_shards"):
        Order(even_shards="all")  # type: ignore[arg-type]


@given(COUNTS, PARTIES)
def test_even_shares(count: int, ranks: int) -> None:
    whole = list(range(count))
    assert evened(whole, ranks, None) == whole
    dropped = evened(whole, ranks, "drop")
    assert len(dropped) % ranks == 0
    assert dropped == whole[: len(dropped)]
    assert count - len(dropped) < ranks
    padded = evened(whole, ranks, "pad")
    assert len(padded) % ranks == 0
    assert padded[:count] == whole
    assert len(padded) - count < ranks
    assert set(padded) == set(whole)

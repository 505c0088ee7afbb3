"""Which process reads which objects of an epoch, in which order, and where it goes on: pure policy.

An epoch is a sequence of objects, the same everywhere. It is shuffled, then made divisible by the
number of ranks where that is wanted, then dealt out one by one: to ranks, and by each rank to its
workers. What a run has read is therefore told by one number for each worker of each rank, together
a `Stage`. A later run with other ranks and workers makes what is left after it divisible by their
number, deals that out, and so on.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Any, Literal, TypeVar

Item = TypeVar("Item")
Even = Literal["pad", "drop"] | None


@dataclass(frozen=True)
class Share:
    """One of the parties that a sequence is dealt out to: a worker of a rank."""

    rank: int = 0
    ranks: int = 1
    worker: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        if not (0 <= self.rank < self.ranks and 0 <= self.worker < self.workers):
            raise ValueError(f"no such share: {self}")

    def has(self, place: int) -> bool:
        """Whether it gets what stands there in the sequence."""
        return place % self.ranks == self.rank and (place // self.ranks) % self.workers == (
            self.worker
        )


@dataclass(frozen=True)
class Stage:
    """What a run has read: ``taken[rank][worker]`` of those that each was dealt."""

    taken: tuple[tuple[int, ...], ...]

    def has_read(self, place: int) -> bool:
        """Whether what stands there in what was dealt out has been read."""
        ranks = len(self.taken)
        of_rank = self.taken[place % ranks]
        place //= ranks
        return place // len(of_rank) < of_rank[place % len(of_rank)]


@dataclass(frozen=True)
class Progress:
    """Where a share is in an epoch: stages that other runs have read, then ``taken`` of its own."""

    epoch: int = 0
    stages: tuple[Stage, ...] = ()
    share: Share = Share()
    taken: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "s3native": 1,  # the format's version
            "epoch": self.epoch,
            "stages": [[list(of_rank) for of_rank in stage.taken] for stage in self.stages],
            "rank": self.share.rank,
            "ranks": self.share.ranks,
            "worker": self.share.worker,
            "workers": self.share.workers,
            "taken": self.taken,
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Progress:
        """Rebuild it; raises ValueError for what is no state of a dataset."""
        if values.get("s3native") != 1:
            raise ValueError("this is no state of an S3IterableDataset that this version can read")
        share = Share(values["rank"], values["ranks"], values["worker"], values["workers"])
        stages = tuple(
            Stage(tuple(tuple(of_rank) for of_rank in stage)) for stage in values["stages"]
        )
        return Progress(values["epoch"], stages, share, values["taken"])

    def for_share(self, share: Share) -> Progress:
        """Return where another share begins that goes on from here.

        Raises:
            ValueError: this is one share's state of several, and what the others read is not known.
        """
        if share == self.share:
            return self
        if (self.share.ranks, self.share.workers) == (share.ranks, share.workers):
            raise ValueError(f"the state is that of {self.share}, not of {share}")
        if self.share != Share():
            raise ValueError(
                f"the state is that of {self.share} only: merge_states brings together those of "
                "all ranks and workers, which other numbers of them can go on from"
            )
        stages = (*self.stages, Stage(((self.taken,),))) if self.taken else self.stages
        return Progress(self.epoch, stages, share)


def merged(parts: Sequence[Progress]) -> Progress:
    """Return where any number of ranks and workers can go on after all of these.

    Raises:
        ValueError: they are not the shares of one run, each once.
    """
    if not parts:
        raise ValueError("there is no state of an S3IterableDataset in this")
    first = parts[0]
    shares = [part.share for part in parts]
    wanted = [
        Share(rank, first.share.ranks, worker, first.share.workers)
        for rank in range(first.share.ranks)
        for worker in range(first.share.workers)
    ]
    same_run = all((part.epoch, part.stages) == (first.epoch, first.stages) for part in parts)
    if not same_run or sorted(map(repr, shares)) != sorted(map(repr, wanted)):
        raise ValueError(
            f"states of {len(parts)} shares are not those of {first.share.ranks} ranks with "
            f"{first.share.workers} workers each, every one once, in one epoch"
        )
    taken = {part.share: part.taken for part in parts}
    of_ranks = [
        tuple(taken[share] for share in wanted if share.rank == rank)
        for rank in range(first.share.ranks)
    ]
    return Progress(first.epoch, (*first.stages, Stage(tuple(of_ranks))))


def dealt(sequence: Iterable[Item], progress: Progress, even: Even = None) -> Iterator[Item]:
    """Yield what is left for a share of an epoch's sequence, in which all ranks have as many."""
    left = sequence
    for stage in progress.stages:
        left = _unread(left, stage, even)
    if even is not None:
        left = evened(list(left), progress.share.ranks, even)
    mine = (item for place, item in enumerate(left) if progress.share.has(place))
    return islice(mine, progress.taken, None)


def _unread(sequence: Iterable[Item], stage: Stage, even: Even) -> Iterable[Item]:
    """What nobody has read; that includes what was dropped."""
    if even != "pad":
        return (item for place, item in enumerate(sequence) if not stage.has_read(place))
    whole = list(sequence)
    places = len(evened(whole, len(stage.taken), even))  # where an item is again, it may be read
    return [
        item
        for place, item in enumerate(whole)
        if not any(map(stage.has_read, range(place, places, len(whole))))
    ]


def shuffled(sequence: Iterable[Item], window: int | None, seed: int, epoch: int) -> Iterator[Item]:
    """Yield a sequence in another order, the same for the same seed and epoch.

    With a window, so many are held and one of them is drawn at a time; with None all are.
    """
    chooser = random.Random(f"{seed} {epoch}")  # the same in every version of Python
    if window is None:
        whole = list(sequence)
        chooser.shuffle(whole)
        yield from whole
        return
    held: list[Item] = []
    for item in sequence:
        if len(held) < window:
            held.append(item)
            continue
        place = chooser.randrange(window)
        yield held[place]
        held[place] = item
    chooser.shuffle(held)
    yield from held


def evened(sequence: Sequence[Item], ranks: int, how: Even) -> Sequence[Item]:
    """Return a sequence that all ranks get as many of: shorter, or with its first ones again."""
    rest = len(sequence) % ranks
    if how is None or rest == 0:
        return sequence
    if how == "drop":
        return sequence[: len(sequence) - rest]
    return list(islice(cycle(sequence), len(sequence) + ranks - rest))


@dataclass(frozen=True)
class Order:
    """The order of an epoch's objects, as `S3IterableDataset` takes it."""

    shuffle: bool | int = False
    seed: int = 0
    even_shards: Even = None

    def __post_init__(self) -> None:
        if self.shuffle < 0:
            raise ValueError(f"shuffle must be True, False or a number, is {self.shuffle}")
        if self.even_shards not in ("pad", "drop", None):
            raise ValueError(f"even_shards must be 'pad', 'drop' or None: {self.even_shards!r}")

    def left(self, listed: Iterable[Item], progress: Progress) -> Iterator[Item]:
        """Yield what is left of an epoch for a share, of what is listed."""
        if self.shuffle:
            window = None if self.shuffle is True else self.shuffle
            listed = shuffled(listed, window, self.seed, progress.epoch)
        return dealt(listed, progress, self.even_shards)


def at(progress: Progress, taken: int) -> Progress:
    """Return it with so many taken."""
    return replace(progress, taken=taken)

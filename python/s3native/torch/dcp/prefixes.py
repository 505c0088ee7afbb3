"""Names for the files of each rank: S3 scales by prefix, and so many ranks are spread over some."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch.distributed


class S3PrefixStrategyBase(ABC):
    """What the names of a rank's files begin with."""

    def __call__(self, rank: int) -> str:
        """Return the beginning of the names of this rank's files."""
        return self.generate_prefix(rank)

    @abstractmethod
    def generate_prefix(self, rank: int) -> str:
        """Return the beginning of the names of this rank's files."""


class DefaultPrefixStrategy(S3PrefixStrategyBase):
    """``__RANK_``: all in one place."""

    def generate_prefix(self, rank: int) -> str:
        """Return the beginning of the names of this rank's files."""
        return f"__{rank}_"


class NumericPrefixStrategy(S3PrefixStrategyBase):
    """``DIGITS/__RANK_`` or ``DIGITS/epoch_N/__RANK_``: numbers, written back to front.

    Args:
        base: of the numbers.
        epoch_num: N, if there shall be one.
        min_prefix_length: digits at least; 10.
        prefix_count: how many prefixes there are; default: as many as processes.

    Raises:
        ValueError: numbers that make no sense.
    """

    def __init__(
        self,
        base: int,
        epoch_num: int | None = None,
        min_prefix_length: int = 10,
        prefix_count: int | None = None,
    ) -> None:
        if min_prefix_length < 1:
            raise ValueError(f"min_prefix_length must be at least 1, is {min_prefix_length}")
        if epoch_num is not None and not isinstance(epoch_num, int):
            raise ValueError(f"epoch_num must be an integer or None, is {epoch_num!r}")
        if prefix_count is not None and (not isinstance(prefix_count, int) or prefix_count < 1):
            raise ValueError(f"prefix_count must be a positive integer, is {prefix_count!r}")
        self.base = base
        self.epoch_num = epoch_num
        self.min_prefix_len = min_prefix_length
        self.prefix_count = prefix_count or _world_size()
        digits = min_prefix_length
        while base**digits < self.prefix_count:
            digits += 1
        self.prefix_map = [
            self._format_number(number, digits)[::-1] for number in range(self.prefix_count)
        ]

    def generate_prefix(self, rank: int) -> str:
        """Return the beginning of the names of this rank's files."""
        return _below(self.prefix_map, rank, self.epoch_num)

    @abstractmethod
    def _format_number(self, number: int, length: int) -> str:
        """Return the number with so many digits."""


class _FixedBasePrefixStrategy(NumericPrefixStrategy):
    """Numbers of a base that Python's `format` has a letter for."""

    _base: int
    _letter: str

    def __init__(
        self,
        epoch_num: int | None = None,
        min_prefix_length: int = 10,
        prefix_count: int | None = None,
    ) -> None:
        super().__init__(self._base, epoch_num, min_prefix_length, prefix_count)

    def _format_number(self, number: int, length: int) -> str:
        return format(number, f"0{length}{self._letter}")


class BinaryPrefixStrategy(_FixedBasePrefixStrategy):
    """Numbers of base 2. Arguments are those of `NumericPrefixStrategy`, but for the base."""

    _base, _letter = 2, "b"


class HexPrefixStrategy(_FixedBasePrefixStrategy):
    """Numbers of base 16. Arguments are those of `NumericPrefixStrategy`, but for the base."""

    _base, _letter = 16, "x"


class RoundRobinPrefixStrategy(S3PrefixStrategyBase):
    """``PREFIX/__RANK_`` or ``PREFIX/epoch_N/__RANK_``: one of your prefixes after the other.

    Args:
        user_prefixes: at least one.
        epoch_num: N, if there shall be one.

    Raises:
        ValueError: there is no prefix.
    """

    def __init__(self, user_prefixes: Sequence[str], epoch_num: int | None = None) -> None:
        if not user_prefixes:
            raise ValueError("user_prefixes must not be empty")
        self.user_prefixes = user_prefixes
        self.epoch_num = epoch_num

    def generate_prefix(self, rank: int) -> str:
        """Return the beginning of the names of this rank's files."""
        return _below(self.user_prefixes, rank, self.epoch_num)


def _below(prefixes: Sequence[str], rank: int, epoch: int | None) -> str:
    within = "" if epoch is None else f"epoch_{epoch}/"
    return f"{prefixes[rank % len(prefixes)]}/{within}__{rank}_"


def _world_size() -> int:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return int(torch.distributed.get_world_size())
    return 1

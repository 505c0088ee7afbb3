"""What a sync does, without files and requests."""

from __future__ import annotations

import random

import pytest
from s3native.transfer.plan import Comparison, Entry, Filter, Found, Step, as_files, compare


def steps(
    source: list[Found],
    target: list[Found],
    comparison: Comparison = "mtime",
    delete: bool = False,
) -> list[tuple[str, str]]:
    return [
        (step.action, step.entry.name)
        for step in compare(source, target, comparison, delete=delete)
    ]


def test_what_is_missing_is_copied_and_what_is_too_much_deleted() -> None:
    source, target = [("a", 1, 5.0), ("c", 1, 5.0)], [("b", 1, 5.0), ("c", 1, 5.0), ("d", 1, 5.0)]
    assert steps(source, target) == [("copy", "a")]
    assert steps(source, target, delete=True) == [("copy", "a"), ("delete", "b"), ("delete", "d")]
    assert steps([], target, delete=True) == [("delete", "b"), ("delete", "c"), ("delete", "d")]
    assert steps(source, []) == [("copy", "a"), ("copy", "c")]


@pytest.mark.parametrize(
    ("source", "target", "by_time", "by_size", "by_checksum"),
    [
        ((1, 5.0), (1, 5.0), None, None, "check"),
        ((1, 5.9), (1, 5.1), None, None, "check"),  # the same second
        ((1, 6.0), (1, 5.9), "copy", None, "check"),
        ((1, 4.0), (1, 5.0), None, None, "check"),
        ((2, 5.0), (1, 5.0), "copy", "copy", "copy"),
        ((2, 4.0), (1, 5.0), "copy", "copy", "copy"),
    ],
)
def test_comparisons(
    source: tuple[int, float],
    target: tuple[int, float],
    by_time: str | None,
    by_size: str | None,
    by_checksum: str | None,
) -> None:
    for comparison, action in (("mtime", by_time), ("size", by_size), ("checksum", by_checksum)):
        expected = [] if action is None else [(action, "a")]
        assert steps([("a", *source)], [("a", *target)], comparison) == expected  # type: ignore[arg-type]


def test_any_two_listings_become_the_same() -> None:
    chance = random.Random(3)
    names = [f"{a}{b}" for a in "abc/!" for b in "xyz/-"]
    for _ in range(500):
        source = {name: chance.randrange(3) for name in names if chance.random() < 0.5}
        target = {name: chance.randrange(3) for name in names if chance.random() < 0.5}
        listed = [[(n, s, 0.0) for n, s in sorted(some.items())] for some in (source, target)]
        for step in compare(listed[0], listed[1], "size", delete=True):
            if step.action == "copy":
                target[step.entry.name] = step.entry.size
            else:
                del target[step.entry.name]
        assert target == source


def test_filters() -> None:
    names = ["a.bin", "a/b.bin", "a/b.tmp", "c"]

    def kept(include: list[str], exclude: list[str]) -> list[str]:
        return [found[0] for found in Filter(include, exclude).of([(n, 0, 0.0) for n in names])]

    assert kept([], []) == names
    assert kept(["*.bin"], []) == ["a.bin", "a/b.bin"]
    assert kept([], ["a/*"]) == ["a.bin", "c"]
    assert kept(["*.bin", "c"], ["a/*"]) == ["a.bin", "c"]


def test_keys_that_cannot_be_files_are_refused() -> None:
    names = ["../up", "a", "a!", "a/", "a/b", "a/b/c", "d/", "d/e", "f/", "g//h"]
    sizes = {"f/": 3}
    found = as_files(Step("copy", Entry(name, sizes.get(name, 0), 0.0)) for name in names)
    told = {step.entry.name: (step.action, step.reason) for step in found}
    assert [name for name, (action, _) in told.items() if action == "copy"] == ["a", "a!", "d/e"]
    assert "outside" in told["../up"][1]
    assert told["a/b"] == (
        "refuse",
        "a is an object as well, and a path is either a file or a folder",
    )
    assert told["a/b/c"][0] == told["f/"][0] == told["g//h"][0] == "refuse"
    assert "a/" not in told and "d/" not in told  # folders' markers


def test_what_is_deleted_is_not_judged() -> None:
    step = Step("delete", Entry("a//b", 0, 0.0))
    assert list(as_files([step])) == [step]

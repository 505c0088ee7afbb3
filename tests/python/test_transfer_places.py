"""Paths and URLs of transfers."""

from __future__ import annotations

import pytest
from s3native.transfer.places import LocalPlace, S3Place, fault_as_path, parse_place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s3://bucket", S3Place("bucket", "")),
        ("s3://bucket/a/b", S3Place("bucket", "a/b")),
        ("s3://bucket/a/*.bin", S3Place("bucket", "a/*.bin")),
        ("a/b", LocalPlace("a/b")),
        ("-", LocalPlace("-")),
        ("s3:/x", LocalPlace("s3:/x")),
    ],
)
def test_what_the_user_means(text: str, place: object) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize("text", ["", "s3://", "s3:///key", "http://host/key", "gs://bucket/key"])
def test_what_makes_no_sense(text: str) -> None:
    with pytest.raises(ValueError):
        parse_place(text)


def test_folders_and_names() -> None:
    assert S3Place("b", "").is_folder
    assert S3Place("b", "a/").is_folder
    assert not S3Place("b", "a").is_folder
    assert S3Place("b", "a").below("x").url == "s3://b/a/x"
    assert S3Place("b", "").below("x").url == "s3://b/x"
    assert S3Place("b", "a/b/").name == "b"
    assert LocalPlace("a/b/").is_folder
    assert LocalPlace("..").is_folder
    assert LocalPlace("a/b/").name == "b"
    assert LocalPlace("a").below("x/y").path == "a/x/y"


@pytest.mark.parametrize(
    ("key", "root"),
    [("a/b/*.bin", "a/b/"), ("a*", ""), ("a/b?/c", "a/"), ("a/[bc]/d*", "a/")],
)
def test_patterns(key: str, root: str) -> None:
    assert S3Place("bucket", key).pattern == key
    assert S3Place("bucket", key).before_wildcards() == S3Place("bucket", root)
    assert S3Place("bucket", "plain").pattern == ""


@pytest.mark.parametrize("name", ["a", "a/b", ".hidden", "a/..b", "...", "a b", "ä/ö", "-"])
def test_keys_that_are_paths(name: str) -> None:
    assert fault_as_path(name) == ""


@pytest.mark.parametrize(
    "name", ["../a", "a/../b", "a/..", "..", "/a", "a//b", "./a", "a/.", "a\0b", "a/", ""]
)
def test_keys_that_are_none(name: str) -> None:
    assert fault_as_path(name)

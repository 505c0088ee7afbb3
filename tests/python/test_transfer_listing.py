"""What is found below folders and prefixes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import s3native
from command import plant
from s3native.transfer.listing import Links, files_below, objects_below
from s3native.transfer.places import S3Place
from scripted import Answer, Request, ScriptedServer


def found_below(folder: Path, links: Links = "follow") -> tuple[list[str], dict[str, str]]:
    """Names, and what was reported, below the folder too."""
    faults: dict[str, str] = {}
    names = [
        name
        for name, _, _ in files_below(
            str(folder),
            lambda path, why: faults.update({os.path.relpath(path, folder): why}),
            links,
        )
    ]
    return names, faults


def test_names_come_in_the_order_of_keys(tmp_path: Path) -> None:
    names = ["a!", "a/b", "a/b!/c", "a/b/c", "a0", "b/a", "é", "z", "a-/x"]
    plant(tmp_path, {name: b"x" for name in names if name != "a/b"})
    expected = sorted((name for name in names if name != "a/b"), key=str.encode)
    assert found_below(tmp_path) == (expected, {})


def test_size_and_time(tmp_path: Path) -> None:
    plant(tmp_path, {"a/b": b"12345"})
    os.utime(tmp_path / "a" / "b", (1, 1234567890.5))
    assert list(files_below(str(tmp_path), print)) == [("a/b", 5, 1234567890.5)]
    assert list(files_below(str(tmp_path) + "/", print)) == [("a/b", 5, 1234567890.5)]


def test_links(tmp_path: Path) -> None:
    plant(tmp_path, {"here/a": b"1", "there/b": b"2"})
    (tmp_path / "here/file").symlink_to(tmp_path / "there/b")
    (tmp_path / "here/folder").symlink_to(tmp_path / "there")
    (tmp_path / "here/broken").symlink_to("nowhere")
    (tmp_path / "here/up").symlink_to("..")
    names, faults = found_below(tmp_path / "here")
    assert names == ["a", "file", "folder/b"]
    assert faults == {
        "broken": "No such file or directory",
        "up": "a link to a folder that it is in",
    }
    assert found_below(tmp_path / "here", "none") == (["a"], {})
    (tmp_path / "here/broken").unlink()
    assert found_below(tmp_path / "here", "files") == (["a", "file"], {})


def test_links_that_lead_to_each_other_end(tmp_path: Path) -> None:
    plant(tmp_path, {"root/a/x": b"", "other/y": b""})
    (tmp_path / "root/a/link").symlink_to(tmp_path / "other")
    (tmp_path / "other/back").symlink_to(tmp_path / "root/a")
    names, faults = found_below(tmp_path / "root")
    assert {"a/x", "a/link/y"} <= set(names)
    assert len(names) < 6
    assert set(faults.values()) == {"a link to a folder that it is in"}


def test_what_is_no_file_or_no_key_is_reported(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    plant(tmp_path, {"fine": b""})
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff")).write_bytes(b"")
    names, faults = found_below(tmp_path)
    assert names == ["fine"]
    assert faults["pipe"] == "neither a file nor a folder"
    assert next(iter(faults.values())) == "its name is not UTF-8"
    assert found_below(tmp_path / "missing") == ([], {".": "No such file or directory"})


def test_objects(client: s3native.Client, bucket: str) -> None:
    for key in ("p/a", "p/b/c", "p/", "q"):
        client.put(f"s3://{bucket}/{key}", key.encode())
    found = list(objects_below(client, S3Place(bucket, "p/")))
    assert [(name, size) for name, size, _ in found] == [("a", 3), ("b/c", 5)]
    told = client.head(f"s3://{bucket}/p/a").last_modified
    assert told is not None
    assert abs(found[0][2] - told.timestamp()) < 1.001


def test_a_server_that_lists_in_no_order() -> None:
    def answer(request: Request) -> Answer:
        entries = "".join(
            f"<Contents><Key>{key}</Key><Size>1</Size><ETag>&#34;e&#34;</ETag>"
            "<LastModified>2026-11-21T06:00:00.000Z</LastModified></Contents>"
            for key in ("b", "a")
        )
        body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        return Answer(body=body.encode(), headers={"Content-Type": "application/xml"})

    with ScriptedServer(answer) as server:
        client = s3native.Client(endpoint=server.endpoint, credentials="anonymous")
        with pytest.raises(ValueError, match="order"):
            list(objects_below(client, S3Place("bucket", "")))

"""A local folder that is kept like a prefix, whose folders appear whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import s3native
from command import plant, tree
from content import content
from s3native.transfer.places import LocalPlace, S3Place
from s3native.transfer.plan import Filter
from s3native.transfer.watch import Watch, by_folder


class Watched:
    """A watch of a bucket's prefix, and what it said."""

    def __init__(self, client: s3native.Client, bucket: str, target: Path, **options: Any) -> None:
        self.told: list[str] = []
        self.failed: list[str] = []
        self.url = f"s3://{bucket}/m"
        self._client = client
        names = options.pop("names", Filter())
        settings = {"last": "", "delete": False, **options}
        source = S3Place(bucket, "m/")
        place = LocalPlace(str(target))
        say = {"tell": self.told.append, "fail": self.failed.append}
        self._watch = Watch(client, source, place, names, 4, **settings, **say)

    def put(self, files: dict[str, bytes]) -> None:
        for name, data in files.items():
            self._client.put(f"{self.url}/{name}", data)

    def look(self, times: int = 1) -> list[str]:
        """What appeared and disappeared."""
        del self.told[:]
        for _ in range(times):
            self._watch.look()
        return [line.split()[0] + " " + line.rpartition("/")[2] for line in self.told]


def test_folders_in_their_order() -> None:
    found = [(name, 1, 0.0) for name in ("10/a", "9/a", "9/b/c", "config", "x/a", "100/a")]
    folders = by_folder(sorted(found))
    assert list(folders) == ["9", "10", "100", "", "x"]
    assert [name for name, _, _ in folders["9"]] == ["a", "b/c"]
    assert folders[""] == (("config", 1, 0.0),)


def test_versions_appear_whole_and_in_order(
    client: s3native.Client, bucket: str, tmp_path: Path
) -> None:
    target = tmp_path / "models/m"
    watched = Watched(client, bucket, target)
    assert watched.look() == [] and "nothing is at" in watched.failed.pop()
    big = content(20_000_003)
    watched.put({"10/a": b"ten", "9/a": b"nine", "9/deep/b": big, "models.config": b"c"})
    assert watched.look() == []
    watched.put({"9/c": b"late"})  # it is still being uploaded
    assert watched.look() == []
    assert tree(target) == {}
    assert watched.look() == ["new 9", "new 10"]
    expected = {"9/a": b"nine", "9/deep/b": big, "9/c": b"late", "10/a": b"ten"}
    assert tree(target) == expected | {"models.config": b"c"}
    watched.put({"10/a": b"other"})
    assert watched.look(3) == ["new 10"]
    assert (target / "10/a").read_bytes() == b"other"
    assert watched.look(2) == []
    assert Watched(client, bucket, target).look(2) == []  # another one finds all in place
    assert watched.failed == []
    assert not [name for name in os.listdir(target) if name.startswith(".")]


def test_a_folder_is_whole_when_it_has_its_last_file(
    client: s3native.Client, bucket: str, tmp_path: Path
) -> None:
    watched = Watched(client, bucket, tmp_path, last="saved_model.pb")
    watched.put({"1/variables/": b"", "1/assets/x": b"x", "2/saved_model.pb": b"m"})
    assert watched.look(3) == []
    watched.put({"1/saved_model.pb": b"m"})
    assert watched.look() == []
    assert watched.look() == ["new 1", "new 2"]


def test_what_is_removed(client: s3native.Client, bucket: str, tmp_path: Path) -> None:
    watched = Watched(client, bucket, tmp_path, delete=True, names=Filter(exclude=["kept/*"]))
    plant(tmp_path, {"old/a": b"", "kept/a": b"", "file": b""})
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    watched.put({"1/a": b"1", "2/a": b"2"})
    assert watched.look(2) == ["new 1", "new 2", "delete old"]
    client.delete(f"{watched.url}/1/a")
    assert watched.look() == []
    assert watched.look() == ["delete 1"]
    assert tree(tmp_path) == {"2/a": b"2", "kept/a": b"", "file": b""}
    client.delete(f"{watched.url}/2/a")  # of nothing at all it is not believed
    assert watched.look(3) == []
    assert (tmp_path / "2/a").exists() and "nothing is at" in watched.failed[0]


def test_an_interrupted_run_is_gone_on_with(
    client: s3native.Client, bucket: str, tmp_path: Path
) -> None:
    watched = Watched(client, bucket, tmp_path)
    watched.put({"1/a": b"a", "1/b": b"b"})
    plant(tmp_path, {".s3native-1.part/.s3native-x.part": b"half", ".s3native-1.part/old": b""})
    assert watched.look(2) == ["new 1"]
    assert tree(tmp_path) == {"1/a": b"a", "1/b": b"b"}


def test_what_fails_is_tried_again(
    client: s3native.Client, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(client, bucket, tmp_path)
    watched.put({"1/a": b"a", "2/a": b"a", "x": b"x"})
    get = s3native.Client.get

    def fail(self: s3native.Client, url: str, **options: Any) -> Any:
        if "/1/" in url or url.endswith("/x"):
            raise s3native.ConnectionFailedError("no")
        return get(self, url, **options)

    with monkeypatch.context() as patch:
        patch.setattr(s3native.Client, "get", fail)
        assert watched.look(3) == []  # the second waits for the first
        assert len(watched.failed) == 2 and "no" in watched.failed[0]
        patch.setattr(
            s3native.Client,
            "get",
            lambda self, url, **o: (
                fail(self, url, **o) if url.endswith("/x") else get(self, url, **o)
            ),
        )
        assert watched.look() == ["new 1", "new 2"]
        assert not (tmp_path / "x").exists()
    assert watched.look() == []
    assert (tmp_path / "x").read_bytes() == b"x"

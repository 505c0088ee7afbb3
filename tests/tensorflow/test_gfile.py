"""`tf.io.gfile` does on s3:// what it does on local files: each script runs on both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import s3native
import tensorflow as tf
from tensorflow.python.lib.io import file_io

gfile = tf.io.gfile

Script = Callable[[str], Any]
SCRIPTS: list[Script] = []


def script(function: Script) -> Script:
    """What is called with a folder, which is there, and returns or raises the same on both."""
    SCRIPTS.append(function)
    return function


def write(path: str, text: str, mode: str = "w") -> None:
    if not path.startswith("s3://"):  # where folders need not be made
        gfile.makedirs(path.rpartition("/")[0])
    with gfile.GFile(path, mode) as file:
        file.write(text)


def read(path: str) -> str:
    with gfile.GFile(path) as file:
        return str(file.read())


@script
def a_file_is_written_and_read(root: str) -> Any:
    write(f"{root}/a", "one\ntwo\n")
    with gfile.GFile(f"{root}/a") as file:
        lines = list(file)
    with gfile.GFile(f"{root}/a", "rb") as file:
        return lines, file.size(), file.read(3), file.tell(), file.read(), file.read()


@script
def reads_seek(root: str) -> Any:
    write(f"{root}/a", "0123456789")
    with gfile.GFile(f"{root}/a", "rb") as file:
        file.seek(4)
        first = file.read(2)
        file.seek(-3, 2)
        last = file.read()
        file.seek(20)
        return first, last, file.read()


@script
def readline_and_readlines(root: str) -> Any:
    write(f"{root}/a", "x" * 600_000 + "\nlast")
    with gfile.GFile(f"{root}/a") as file:
        return len(file.readline()), file.readline(), file.readline(), file.readlines()


@script
def a_file_is_appended_to(root: str) -> Any:
    write(f"{root}/a", "one", "a")
    write(f"{root}/a", ", two", "a")
    write(f"{root}/a", ", three", "a")
    return read(f"{root}/a")


@script
def a_file_is_replaced(root: str) -> Any:
    write(f"{root}/a", "something long")
    write(f"{root}/a", "short")
    return read(f"{root}/a")


@script
def an_empty_file(root: str) -> Any:
    write(f"{root}/a", "")
    return gfile.exists(f"{root}/a"), read(f"{root}/a"), gfile.stat(f"{root}/a").length


@script
def what_is_flushed_is_read(root: str) -> Any:
    found = []
    with gfile.GFile(f"{root}/a", "w") as file:
        for piece in ("one", ", two", ", three"):
            file.write(piece)
            file.flush()
            found.append((read(f"{root}/a"), gfile.stat(f"{root}/a").length, file.tell()))
    return found


@script
def what_is_missing(root: str) -> Any:
    gone = f"{root}/gone"
    return gfile.exists(gone), gfile.isdir(gone), gfile.glob(f"{gone}*")


@script
def reading_what_is_missing(root: str) -> Any:
    return read(f"{root}/gone")


@script
def telling_of_what_is_missing(root: str) -> Any:
    return gfile.stat(f"{root}/gone")


@script
def listing_what_is_missing(root: str) -> Any:
    return gfile.listdir(f"{root}/gone")


@script
def removing_what_is_missing(root: str) -> Any:
    return gfile.remove(f"{root}/gone")


@script
def removing_a_tree_that_is_missing(root: str) -> Any:
    return gfile.rmtree(f"{root}/gone")


@script
def renaming_what_is_missing(root: str) -> Any:
    return gfile.rename(f"{root}/gone", f"{root}/there")


@script
def copying_what_is_missing(root: str) -> Any:
    return gfile.copy(f"{root}/gone", f"{root}/there")


@script
def listing_a_file(root: str) -> Any:
    write(f"{root}/a", "")
    return gfile.listdir(f"{root}/a")


@script
def files_and_folders_are_told_apart(root: str) -> Any:
    write(f"{root}/a/b", "text")
    told = gfile.stat(f"{root}/a/b"), gfile.stat(f"{root}/a")
    return (
        [gfile.isdir(f"{root}/{name}") for name in ("a", "a/", "a/b")],
        [gfile.exists(f"{root}/{name}") for name in ("a", "a/", "a/b", "a/c")],
        [(each.is_directory, each.length if not each.is_directory else 0) for each in told],
        told[0].mtime_nsec > 1_600_000_000 * 10**9,
    )


@script
def folders_are_made(root: str) -> Any:
    gfile.mkdir(f"{root}/a")
    gfile.makedirs(f"{root}/b/c/d")
    gfile.makedirs(f"{root}/b/c/d")
    return (
        gfile.listdir(f"{root}/a"),
        sorted(gfile.listdir(root)),
        [gfile.isdir(f"{root}/{name}") for name in ("a", "b", "b/c", "b/c/d", "c")],
    )


@script
def making_a_folder_twice(root: str) -> Any:
    gfile.mkdir(f"{root}/a")
    gfile.mkdir(f"{root}/a")


@script
def listing(root: str) -> Any:
    for name in ("a", "b/c", "b/d/e", "f-1", "f-10"):
        write(f"{root}/{name}", name)
    return (
        sorted(gfile.listdir(root)),
        sorted(gfile.listdir(f"{root}/b")),
        gfile.listdir(f"{root}/b/d/"),
    )


@script
def walking(root: str) -> Any:
    for name in ("a", "b/c", "b/d/e"):
        write(f"{root}/{name}", name)
    return [
        (folder[len(root) :].strip("/"), sorted(folders), sorted(files))
        for folder, folders, files in gfile.walk(root)
    ]


@script
def patterns(root: str) -> Any:
    for name in ("a-1.txt", "a-2.txt", "a-2.bin", "b/a-1.txt", "b/c/a-1.txt", "d/a-3.txt"):
        write(f"{root}/{name}", name)
    wanted = ("*", "*.txt", "a-?.txt", "a-[2-9].*", "*/a-1.txt", "*/*/*", "b", "b/*", "x*")
    return [
        sorted(found[len(root) :] for found in gfile.glob(f"{root}/{pattern}"))
        for pattern in wanted
    ]


@script
def a_file_is_removed(root: str) -> Any:
    write(f"{root}/a", "")
    write(f"{root}/b", "")
    gfile.remove(f"{root}/a")
    return gfile.exists(f"{root}/a"), gfile.listdir(root)


@script
def a_tree_is_removed_and_its_neighbour_stays(root: str) -> Any:
    for name in ("p-1/a", "p-1/b/c", "p-10/a"):
        write(f"{root}/{name}", name)
    gfile.rmtree(f"{root}/p-1")
    return gfile.exists(f"{root}/p-1"), gfile.listdir(root), read(f"{root}/p-10/a")


@script
def a_file_is_renamed(root: str) -> Any:
    write(f"{root}/a", "text")
    gfile.rename(f"{root}/a", f"{root}/b")
    return gfile.listdir(root), read(f"{root}/b")


@script
def a_file_is_not_renamed_over_another(root: str) -> Any:
    write(f"{root}/a", "text")
    write(f"{root}/b", "other")
    gfile.rename(f"{root}/a", f"{root}/b")


@script
def a_file_is_renamed_over_another(root: str) -> Any:
    write(f"{root}/a", "text")
    write(f"{root}/b", "other")
    gfile.rename(f"{root}/a", f"{root}/b", overwrite=True)
    return gfile.listdir(root), read(f"{root}/b")


@script
def a_folder_is_renamed_and_its_neighbour_stays(root: str) -> Any:
    for name in ("p-1/a", "p-1/b/c", "p-10/a"):
        write(f"{root}/{name}", name)
    gfile.rename(f"{root}/p-1", f"{root}/q")
    return sorted(gfile.listdir(root)), read(f"{root}/q/b/c"), read(f"{root}/p-10/a")


@script
def a_file_is_copied(root: str) -> Any:
    write(f"{root}/a", "text")
    gfile.copy(f"{root}/a", f"{root}/b")
    return sorted(gfile.listdir(root)), read(f"{root}/b")


@script
def names_of_any_kind(root: str) -> Any:
    names = ["with space", "plus+and%41", "ünïcode-日本", "q?h#", "semi;colon=x&y"]
    for name in names:
        write(f"{root}/{name}", name)
    return sorted(gfile.listdir(root)), [read(f"{root}/{name}") for name in names]


@script
def file_io_works_as_well(root: str) -> Any:
    file_io.write_string_to_file(f"{root}/a", "text")
    file_io.atomic_write_string_to_file(f"{root}/b", "other")
    return (
        file_io.read_file_to_string(f"{root}/a"),
        sorted(found[len(root) :] for found in file_io.get_matching_files(f"{root}/*")),
        file_io.is_directory(root),
        file_io.stat(f"{root}/b").length,
        sorted(file_io.list_directory(root)),
    )


def outcome(function: Script, root: str) -> Any:
    try:
        return function(root)
    except tf.errors.OpError as error:
        return type(error)


@pytest.mark.parametrize("function", SCRIPTS, ids=lambda each: each.__name__)
def test_as_on_local_files(function: Script, root: str, tmp_path: Path) -> None:
    gfile.makedirs(root)
    local = outcome(function, str(tmp_path))
    assert outcome(function, root) == local


def test_what_the_guide_shows(root: str) -> None:
    write(f"{root}/path/object", "text")
    assert "FileStatistics" in repr(file_io.stat(f"{root}/path/"))
    assert file_io.stat(f"{root}/path/").is_directory
    assert file_io.stat(f"{root}/path/object").length == 4


def test_large_files_arrive_as_they_are(root: str, client: s3native.Client) -> None:
    data = bytes(range(256)) * 100_000  # 25.6 MB: several parts
    with gfile.GFile(f"{root}/large", "wb") as file:
        for start in range(0, len(data), 1_000_003):
            file.write(data[start : start + 1_000_003])
    assert bytes(client.get(f"{root}/large")) == data
    with gfile.GFile(f"{root}/large", "rb") as file:
        assert file.read() == data


def test_nothing_is_seen_before_close(root: str, client: s3native.Client) -> None:
    file = gfile.GFile(f"{root}/a", "w")
    file.write("text")
    assert not gfile.exists(f"{root}/a")
    file.close()
    assert bytes(client.get(f"{root}/a")) == b"text"


def test_requests_are_few(root: str, client: s3native.Client) -> None:
    write(f"{root}/a/b", "text")

    def requests(work: Callable[[], Any]) -> int:
        before = client.stats()["requests"]
        work()
        return client.stats()["requests"] - before

    assert requests(lambda: gfile.stat(f"{root}/a/b")) == 1
    assert requests(lambda: gfile.exists(f"{root}/a/b")) == 1
    assert requests(lambda: gfile.stat(f"{root}/a")) == 2
    assert requests(lambda: gfile.exists(f"{root}/none")) == 2
    assert requests(lambda: gfile.isdir(f"{root}/a")) == 1
    assert requests(lambda: gfile.isdir(f"{root}/a/b")) == 2
    assert requests(lambda: gfile.GFile(f"{root}/a/b", "rb").read(4)) == 1


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("s3://", tf.errors.InvalidArgumentError),
        ("s3:///key", tf.errors.InvalidArgumentError),
        ("s3://no-such-bucket-here/key", tf.errors.NotFoundError),
    ],
)
def test_bad_paths(path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        gfile.GFile(path).read()


def test_errors_tell_what_to_do(root: str) -> None:
    with pytest.raises(tf.errors.NotFoundError, match="missing does not exist"):
        read(f"{root}/missing")

"""The command `s3native`, as a process, against MinIO."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest
import s3native
from command import Command, plant, tree
from content import content
from raw_object import eventually
from s3native.testing import MinioServer
from scripted import Answer, Request, ScriptedServer
from throttle import ThrottlingProxy

BIG = 20_000_003  # several pieces


@pytest.fixture
def run(server: MinioServer) -> Command:
    return Command(server.environment())


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with files of all kinds."""
    data = {
        "a.txt": b"text\n",
        "empty": b"",
        "deep/er/big.bin": content(BIG),
        "deep/odd name &+%?#=ä€.bin": content(70_000),
        ".hidden": b"h",
        "-": b"minus",
    }
    plant(tmp_path / "files", data)
    return tmp_path / "files"


def objects(client: s3native.Client, url: str) -> dict[str, bytes]:
    """All below a URL."""
    start = len(url) + 1
    return {
        info.url[start:]: bytes(client.get(info.url))
        for page in client.list(url + "/")
        for info in page.objects
    }


# ---- cp ----


def test_folders_there_and_back(
    run: Command, client: s3native.Client, bucket: str, files: Path, tmp_path: Path
) -> None:
    done = run("cp", "-r", files, f"s3://{bucket}/x")
    assert done.err.startswith("6 done, 19.1 MiB in ")
    assert objects(client, f"s3://{bucket}/x") == tree(files)
    assert client.head(f"s3://{bucket}/x/a.txt").content_type == "text/plain"
    run("cp", "-r", f"s3://{bucket}/x", tmp_path / "back/there")
    assert tree(tmp_path / "back/there") == tree(files)
    moment = client.head(f"s3://{bucket}/x/a.txt").last_modified
    assert moment is not None
    assert int((tmp_path / "back/there/a.txt").stat().st_mtime) == int(moment.timestamp())
    run("cp", "-r", f"s3://{bucket}/x/", f"s3://{bucket}/copy/")
    assert objects(client, f"s3://{bucket}/copy") == tree(files)


def test_single_files(
    run: Command, client: s3native.Client, bucket: str, files: Path, tmp_path: Path
) -> None:
    run("cp", files / "a.txt", f"s3://{bucket}/name")
    run("cp", files / "a.txt", f"s3://{bucket}/folder/")
    run("cp", files / "a.txt", f"s3://{bucket}")
    run("cp", files / "a.txt", files / "empty", f"s3://{bucket}/many")
    run("cp", f"s3://{bucket}/name", f"s3://{bucket}/again/")
    keys = ["a.txt", "again/name", "folder/a.txt", "many/a.txt", "many/empty", "name"]
    assert list(objects(client, f"s3://{bucket}")) == keys
    run("cp", f"s3://{bucket}/name", tmp_path)
    run("cp", f"s3://{bucket}/name", tmp_path / "new")
    run("cp", f"s3://{bucket}/many/a.txt", f"s3://{bucket}/name", str(tmp_path / "both") + "/")
    for path in ("name", "new", "both/a.txt", "both/name"):
        assert (tmp_path / path).read_bytes() == b"text\n"


def test_settings_of_what_is_stored(
    run: Command, client: s3native.Client, bucket: str, files: Path
) -> None:
    options = ["--content-type", "x/y", "--metadata", "a=1", "--metadata", "b=2=3"]
    for name in ("a.txt", "deep/er/big.bin"):
        run("cp", *options, files / name, f"s3://{bucket}/key")
        info = client.head(f"s3://{bucket}/key")
        assert (info.content_type, info.metadata) == ("x/y", {"a": "1", "b": "2=3"})
    assert "NAME=VALUE" in run("cp", "--metadata", "a", "b", f"s3://{bucket}/", code=2).err


def test_streams(run: Command, client: s3native.Client, bucket: str) -> None:
    data = content(BIG)
    run("cp", "-", f"s3://{bucket}/piped", input=data)
    assert bytes(client.get(f"s3://{bucket}/piped")) == data
    out, _ = run.start("cp", f"s3://{bucket}/piped", "-").communicate(timeout=60)
    assert out == data
    assert run("cp", "--no-clobber", "-", f"s3://{bucket}/piped", input=b"other", code=1).err
    assert bytes(client.get(f"s3://{bucket}/piped")) == data
    assert run("cp", "-", f"s3://{bucket}/folder/", code=2).err
    assert run("cp", "-u", "-", f"s3://{bucket}/piped", code=2).err
    dry = run("cp", "-n", "-", f"s3://{bucket}/other", input=data)
    assert dry.lines == [f"upload - -> s3://{bucket}/other"]
    dry = run("cp", "-n", f"s3://{bucket}/piped", "-")
    assert dry.lines == [f"download s3://{bucket}/piped -> -"]
    assert list(objects(client, f"s3://{bucket}")) == ["piped"]


def test_wildcards_and_filters(
    run: Command, client: s3native.Client, bucket: str, tmp_path: Path
) -> None:
    for key in ("l/a.gz", "l/b.gz", "l/b.txt", "l/m/c.gz", "l/*.gz"):
        client.put(f"s3://{bucket}/{key}", key.encode())
    run("cp", f"s3://{bucket}/l/*.gz", tmp_path / "one")
    assert sorted(tree(tmp_path / "one")) == ["*.gz", "a.gz", "b.gz", "m/c.gz"]
    run("cp", "--no-glob", f"s3://{bucket}/l/*.gz", tmp_path / "two")
    assert (tmp_path / "two").read_bytes() == b"l/*.gz"
    run("cp", "-r", f"s3://{bucket}/l", tmp_path / "three", "--exclude", "*.gz")
    assert sorted(tree(tmp_path / "three")) == ["b.txt"]
    run("cp", tmp_path / "one" / "[ab].gz", f"s3://{bucket}/n/")
    assert sorted(objects(client, f"s3://{bucket}/n")) == ["a.gz", "b.gz"]
    several = [tmp_path / "one" / name for name in ("a.gz", "b.gz", "*.gz")]
    run("cp", *several, f"s3://{bucket}/o/", "--exclude", "b*")
    assert sorted(objects(client, f"s3://{bucket}/o")) == ["*.gz", "a.gz"]
    run("cp", f"s3://{bucket}/l/b.txt", f"s3://{bucket}/o/a.gz", tmp_path, "--include", "*.gz")
    assert (tmp_path / "a.gz").exists() and not (tmp_path / "b.txt").exists()
    for nothing in ("zz*", "l/*.zip"):
        assert "nothing is at" in run("cp", f"s3://{bucket}/{nothing}", tmp_path, code=1).err
    assert "nothing is at" in run("cp", "-r", f"s3://{bucket}/zz", tmp_path, code=1).err


def test_a_restart_leaves_out_what_is_done(
    run: Command, client: s3native.Client, bucket: str, files: Path, tmp_path: Path
) -> None:
    run("cp", "-r", files, f"s3://{bucket}/x")
    assert run("cp", "-r", "-u", files, f"s3://{bucket}/x").err.startswith("0 done")
    os.utime(files / "a.txt", (4e9, 4e9))
    assert run("cp", "-r", "-u", "-v", files, f"s3://{bucket}/x").lines == [
        f"upload {files}/a.txt -> s3://{bucket}/x/a.txt"
    ]
    (files / "a.txt").write_bytes(b"other")
    assert run("cp", "-r", "--no-clobber", files, f"s3://{bucket}/x").err.startswith("0 done")
    assert bytes(client.get(f"s3://{bucket}/x/a.txt")) == b"text\n"
    run("cp", "-r", f"s3://{bucket}/x", tmp_path / "y")
    (tmp_path / "y/empty").unlink()
    assert run("cp", "-r", "-u", f"s3://{bucket}/x", tmp_path / "y").err.startswith("1 done")


def test_keys_that_cannot_be_files(tmp_path: Path) -> None:
    """MinIO takes none of them, S3 all."""
    keys = ("d/../../escaped", "d/a", "d/a/b", "d/e//f", "d/folder/", "d/ok")

    def answer(request: Request) -> Answer:
        if "list-type=2" not in request.path:
            return Answer(body=b"x", headers={"ETag": '"e"'})
        entries = "".join(
            f"<Contents><Key>{key}</Key><Size>{int(key[-1] != '/')}</Size>"
            "<ETag>&#34;e&#34;</ETag><LastModified>2026-11-21T06:00:00.000Z</LastModified></Contents>"
            for key in keys
        )
        body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        return Answer(body=body.encode(), headers={"Content-Type": "application/xml"})

    for verb in (["cp", "-r"], ["sync"]):
        with ScriptedServer(answer) as server:
            run = Command({"AWS_ENDPOINT_URL": server.endpoint})
            places = ["s3://bucket/d", tmp_path / "in/to"]
            failed = run(*verb, *places, "--no-sign-request", "--region", "us-east-1", code=1)
        assert sorted(tree(tmp_path)) == ["in/to/a", "in/to/ok"]
        assert "it would lie outside of the target folder" in failed.err
        assert verb == ["sync"] or "a is an object as well" in failed.err
        assert "3 failed" in failed.err


def test_failures_are_listed_and_the_rest_is_done(
    run: Command, client: s3native.Client, bucket: str, files: Path, tmp_path: Path
) -> None:
    (files / "broken").symlink_to("nowhere")
    failed = run("cp", "-r", files, f"s3://{bucket}/x", code=1)
    assert f"s3native: {files}/broken: No such file or directory" in failed.err
    assert "6 done" in failed.err and "1 failed" in failed.err
    assert len(objects(client, f"s3://{bucket}/x")) == 6
    (tmp_path / "target").write_bytes(b"a file")
    failed = run("cp", "-r", f"s3://{bucket}/x", tmp_path / "target", code=1)
    assert (tmp_path / "target").read_bytes() == b"a file"
    assert "6 failed" in failed.err
    (tmp_path / "folder/a.txt/inside").mkdir(parents=True)
    failed = run("cp", "-r", f"s3://{bucket}/x", tmp_path / "folder", code=1)
    assert "Is a directory" in failed.err and "1 failed" in failed.err
    assert not [name for name in tree(tmp_path / "folder") if "s3native" in name]
    run("cp", files, f"s3://{bucket}/", code=1)
    run("cp", f"s3://{bucket}/x/", tmp_path, code=1)
    run("cp", f"s3://{bucket}/missing", tmp_path, code=1)
    run("cp", tmp_path, tmp_path / "b", code=2)
    run("cp", "http://host/x", tmp_path, code=2)
    places = [files / "missing", f"s3://{bucket}/missing", f"s3://{bucket}/x/a.txt"]
    failed = run("cp", *places[1:], tmp_path / "some", code=1)
    assert list(tree(tmp_path / "some")) == ["a.txt"]
    assert "1 done" in failed.err and f"s3://{bucket}/missing" in failed.err
    os.mkfifo(tmp_path / "pipe")
    for special in (tmp_path / "pipe", "/dev/zero"):
        assert "neither a file nor a folder" in run("cp", special, f"s3://{bucket}/", code=1).err
    failed = run("cp", places[0], f"s3://{bucket}-missing/", code=1)
    assert f"{places[0]}: No such file or directory" in failed.err


def test_nothing_is_written_or_removed_where_a_link_leads(
    run: Command, client: s3native.Client, bucket: str, tmp_path: Path
) -> None:
    for key in ("plain", "link/in", "file"):
        client.put(f"s3://{bucket}/x/{key}", b"new")
    for verb in (["cp", "-r"], ["sync", "--delete"]):
        here = tmp_path / verb[0]
        plant(here, {"outside/secret": b"s", "outside/file": b"before", "target/extra": b""})
        (here / "target/link").symlink_to(here / "outside")
        (here / "target/file").symlink_to(here / "outside/file")
        (here / "real").symlink_to(here / "target")  # the target may be one itself
        failed = run(*verb, f"s3://{bucket}/x", here / "real", code=1)
        assert f"where the link {here}/real/link leads" in failed.err
        assert tree(here / "outside") == {"secret": b"s", "file": b"before"}
        assert (here / "target/plain").read_bytes() == (here / "target/file").read_bytes() == b"new"
        assert not (here / "target/file").is_symlink()
        assert (here / "target/extra").exists()  # because something failed
    client.delete(f"s3://{bucket}/x/link/in")
    assert run("sync", "--delete", f"s3://{bucket}/x", here / "real").err.startswith("1 done")
    assert not (here / "target/extra").exists()
    assert tree(here / "outside") == {"secret": b"s", "file": b"before"}


def test_a_dry_run_does_nothing(
    run: Command, client: s3native.Client, bucket: str, files: Path
) -> None:
    done = run("cp", "-r", "-n", files, f"s3://{bucket}/x")
    assert f"upload {files}/a.txt -> s3://{bucket}/x/a.txt" in done.lines
    assert len(done.lines) == 6
    assert objects(client, f"s3://{bucket}") == {}
    (files / "broken").symlink_to("nowhere")
    client.put(f"s3://{bucket}/y/extra", b"")
    for arguments in (["cp", files], ["rm"], ["cp", files / "missing"]):
        failed = run(*arguments, "-n", f"s3://{bucket}/y/", code=1)
        assert failed.lines == [] and failed.err.startswith("s3native: ")
    failed = run("sync", "-n", "--delete", files, f"s3://{bucket}/y", code=1)
    assert len(failed.lines) == 6 and "delete" not in failed.out  # as it would be done


def pending(client: s3native.Client, boto: object, bucket: str) -> list[object]:
    return boto.list_multipart_uploads(Bucket=bucket).get("Uploads", [])  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
@pytest.mark.parametrize("direction", ["up", "down"])
def test_an_interrupt_leaves_nothing_half(
    client: s3native.Client,
    boto: object,
    bucket: str,
    server: MinioServer,
    files: Path,
    tmp_path: Path,
    direction: str,
    number: signal.Signals,
) -> None:
    client.put(f"s3://{bucket}/x/big", content(BIG))
    with ThrottlingProxy(server.endpoint, bytes_per_second=2_000_000) as line:
        slow = Command(server.environment() | {"AWS_ENDPOINT_URL": line.endpoint})
        places = [files, f"s3://{bucket}/y"]
        if direction == "down":
            places = [f"s3://{bucket}/x", tmp_path / "back"]
        process = slow.start("cp", "-r", *places)
        time.sleep(1.5)
        assert process.poll() is None
        process.send_signal(number)
        _, err = process.communicate(timeout=30)  # what is begun is undone over the slow line, too
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert pending(client, boto, bucket) == []
    assert "deep/er/big.bin" not in objects(client, f"s3://{bucket}/y")
    assert not (tmp_path / "back").exists() or tree(tmp_path / "back") == {}


@pytest.mark.parametrize("direction", ["up", "down", "between"])
def test_progress_on_a_terminal(
    client: s3native.Client, bucket: str, server: MinioServer, tmp_path: Path, direction: str
) -> None:
    """How much of all is done, at which rate, and how long it still takes."""
    data = content(2_000_000)
    with ThrottlingProxy(server.endpoint, bytes_per_second=8_000_000) as line:
        slow = Command(server.environment() | {"AWS_ENDPOINT_URL": line.endpoint})
        places = {
            "up": [tmp_path / "files", f"s3://{bucket}/y"],
            "down": [f"s3://{bucket}/x", tmp_path / "back"],
            "between": [f"s3://{bucket}/x", f"s3://{bucket}/y"],
        }[direction]
        for number in range(10):
            client.put(f"s3://{bucket}/x/{number}", data)
            plant(tmp_path / "files", {str(number): data})
        told, code = slow.on_terminal("cp", "-r", "--concurrency", "2", *places)
    assert code == 0 and "10 done, 19.1 MiB" in told
    if direction != "between":  # which takes no time
        assert re.search(r"[1-9] done .*[1-9][.\d]*/19\.1 MiB .*[1-9][.\d]* MB/s 0:00:0\d", told)


# ---- sync ----


def test_sync_up_and_down(
    run: Command, client: s3native.Client, bucket: str, files: Path, tmp_path: Path
) -> None:
    url = f"s3://{bucket}/x"
    assert run("sync", files, url).err.startswith("6 done")
    assert run("sync", files, url).err.startswith("0 done")
    (files / "a.txt").write_bytes(b"longer text")
    (files / "empty").unlink()
    os.utime(files / "-", (4e9, 4e9))
    assert sorted(run("sync", "-v", files, url).lines) == [
        f"upload {files}/- -> {url}/-",
        f"upload {files}/a.txt -> {url}/a.txt",
    ]
    assert run("sync", "--delete", "--exclude", "e*", files, url, "--size-only").err.startswith("0")
    assert run("sync", "--delete", "-n", files, url, "--size-only").lines == [f"delete {url}/empty"]
    assert run("sync", "--delete", files, url, "--size-only").err.startswith("1 done")
    assert objects(client, url) == tree(files)
    back = tmp_path / "back"
    plant(back, {"extra": b"", "deep/er/extra": b""})
    run("sync", url + "/", str(back) + "/", "--delete")
    assert tree(back) == tree(files)
    assert run("sync", url, back, "--delete").err.startswith("0 done")
    run("sync", url, f"s3://{bucket}/z")
    assert objects(client, f"s3://{bucket}/z") == tree(files)


def test_sync_by_checksum(
    run: Command, client: s3native.Client, bucket: str, files: Path, tmp_path: Path
) -> None:
    url = f"s3://{bucket}/x"
    run("sync", files, url)
    data = bytearray((files / "deep/er/big.bin").read_bytes())
    data[12345] ^= 1
    (files / "deep/er/big.bin").write_bytes(data)
    os.utime(files / "deep/er/big.bin", (1, 1))
    assert run("sync", files, url).err.startswith("0 done")
    changed = [f"upload {files}/deep/er/big.bin -> {url}/deep/er/big.bin"]
    assert run("sync", "--checksum", "-v", files, url).lines == changed
    run("sync", url, tmp_path / "back")
    (tmp_path / "back/a.txt").write_bytes(b"tixt\n")
    os.utime(tmp_path / "back/a.txt", (4e9, 4e9))
    assert run("sync", "--checksum", "-v", url, tmp_path / "back").lines == [
        f"download {url}/a.txt -> {tmp_path}/back/a.txt"
    ]
    run("sync", "--checksum", "--size-only", url, tmp_path / "back", code=2)


def test_sync_deletes_nothing_when_something_failed(
    run: Command, client: s3native.Client, bucket: str, files: Path
) -> None:
    client.put(f"s3://{bucket}/x/extra", b"")
    (files / "broken").symlink_to("nowhere")
    failed = run("sync", "--delete", files, f"s3://{bucket}/x", code=1)
    assert "broken" in failed.err
    assert "extra" in objects(client, f"s3://{bucket}/x")
    failed = run("sync", "--delete", f"s3://{bucket}/mistyped", files, code=1)
    assert "nothing is at" in failed.err
    assert (files / "a.txt").exists()
    run("sync", f"s3://{bucket}/mistyped", files)  # is no mistake of consequence
    run("sync", files / "missing", f"s3://{bucket}/x", code=2)
    run("sync", f"s3://{bucket}-missing/", files, code=1)


def test_sync_that_watches(
    run: Command, client: s3native.Client, bucket: str, tmp_path: Path
) -> None:
    url, target = f"s3://{bucket}/models", tmp_path / "models"
    client.put(f"{url}/1/model", b"one")
    process = run.start("sync", url, target, "--watch", "--interval", "0.1", "--last", "model")
    assert eventually(lambda: (target / "1").exists(), 20)
    client.put(f"{url}/2/model", b"two")
    assert eventually(lambda: (target / "2").exists(), 20)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130 and err.strip() == b""
    assert out.decode().splitlines() == [f"new {url}/{n}/ -> {target}/{n}" for n in (1, 2)]
    assert tree(target) == {"1/model": b"one", "2/model": b"two"}
    run("sync", target, url, "--watch", code=2)
    run("sync", url, target, "--watch", "--dry-run", code=2)
    run("sync", url, target, "--last", "model", code=2)


# ---- the others ----


def test_ls_and_du(run: Command, client: s3native.Client, bucket: str) -> None:
    for key, size in (("a", 1), ("b/c", 2000), ("b/d/e", 3_000_000)):
        client.put(f"s3://{bucket}/{key}", bytes(size))
    url = f"s3://{bucket}"
    assert f"s3://{bucket}" in run("ls").lines
    assert run("ls", url).lines == [f"{url}/b/", f"{url}/a"]
    assert run("ls", "-r", url).lines == [f"{url}/a", f"{url}/b/c", f"{url}/b/d/e"]
    assert run("ls", f"{url}/b").lines == [f"{url}/b/"]
    assert run("ls", f"{url}/*e").lines == [f"{url}/b/d/e"]
    folder, listed = run("ls", "-l", f"{url}/b").lines, run("ls", "-l", f"{url}/b/").lines
    assert folder[0].split() == [f"{url}/b/"]
    assert [line.split()[2:] for line in listed[1:]] == [["2000", "STANDARD", f"{url}/b/c"]]
    assert folder[0].index("s3://") == listed[1].index("s3://")
    assert "2.9 MiB" in run("ls", "-r", "--human", url).out
    told = [json.loads(line) for line in run("ls", "-r", "--json", url).lines]
    assert [(entry["key"], entry["size"]) for entry in told] == [
        ("a", 1),
        ("b/c", 2000),
        ("b/d/e", 3_000_000),
    ]
    assert "nothing is at" in run("ls", f"{url}/nothing", code=1).err
    assert [line.split() for line in run("du", "-d", "1", url).lines] == [
        ["3002000", "2", f"{url}/b/"],
        ["3002001", "3", f"{url}/"],
    ]


def test_cat_and_stat(run: Command, client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/key"
    client.put(url, b"0123456789", metadata={"a": "b"})
    assert run("cat", url, url).out == "01234567890123456789"
    assert run("cat", "--range", "2-5", url).out == "234"
    assert run("cat", "--range", "7-", url).out == "789"
    assert run("cat", "--range", "8-20", url).out == "89"
    for wrong in ("5-2", "x-", "7", "-3"):
        run("cat", "--range", wrong, url, code=2)
    assert "size: 10 (10 B)" in run("stat", url).out
    assert json.loads(run("stat", "--json", url).out)["metadata"] == {"a": "b"}
    assert "missing" in run("stat", url + "missing", code=1).err
    run("cat", "path", code=2)


def test_rm(run: Command, client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}"
    for key in ("a", "b/c", "b/d", "bb", "x1", "x2"):
        client.put(f"{url}/{key}", b"")
    run("rm", f"{url}/a")
    assert "--yes" in run("rm", "-r", f"{url}/b", code=2).err
    assert run("rm", "-r", "-n", f"{url}/b").lines == [f"delete {url}/b/c", f"delete {url}/b/d"]
    run("rm", f"{url}/b/", code=1)
    assert len(objects(client, url)) == 5
    assert run("rm", "-r", "--yes", f"{url}/b").err.startswith("2 done")
    run("rm", "--yes", f"{url}/x*", "--exclude", "*2")
    assert sorted(objects(client, url)) == ["bb", "x2"]
    run("rm", f"{url}/x2", "--exclude", "*2")
    assert "nothing is at" in run("rm", "--yes", f"{url}/y*", code=1).err
    told, code = run.on_terminal("rm", "-r", url, answer="n\n")
    assert code == 1 and "Remove all of" in told and "nothing is removed" in told
    assert sorted(objects(client, url)) == ["bb", "x2"]
    told, code = run.on_terminal("rm", "-r", url, answer="y\n")
    assert code == 0 and "2 done" in told
    assert objects(client, url) == {}


def test_mb(run: Command, client: s3native.Client) -> None:
    run("mb", "s3://B", code=2)
    run("mb", "s3://made-by-mb")
    try:
        assert "made-by-mb" in [bucket.name for bucket in client.list_buckets()]
        run("mb", "s3://made-by-mb/key", code=2)
    finally:
        client.delete_bucket("made-by-mb")


def test_tls(tls_server: MinioServer, files: Path, tmp_path: Path) -> None:
    run = Command(tls_server.environment())
    run("mb", "s3://tls")
    run("sync", files, "s3://tls/x")
    run("sync", "s3://tls/x", tmp_path / "back")
    assert tree(tmp_path / "back") == tree(files)
    assert "TLSv1.3, and the certificate is trusted" in run("doctor", "s3://tls").out
    stranger = Command({**run.environment, "AWS_CA_BUNDLE": ""})
    assert "no TLS" in stranger("doctor", "s3://tls", code=1).out
    assert stranger("ls", "s3://tls", code=1).err
    assert stranger("ls", "s3://tls", "--no-verify-ssl").lines == ["s3://tls/x/"]
    run("rm", "-r", "--yes", "-q", "s3://tls/")


def test_doctor(run: Command, client: s3native.Client, bucket: str) -> None:
    client.put(f"s3://{bucket}/key", b"")
    told = run("doctor", f"s3://{bucket}/key").out
    assert "may be read" in told and "(environment AWS_ENDPOINT_URL)" in told
    assert run.environment["AWS_SECRET_ACCESS_KEY"] not in told
    assert "they see" in run("doctor").out
    assert "cannot read" in run("doctor", f"s3://{bucket}/missing", code=1).out
    assert "belong to one region" in run("doctor", "s3://no-such-bucket-here", code=1).out
    closed = run("doctor", "--endpoint", "http://127.0.0.1:9", code=1).out
    assert "no connection to port 9" in closed
    unknown = run("doctor", "--endpoint", "http://nowhere.invalid", code=1).out
    assert "the name nowhere.invalid is not known" in unknown
    without = dict.fromkeys(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], "")
    nobody = Command({**run.environment, **without, "AWS_EC2_METADATA_DISABLED": "true"})
    assert "set AWS_ACCESS_KEY_ID and" in nobody("doctor", f"s3://{bucket}", code=1).out
    wrong = Command({**run.environment, "AWS_SECRET_ACCESS_KEY": "wrong"})
    assert "FAIL" in wrong("doctor", f"s3://{bucket}", code=1).out


def test_doctor_finds_a_clock_that_is_off(run: Command) -> None:
    told = {"Date": "Sun, 22 Nov 2020 06:00:00 GMT"}
    with ScriptedServer(lambda request: Answer(headers=told)) as server:
        found = run("doctor", "--endpoint", server.endpoint, code=1).out
    assert re.search(r"FAIL  this machine's clock is \d{9} s off\n +set it: S3 refuses", found)


def test_help_and_wrong_use(run: Command) -> None:
    assert "s3native cp -r data/ s3://bucket/data/" in run("--help").out
    for verb in ("cat", "cp", "doctor", "du", "ls", "mb", "rm", "stat", "sync"):
        assert f"s3native {verb}" in run(verb, "--help").out
    assert "No such command" in run("frobnicate", code=2).err
    assert s3native.__version__ in run("--version").out
    run("cp", "one", code=2)


def test_completions(run: Command) -> None:
    assert "complete" in Command({"_S3NATIVE_COMPLETE": "bash_source"})().out
    for words, offered in {
        "s3native s": ["plain,stat", "plain,sync"],
        "s3native cp --no-": ["plain,--no-clobber", "plain,--no-glob"],
        "s3native cp da": ["file,da"],
        "s3native rm da": [],
        "s3native bench co": ["plain,compare"],
        "s3native bench small-g": ["plain,small-get"],
        "s3native bench get small-g": ["plain,small-get"],
        "s3native bench --pl": ["plain,--plot"],
    }.items():
        last = str(len(words.split()) - 1)
        settings = {"_S3NATIVE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": last}
        assert Command(settings)().out.split()[:2] == offered

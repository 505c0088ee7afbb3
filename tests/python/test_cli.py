"""The command `s3native`, as a process, against MinIO."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
import s3native
from command import Command, plant, tree
from content import content
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


def test_a_dry_run_does_nothing(
    run: Command, client: s3native.Client, bucket: str, files: Path
) -> None:
    done = run("cp", "-r", "-n", files, f"s3://{bucket}/x")
    assert f"upload {files}/a.txt -> s3://{bucket}/x/a.txt" in done.lines
    assert len(done.lines) == 6
    assert objects(client, f"s3://{bucket}") == {}


def pending(client: s3native.Client, boto: object, bucket: str) -> list[object]:
    return boto.list_multipart_uploads(Bucket=bucket).get("Uploads", [])  # type: ignore[attr-defined]


@pytest.mark.parametrize("direction", ["up", "down"])
def test_an_interrupt_leaves_nothing_half(
    client: s3native.Client,
    boto: object,
    bucket: str,
    server: MinioServer,
    files: Path,
    tmp_path: Path,
    direction: str,
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
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)  # what is begun is undone over the slow line, too
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert pending(client, boto, bucket) == []
    assert "deep/er/big.bin" not in objects(client, f"s3://{bucket}/y")
    assert not (tmp_path / "back").exists() or tree(tmp_path / "back") == {}


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
    run("sync", files / "missing", f"s3://{bucket}/x", code=2)
    run("sync", f"s3://{bucket}-missing/", files, code=1)


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
    assert [line.split()[2:] for line in run("ls", "-l", f"{url}/b/").lines] == [
        [],
        ["2000", f"{url}/b/c"],
    ] or run("ls", "-l", f"{url}/b/").out
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
    wrong = Command({**run.environment, "AWS_SECRET_ACCESS_KEY": "wrong"})
    assert "FAIL" in wrong("doctor", f"s3://{bucket}", code=1).out


def test_help_and_wrong_use(run: Command) -> None:
    assert "s3native cp -r data/ s3://bucket/data/" in run("--help").out
    for verb in ("cat", "cp", "doctor", "du", "ls", "mb", "rm", "stat", "sync"):
        assert f"s3native {verb}" in run(verb, "--help").out
    assert "No such command" in run("frobnicate", code=2).err
    assert s3native.__version__ in run("--version").out
    run("cp", "one", code=2)

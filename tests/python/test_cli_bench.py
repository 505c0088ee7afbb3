"""`s3native bench` as a process: what it writes, what it leaves, how it fails."""

from __future__ import annotations

import json
import re
import signal
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import jsonschema
import pytest
import s3native
from command import Command
from raw_object import eventually
from s3native.bench import results
from s3native.bench.workloads import PRESETS
from s3native.testing import MinioServer
from scripted import Answer, Request, ScriptedServer

TINY = ("--size", "1MiB", "--repeat", "2", "--warmup", "0")


@pytest.fixture
def run() -> Command:
    """With no server configured."""
    return Command({"AWS_EC2_METADATA_DISABLED": "true"})


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that a run writes."""
    folder = tmp_path_factory.mktemp("bench")
    outputs = [f"--{name}={folder / f'report.{name}'}" for name in ("json", "html", "markdown")]
    plots = [f"--plot={folder / 'report.svg'}"]
    done = Command({})(
        *("bench", "get", "small-put", "--clients", "s3native,boto3", "--count", "12"),
        *(*TINY, "--repeat", "3", *outputs, *plots),
    )
    (folder / "out").write_text(done.out)
    (folder / "err").write_text(done.err)
    return folder


def test_the_server_is_its_own(written: Path) -> None:
    told = (written / "err").read_text()
    # Three rows of three rounds, two that are verified, twelve objects each, in both; those of the
    # first; and the look at what was put.
    assert told.startswith("s3native, boto3 move 0.3 GB in about 278 requests: a MinIO on this ")
    out = (written / "out").read_text()
    assert re.search(r"MinIO v\S+ on this machine", out)
    assert "boto3 1." in out
    for text in ("GET of 12 x 1 MiB, into memory", "share of limit", "s3native", "boto3", "limit"):
        assert text in out


def test_the_json_is_as_its_schema_says(written: Path) -> None:
    report = json.loads((written / "report.json").read_text())
    jsonschema.validate(report, results.schema())
    get, put = report["workloads"]
    assert [client["label"] for client in get["clients"]] == ["s3native", "boto3", "limit"]
    for client in (*get["clients"], *put["clients"]):
        assert client["error"] == ""
        assert [sample["moved_bytes"] for sample in client["samples"]] == [12 << 20] * 3
        assert all(sample["user_s"] + sample["system_s"] > 0 for sample in client["samples"])
    assert [client["verified"] for client in put["clients"]] == [True, True, False]
    assert [client["samples"][0]["retries"] for client in get["clients"]] == [0, 0, None]


def test_the_tables_are_written(written: Path) -> None:
    text = (written / "report.markdown").read_text()
    assert re.search(r"^\| s3native \S+ \| [\d.]+ \|.*%\s\|$", text, re.MULTILINE)
    assert text.count("| limit |") == 3  # of the summary, too
    assert re.search(r"^- boto3 [\d.]+: managed transfers", text, re.MULTILINE)


def test_the_page_needs_no_other_file(written: Path) -> None:
    page = (written / "report.html").read_text()
    assert page.count("<table>") == 2
    assert "<svg" in page
    assert not re.search(r"(src|href)=[\"']?(?!#)", page.partition("<svg")[0])
    for text in ("How each client was used", "boto3", "managed transfers"):
        assert text in page


def test_the_picture_is_one(written: Path) -> None:
    root = ElementTree.fromstring((written / "report.svg").read_text())
    texts = {"".join(each.itertext()).strip() for each in root.iter()}
    assert "GET of 12 x 1 MiB, into memory" in texts
    assert any(text.startswith("GB/s: more is better") for text in texts)


def test_a_picture_of_pixels_a_preset_and_its_settings(tmp_path: Path) -> None:
    given = ("--preset", "quick", "--part-size", "5MiB", "--seed", "11", "--count", "4")
    outputs = (f"--plot={tmp_path / 'report.png'}", f"--json={tmp_path / 'report.json'}")
    seen, code = Command({}).on_terminal(
        *("bench", *given, "--embedded", "--clients", "s3native,boto3", *TINY, *outputs)
    )
    assert code == 0
    assert re.search(r"\w: (s3native|boto3|limit) \w.*\d/\d+ 0:00:\d\d", seen)  # while it runs
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads((tmp_path / "report.json").read_text())
    assert [each["name"] for each in report["workloads"]] == list(PRESETS["quick"].workloads)
    settings = report["settings"]
    assert (settings["preset"], settings["part_size"], settings["seed"]) == ("quick", 5 << 20, 11)


def test_reports_are_compared(written: Path, run: Command) -> None:
    report = written / "report.json"
    same = run("bench", "compare", report, report, "--worse", "1")
    assert same.out.count("noise") == 8  # two clients, two workloads, rate and cost
    slower = json.loads(report.read_text())
    for workload in slower["workloads"]:
        for client in workload["clients"]:
            for sample in client["samples"]:
                sample["seconds"] *= 100
    other = written / "slower.json"
    other.write_text(json.dumps(slower))
    worse = run("bench", "compare", report, other, "--worse", "10", code=1)
    assert worse.out.count("worse") == 4
    assert run("bench", "compare", other, report, "--worse", "10").out.count("better") == 4
    other.write_text("{}")
    assert "no report of s3native bench" in run("bench", "compare", report, other, code=1).err


def test_a_configured_server_gets_only_what_is_removed_again(
    server: MinioServer, client: s3native.Client, bucket: str
) -> None:
    kept = [f"s3://{bucket}/{key}" for key in ("x", "runs/y", "runs/s3native-bench-z/a")]
    for url in kept:
        client.put(url, b"keep")
    run = Command(server.environment())
    done = run(
        *("bench", "put", "get", "mixed", "list", "--url", f"s3://{bucket}/runs", *TINY),
        *("--count", "8", "--clients", "s3native,pyarrow"),
    )
    assert f"s3://{bucket}/runs" in done.err
    assert server.endpoint in done.out
    left = [info.url for page in client.list(f"s3://{bucket}/") for info in page.objects]
    assert sorted(left) == sorted(kept)
    assert server.secret_key not in done.out + done.err


def test_a_configured_server_is_not_taken_by_mistake(server: MinioServer, run: Command) -> None:
    configured = Command(server.environment())
    refused = configured("bench", "get", *TINY, code=2)
    assert "--url" in refused.err and "--embedded" in refused.err
    done = configured("bench", "get", "--embedded", "--clients", "s3native", *TINY)
    assert re.search(r"MinIO v\S+ on this machine", done.out)
    for wrong in (["--embedded"], ["--tls"], ["--no-verify-ssl"]):
        configured("bench", "get", "--url", "s3://bucket/x", *wrong, *TINY, code=2)


def test_tls(run: Command) -> None:
    done = run("bench", "get", "random-read", "--tls", "--clients", "s3native,obstore", *TINY)
    assert re.search(r"MinIO v\S+ on this machine, TLS", done.out)


def test_quiet_says_nothing(run: Command, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    done = run("bench", "get", "-q", "--json", path, "--clients", "s3native", *TINY)
    assert (done.out, done.err) == ("", "")
    assert results.read(path).failures == []


def settings_of(scripted: ScriptedServer) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": scripted.endpoint,
        "AWS_ACCESS_KEY_ID": "key-id",
        "AWS_SECRET_ACCESS_KEY": "the-secret-key",
        "AWS_REGION": "us-east-1",
    }


def test_data_that_cannot_be_made_shows_in_the_rows(tmp_path: Path) -> None:
    """The server takes nothing after the first workload; what was measured before is kept."""
    listing = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"

    def answer(request: Request) -> Answer:
        if request.method == "PUT":
            return Answer(200 if "small-put" in request.path else 403, headers={"ETag": '"x"'})
        if "list-type" in request.path:
            return Answer(200, listing)
        if "uploads" in request.path:
            return Answer(200, b"<ListMultipartUploadsResult></ListMultipartUploadsResult>")
        return Answer(404)

    path = tmp_path / "report.json"
    with ScriptedServer(answer) as scripted:
        done = Command(settings_of(scripted))(
            *("bench", "small-put", "small-get", "--url", "s3://bucket/x", "--count", "4"),
            *("--clients", "s3native", "--repeat", "1", "--warmup", "0", "--json", path),
            code=1,
        )
    assert "small-get: s3native: its data could not be made: PutObject" in done.err
    report = json.loads(path.read_text())
    jsonschema.validate(report, results.schema())
    put, get = report["workloads"]
    assert len(put["clients"][0]["samples"]) == 1 and get["clients"][0]["samples"] == []


def test_a_server_that_fails_shows_in_the_rows(tmp_path: Path) -> None:
    """It takes what is put, and lists nothing, but does not give anything back."""
    listing = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"

    def answer(request: Request) -> Answer:
        if request.method == "PUT":
            return Answer(200, headers={"ETag": '"x"'})
        if "list-type" in request.path:
            return Answer(200, listing)
        if "uploads" in request.path:
            return Answer(200, b"<ListMultipartUploadsResult></ListMultipartUploadsResult>")
        return Answer(403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")

    path = tmp_path / "report.json"
    with ScriptedServer(answer) as scripted:
        run = Command(settings_of(scripted))
        done = run(
            *("bench", "small-get", "--url", "s3://bucket/x", "--clients", "s3native,boto3"),
            *("--count", "4", "--concurrency", "1", "--repeat", "2", "--warmup", "0"),
            *("--json", path),
            code=1,
        )
    assert re.search(r"^ *s3native .*- +- ", done.out, re.MULTILINE)
    assert re.search(r"s3native \S+ failed: 1 of 1 calls failed: AccessDeniedError", done.out)
    assert re.search(r"boto3 \S+ failed: 3 of 3 calls failed: AccessDenied", done.out)
    assert "s3native: small-get: s3native: " in done.err
    assert "the-secret-key" not in done.out + done.err
    report = json.loads(path.read_text())
    jsonschema.validate(report, results.schema())
    assert report["workloads"][0]["clients"][1]["samples"][0]["errors"] == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workload", ["get", "list"])  # in its rounds, and while data is made
def test_an_interrupt_ends_it_and_removes_what_was_made(
    number: int, workload: str, server: MinioServer, client: s3native.Client, bucket: str
) -> None:
    url = f"s3://{bucket}/"
    started = Command(server.environment()).start(
        *("bench", workload, "--url", url, "--duration", "60", "--clients", "s3native"),
        *(("--size", "1MiB") if workload == "get" else ()),
    )
    assert eventually(lambda: any(page.objects for page in client.list(url)), 20)
    started.send_signal(number)
    started.communicate(timeout=20)
    assert started.returncode == 130
    assert not any(page.objects for page in client.list(url))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing"], "is not one of"),
        (["get", "--size", "0"], "is no size"),
        (["get", "--size", "3 apples"], "is no size"),
        (["get", "--clients", "aws-cli"], "aws-cli is none of s3native, boto3"),
        (["get", "--clients", ","], "no client"),
        (["get", "--repeat", "0"], "range"),
        (["get", "--url", "bucket"], "is no URL"),
        (["get", "--plot", "x.gif"], "ends with .png or .svg"),
        (["get", "--json", "/nowhere/x"], "there is no folder /nowhere"),
        (["compare", "/nowhere", "/nowhere"], "does not exist"),
    ],
)
def test_wrong_use(run: Command, arguments: list[str], told: str) -> None:
    assert told in run("bench", *arguments, code=2).err


def test_a_server_that_cannot_be_started_is_said() -> None:
    done = Command({"S3NATIVE_MINIO": "/nowhere"})("bench", "get", *TINY, code=1)
    assert "Error: S3NATIVE_MINIO=/nowhere is not a program" in done.err
    assert "Traceback" not in done.err


def test_the_users_own_credentials_are_not_those_of_the_embedded_server() -> None:
    mine = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "y"}
    clients = "s3native,boto3,obstore,s3dlio,s5cmd"
    Command(mine)("bench", "get", "--embedded", "--clients", clients, *TINY)


def test_help_is_of_what_runs(run: Command) -> None:
    text = run("bench", "--help").out
    assert "--preset" in text
    assert "compare" in text

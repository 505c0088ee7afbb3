"""`put`: what arrives, what the server verifies, and what a failure leaves behind: nothing."""

from __future__ import annotations

import mmap
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import s3native
from conftest import PART_SIZE
from content import content, crc64nvme
from scripted import Answer, Request, ScriptedServer, s3_error

SIZES = [0, 1, 4097, PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, 3 * PART_SIZE + 7]


def pending_uploads(boto: Any, bucket: str, key: str) -> list[Any]:
    """MinIO lists the uploads of one key only, given in full."""
    uploads: list[Any] = boto.list_multipart_uploads(Bucket=bucket, Prefix=key).get("Uploads", [])
    return uploads


@pytest.mark.parametrize("size", SIZES)
def test_sizes(client: s3native.Client, bucket: str, boto: Any, size: int) -> None:
    data = content(size, seed=size)
    result = client.put(f"s3://{bucket}/object", data)
    assert boto.get_object(Bucket=bucket, Key="object")["Body"].read() == data
    head = boto.head_object(Bucket=bucket, Key="object", ChecksumMode="ENABLED")
    assert head["ContentLength"] == size
    assert head["ETag"] == result.etag
    assert head["ChecksumCRC64NVME"] == result.checksum_crc64nvme
    assert ("-" in result.etag) == (size > PART_SIZE)


@pytest.mark.parametrize("size", [0, 1, 9, 100_001, PART_SIZE + 3])
def test_checksum_is_the_one_of_the_definition(
    client: s3native.Client, bucket: str, size: int
) -> None:
    data = content(size)
    assert client.put(f"s3://{bucket}/object", data).checksum_crc64nvme == crc64nvme(data)


@pytest.mark.parametrize(
    "data",
    [
        b"bytes",
        bytearray(b"bytearray"),
        memoryview(b"0123456789")[2:5],
        np.arange(1000, dtype=np.float32),
        np.arange(1000).reshape(10, 100),
        np.zeros((0, 5)),
        mmap.mmap(-1, 10_000),
    ],
    ids="bytes bytearray memoryview numpy 2-D empty-array mmap".split(),
)
def test_any_buffer(client: s3native.Client, bucket: str, data: Any) -> None:
    url = f"s3://{bucket}/object"
    client.put(url, data)
    expected = data.tobytes() if isinstance(data, np.ndarray) else bytes(data)
    assert bytes(client.get(url)) == expected


def test_a_buffer_that_was_got(client: s3native.Client, bucket: str) -> None:
    client.put(f"s3://{bucket}/one", content(PART_SIZE * 2))
    client.put(f"s3://{bucket}/two", client.get(f"s3://{bucket}/one"))
    assert bytes(client.get(f"s3://{bucket}/two")) == content(PART_SIZE * 2)


@pytest.mark.parametrize(
    "data", [np.zeros((4, 4), order="F"), np.zeros(10)[::2]], ids=["fortran", "strided"]
)
def test_data_that_is_not_contiguous(client: s3native.Client, data: Any) -> None:
    with pytest.raises(ValueError, match="data must be C-contiguous"):
        client.put("s3://bucket/key", data)


@pytest.mark.parametrize("data", ["text", 5, None, [b"x"], iter([b"x"])])
def test_data_that_is_no_buffer(client: s3native.Client, data: Any) -> None:
    with pytest.raises(TypeError, match="data must support the buffer protocol"):
        client.put("s3://bucket/key", data)


@pytest.mark.parametrize(
    "options",
    [
        {"content_type": "text/plain\r\nx-amz-acl: public-read"},
        {"cache_control": "no-cache\n"},
        {"if_match": '"x"\0'},
        {"metadata": {"a": "1\r\nx-amz-acl: public-read"}},
        {"metadata": {"a: b": "1"}},
    ],
)
def test_options_that_would_break_out_of_their_header(
    client: s3native.Client, bucket: str, options: Any
) -> None:
    url, sent = f"s3://{bucket}/object", client.stats()["requests"]
    with pytest.raises(ValueError, match=next(iter(options))):
        client.put(url, b"data", **options)
    with pytest.raises(ValueError, match="if_match"):
        client.get(url, if_match='"x"\r\nRange: bytes=0-0')
    assert client.stats()["requests"] == sent


@pytest.mark.parametrize("size", [10, 2 * PART_SIZE + 1], ids=["single", "multipart"])
def test_what_is_kept_with_an_object(
    client: s3native.Client, bucket: str, boto: Any, size: int
) -> None:
    url, data = f"s3://{bucket}/object", content(size)
    client.put(
        url,
        data,
        metadata={"Author": "somebody", "step": "17"},
        content_type="application/x-tensor",
        content_encoding="identity",
        cache_control="max-age=60",
        storage_class="REDUCED_REDUNDANCY",
        tags={"team": "vision + speech=2", "tier": "a/b"},
    )
    head = boto.head_object(Bucket=bucket, Key="object")
    assert head["Metadata"] == {"author": "somebody", "step": "17"}
    assert head["ContentType"] == "application/x-tensor"
    assert head["ContentEncoding"] == "identity"
    assert head["CacheControl"] == "max-age=60"
    assert head["StorageClass"] == "REDUCED_REDUNDANCY"
    tags = boto.get_object_tagging(Bucket=bucket, Key="object")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {
        "team": "vision + speech=2",
        "tier": "a/b",
    }
    info = client.head(url)
    assert info.metadata == {"author": "somebody", "step": "17"}
    assert (info.content_type, info.storage_class) == ("application/x-tensor", "REDUCED_REDUNDANCY")


@pytest.mark.parametrize("size", [10, 2 * PART_SIZE + 1], ids=["single", "multipart"])
def test_if_none_match(client: s3native.Client, bucket: str, boto: Any, size: int) -> None:
    url = f"s3://{bucket}/once"
    client.put(url, content(size), if_none_match=True)
    with pytest.raises(s3native.PreconditionFailedError) as caught:
        client.put(url, content(size, seed=1), if_none_match=True)
    assert caught.value.http_status == 412
    assert bytes(client.get(url)) == content(size)
    assert pending_uploads(boto, bucket, "once") == []


@pytest.mark.parametrize("size", [10, 2 * PART_SIZE + 1], ids=["single", "multipart"])
def test_if_match(client: s3native.Client, bucket: str, boto: Any, size: int) -> None:
    url = f"s3://{bucket}/object"
    first = client.put(url, b"first")
    second = client.put(url, content(size), if_match=first.etag)
    with pytest.raises(s3native.PreconditionFailedError):
        client.put(url, content(size, seed=1), if_match=first.etag)
    assert client.head(url).etag == second.etag
    assert pending_uploads(boto, bucket, "object") == []


def test_part_size_of_one_put(client: s3native.Client, bucket: str, boto: Any) -> None:
    data = content(11 << 20)
    assert client.put(f"s3://{bucket}/three", data).etag.endswith('-3"')
    assert client.put(f"s3://{bucket}/two", data, part_size=6 << 20).etag.endswith('-2"')
    assert "-" not in client.put(f"s3://{bucket}/one", data, part_size=16 << 20).etag
    for key in ("three", "two", "one"):
        assert boto.get_object(Bucket=bucket, Key=key)["Body"].read() == data


@pytest.mark.parametrize("size", [10, 2 * PART_SIZE + 1], ids=["single", "multipart"])
def test_without_a_checksum(sink: Any, size: int) -> None:
    client, requests = sink
    client.put("s3://bucket/key", content(size), checksum="none")
    assert requests
    for request in requests:
        names = [name for name in request.headers if "checksum" in name]
        assert names == []


def test_checksum_is_sent(sink: Any) -> None:
    client, requests = sink
    client.put("s3://bucket/key", b"hello")
    assert requests[0].headers["x-amz-checksum-crc64nvme"] == crc64nvme(b"hello")


@pytest.fixture
def sink() -> Any:
    """A client, and the list of the requests that its server saw."""

    def answer(request: Request) -> Answer:
        if request.method == "POST" and "uploads" in request.path:
            body = b"<InitiateMultipartUploadResult><UploadId>u</UploadId>"
            return Answer(200, body + b"</InitiateMultipartUploadResult>")
        if request.method == "POST":
            body = (
                b'<CompleteMultipartUploadResult><ETag>"e-3"</ETag></CompleteMultipartUploadResult>'
            )
            return Answer(200, body)
        return Answer(200, headers={"ETag": '"etag"'})

    with ScriptedServer(answer) as server:
        client = s3native.Client(
            endpoint=server.endpoint,
            credentials=s3native.Credentials("key", "secret"),
            part_size=PART_SIZE,
        )
        yield client, server.requests


def test_checksum_choices(client: s3native.Client) -> None:
    with pytest.raises(ValueError, match="crc64nvme"):
        client.put("s3://bucket/key", b"", checksum="md5")  # type: ignore[arg-type]


def test_bytes_changed_on_their_way_are_refused(server: Any, bucket: str, client: Any) -> None:
    """The server verifies: a body that does not match the checksum sent with it is not stored."""
    signed = client.presign(f"s3://{bucket}/object", method="PUT")
    headers = {"x-amz-checksum-crc64nvme": crc64nvme(b"what was meant")}
    request = urllib.request.Request(signed, b"what arrived!!", headers, method="PUT")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    caught.value.close()
    with pytest.raises(s3native.NotFoundError):
        client.head(f"s3://{bucket}/object")


@pytest.mark.parametrize("size", [10, 2 * PART_SIZE + 1], ids=["single", "multipart"])
def test_put_to_a_missing_bucket(client: s3native.Client, size: int) -> None:
    with pytest.raises(s3native.NotFoundError) as caught:
        client.put("s3://no-such-bucket-here/key", content(size))
    assert caught.value.s3_code == "NoSuchBucket"


def test_a_part_that_fails_aborts_the_upload(settled: Callable[[], None]) -> None:
    def answer(request: Request) -> Answer:
        if request.method == "POST":
            body = b"<InitiateMultipartUploadResult><UploadId>the-id</UploadId>"
            return Answer(200, body + b"</InitiateMultipartUploadResult>")
        if request.method == "PUT" and "partNumber=2" in request.path:
            return s3_error(403, "AccessDenied")
        return Answer(204 if request.method == "DELETE" else 200, headers={"ETag": '"etag"'})

    with ScriptedServer(answer) as server:
        client = s3native.Client(
            endpoint=server.endpoint,
            credentials=s3native.Credentials("key", "secret"),
            part_size=PART_SIZE,
        )
        with pytest.raises(s3native.AccessDeniedError):
            client.put("s3://bucket/key", content(3 * PART_SIZE))
        last = server.requests[-1]
    assert (last.method, last.path) == ("DELETE", "/bucket/key?uploadId=the-id")


def test_nothing_is_pending_after_a_refused_put(server: Any, bucket: str, boto: Any) -> None:
    options = server.client_options()
    options["credentials"] = s3native.Credentials(server.access_key, "wrong")
    stranger = s3native.Client(**options, part_size=PART_SIZE)
    with pytest.raises(s3native.AccessDeniedError):
        stranger.put(f"s3://{bucket}/key", content(2 * PART_SIZE))
    assert pending_uploads(boto, bucket, "key") == []


def test_counters(client: s3native.Client, sink_server: Any) -> None:
    sink = s3native.Client(
        endpoint=sink_server.endpoint,
        credentials=s3native.Credentials("key", "secret"),
        part_size=PART_SIZE,
    )
    size = 3 * PART_SIZE + 1
    sink_server.reset()
    before = sink.stats()
    sink.put("s3://bucket/key", content(size))
    after = sink.stats()
    assert after["bytes_sent"] - before["bytes_sent"] >= size
    assert after["requests"] - before["requests"] == 6  # create, four parts, complete
    assert size in sink_server.stats().values()

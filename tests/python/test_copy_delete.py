"""`copy`, `delete`, `delete_many`, buckets, `presign` and `abort_stale_uploads`."""

from __future__ import annotations

import datetime
import secrets
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pytest
import s3native
from conftest import PART_SIZE
from content import content
from test_put import pending_uploads


def test_copy_keeps_what_is_kept_with_the_object(client: s3native.Client, bucket: str) -> None:
    source, destination = f"s3://{bucket}/source", f"s3://{bucket}/destination"
    client.put(source, b"data", metadata={"step": "17"}, content_type="text/x-mine")
    result = client.copy(source, destination)
    info = client.head(destination)
    assert bytes(client.get(destination)) == b"data"
    assert (info.metadata, info.content_type) == ({"step": "17"}, "text/x-mine")
    assert info.etag == result.etag


def test_copy_replaces_metadata(client: s3native.Client, bucket: str) -> None:
    source, destination = f"s3://{bucket}/source", f"s3://{bucket}/destination"
    client.put(source, b"data", metadata={"step": "17"}, content_type="text/x-mine")
    client.copy(source, destination, metadata={"epoch": "2"}, content_type="text/x-other")
    info = client.head(destination)
    assert (info.metadata, info.content_type) == ({"epoch": "2"}, "text/x-other")
    client.copy(source, source, metadata={})
    assert client.head(source).metadata == {}


def test_copy_of_a_large_object(client: s3native.Client, bucket: str) -> None:
    data = content(3 * PART_SIZE)
    client.put(f"s3://{bucket}/source", data)
    client.copy(f"s3://{bucket}/source", f"s3://{bucket}/destination")
    assert bytes(client.get(f"s3://{bucket}/destination")) == data


def test_copy_to_another_bucket(client: s3native.Client, bucket: str) -> None:
    other = f"other-{secrets.token_hex(4)}"
    client.create_bucket(other)
    client.put(f"s3://{bucket}/source", b"data")
    client.copy(f"s3://{bucket}/source", f"s3://{other}/destination")
    assert bytes(client.get(f"s3://{other}/destination")) == b"data"
    client.delete(f"s3://{other}/destination")
    client.delete_bucket(other)


def test_copy_of_nothing(client: s3native.Client, bucket: str) -> None:
    with pytest.raises(s3native.NotFoundError):
        client.copy(f"s3://{bucket}/missing", f"s3://{bucket}/destination")
    client.put(f"s3://{bucket}/source", b"data")
    with pytest.raises(s3native.NotFoundError):
        client.copy(f"s3://{bucket}/source", "s3://no-such-bucket-here/destination")


def test_delete(client: s3native.Client, bucket: str) -> None:
    url = f"s3://{bucket}/object"
    client.put(url, b"data")
    client.delete(url)
    with pytest.raises(s3native.NotFoundError):
        client.head(url)
    client.delete(url)  # deleting what is not there is no error
    with pytest.raises(s3native.NotFoundError):
        client.delete("s3://no-such-bucket-here/object")


def test_delete_many(client: s3native.Client, bucket: str) -> None:
    stored = [f"s3://{bucket}/{i}" for i in range(50)]
    for url in stored:
        client.put(url, b"")
    # More than one request's 1000 keys; most of them are not there, which is no error.
    wanted = stored + [f"s3://{bucket}/missing/{i}" for i in range(2100)]
    before = client.stats()["requests"]
    assert client.delete_many(iter(wanted)) == []
    assert client.stats()["requests"] == before + 3
    assert [page.objects for page in client.list(f"s3://{bucket}/")] == [[]]


def test_delete_many_of_nothing(client: s3native.Client) -> None:
    assert client.delete_many([]) == []
    with pytest.raises(ValueError, match="s3://"):
        client.delete_many(["s3://bucket/key", "not a URL"])


def test_delete_many_from_several_buckets(client: s3native.Client, bucket: str) -> None:
    other = f"other-{secrets.token_hex(4)}"
    client.create_bucket(other)
    urls = [f"s3://{name}/{i}" for i in range(3) for name in (bucket, other)]
    for url in urls:
        client.put(url, b"")
    assert client.delete_many(urls) == []
    assert [page.objects for page in client.list(f"s3://{other}")] == [[]]
    client.delete_bucket(other)


def test_buckets(client: s3native.Client) -> None:
    name = f"bucket-{secrets.token_hex(4)}"
    client.create_bucket(name)
    [found] = [bucket for bucket in client.list_buckets() if bucket.name == name]
    assert found.created is not None
    age = datetime.datetime.now(datetime.timezone.utc) - found.created
    assert abs(age) < datetime.timedelta(minutes=5)
    with pytest.raises(s3native.S3Error) as caught:
        client.create_bucket(name)
    assert caught.value.s3_code == "BucketAlreadyOwnedByYou"
    client.put(f"s3://{name}/object", b"")
    with pytest.raises(s3native.S3Error) as caught:
        client.delete_bucket(name)
    assert caught.value.s3_code == "BucketNotEmpty"
    client.delete(f"s3://{name}/object")
    client.delete_bucket(name)
    with pytest.raises(s3native.NotFoundError):
        client.delete_bucket(name)
    assert name not in [bucket.name for bucket in client.list_buckets()]


@pytest.mark.parametrize("key", ["plain", "with space+plus%/ü?&=#"])
def test_presigned_urls(client: s3native.Client, bucket: str, key: str) -> None:
    url = f"s3://{bucket}/{key}"
    put = urllib.request.Request(
        client.presign(url, method="PUT"), data=b"through urllib", method="PUT"
    )
    with urllib.request.urlopen(put) as response:
        assert response.status == 200
    assert bytes(client.get(url)) == b"through urllib"
    with urllib.request.urlopen(client.presign(url, expires=60)) as response:
        assert response.read() == b"through urllib"
    head = urllib.request.Request(client.presign(url, method="HEAD"), method="HEAD")
    with urllib.request.urlopen(head) as response:
        assert response.headers["Content-Length"] == "14"
    delete = urllib.request.Request(client.presign(url, method="DELETE"), method="DELETE")
    with urllib.request.urlopen(delete) as response:
        assert response.status == 204
    with pytest.raises(s3native.NotFoundError):
        client.head(url)


def test_presigned_urls_with_a_query(client: s3native.Client, bucket: str) -> None:
    client.put(f"s3://{bucket}/folder/a b", b"data")
    disposition = 'attachment; filename="a&b=ü+c.txt"'
    signed = client.presign(
        f"s3://{bucket}/folder/a b", query={"response-content-disposition": disposition}
    )
    with urllib.request.urlopen(signed) as response:
        assert response.read() == b"data"
        assert response.headers["Content-Disposition"].encode("latin-1").decode() == disposition
    listing = client.presign(f"s3://{bucket}", query={"list-type": "2", "prefix": "folder/"})
    with urllib.request.urlopen(listing) as response:
        assert b"<Key>folder/a b</Key>" in response.read()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(listing.replace("folder", "f"))
    assert caught.value.code == 403
    caught.value.close()


def test_presigned_urls_allow_no_more_than_they_say(client: s3native.Client, bucket: str) -> None:
    client.put(f"s3://{bucket}/object", b"data")
    signed = client.presign(f"s3://{bucket}/object")
    assert client.presign(f"s3://{bucket}/object", expires=77).count("X-Amz-Expires=77") == 1
    elsewhere = signed.replace("/object?", "/other?")
    for request in (
        urllib.request.Request(elsewhere),
        urllib.request.Request(signed, data=b"changed", method="PUT"),
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        assert caught.value.code == 403
        caught.value.close()


def test_presigned_urls_hold_no_secret(client: s3native.Client, server: Any) -> None:
    signed = client.presign("s3://bucket/key")
    assert server.secret_key not in urllib.parse.unquote(signed)
    assert signed.startswith(f"{server.endpoint}/bucket/key?")


@pytest.mark.parametrize("expires", [0, 604_801])
def test_presigned_urls_of_no_valid_time(client: s3native.Client, expires: int) -> None:
    with pytest.raises(ValueError, match="expires"):
        client.presign("s3://bucket/key", expires=expires)
    with pytest.raises(ValueError, match="method"):
        client.presign("s3://bucket/key", method="PATCH")  # type: ignore[arg-type]


def test_abort_stale_uploads(client: s3native.Client, bucket: str, boto: Any) -> None:
    url = f"s3://{bucket}/pending"
    for _ in range(3):
        boto.create_multipart_upload(Bucket=bucket, Key="pending")
    assert len(pending_uploads(boto, bucket, "pending")) == 3
    assert client.abort_stale_uploads(url, older_than=datetime.timedelta(hours=1)) == 0
    assert len(pending_uploads(boto, bucket, "pending")) == 3
    assert client.abort_stale_uploads(url, older_than=datetime.timedelta(seconds=-60)) == 3
    assert pending_uploads(boto, bucket, "pending") == []
    assert client.abort_stale_uploads(url, older_than=datetime.timedelta(0)) == 0

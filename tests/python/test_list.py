"""`list`: pages, prefixes, odd keys, and many of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import s3native

ODD_KEYS = [
    "plain",
    "with space",
    " leading and trailing ",
    "plus+sign",
    "percent%20sign%",
    "amp&ersand",
    "less<greater>",
    "quote\"apostrophe'",
    "question?mark=1",
    "hash#tag",
    "tilde~star*",
    "naïve/日本語/😀",
    "comma,semi;colon:at@",
    "brackets[]{}()",
    "equals=dollar$!",
    "back\\slash|pipe^caret`",
]


def keys(pages: Iterator[s3native.ListPage]) -> list[str]:
    return [entry.key for page in pages for entry in page.objects]


@pytest.fixture(scope="module")
def fifty(client: s3native.Client) -> Iterator[str]:
    """URL of a bucket of 50 objects in five folders."""
    client.create_bucket("list-tests")
    urls = [f"s3://list-tests/data/part-{i % 5}/{i:03}" for i in range(50)]
    for i, url in enumerate(urls):
        client.put(url, bytes(i))
    yield "s3://list-tests/"
    assert client.delete_many(urls) == []
    client.delete_bucket("list-tests")


@pytest.mark.parametrize("page_size", [1, 7, 49, 50, 51, 1000])
def test_pages(client: s3native.Client, fifty: str, page_size: int) -> None:
    pages = list(client.list(fifty, page_size=page_size))
    sizes = [len(page.objects) for page in pages]
    assert sum(sizes) == 50
    assert max(sizes) <= page_size
    found = keys(iter(pages))
    assert found == sorted(found)
    assert len(set(found)) == 50


def test_what_an_entry_says(client: s3native.Client, fifty: str) -> None:
    entries = [entry for page in client.list(fifty, page_size=7) for entry in page.objects]
    for entry in entries:
        assert entry.bucket == "list-tests"
        assert entry.url == fifty + entry.key
        assert entry.size == int(entry.key[-3:])
        head = client.head(entry.url)
        assert (head.etag, head.size) == (entry.etag, entry.size)
        assert entry.last_modified is not None


def test_prefix(client: s3native.Client, fifty: str) -> None:
    assert len(keys(client.list(fifty + "data/part-3/"))) == 10
    assert len(keys(client.list(fifty + "data/part-3"))) == 10
    assert keys(client.list(fifty + "data/part-3/003")) == ["data/part-3/003"]


@pytest.mark.parametrize("page_size", [2, 1000])
def test_delimiter(client: s3native.Client, fifty: str, page_size: int) -> None:
    pages = list(client.list(fifty + "data/", delimiter="/", page_size=page_size))
    assert [name for page in pages for name in page.prefixes] == [
        f"data/part-{i}/" for i in range(5)
    ]
    assert keys(iter(pages)) == []
    top = list(client.list(fifty, delimiter="/"))
    assert [page.prefixes for page in top] == [["data/"]]


def test_start_after(client: s3native.Client, fifty: str) -> None:
    everything = keys(client.list(fifty))
    for at in (0, 10, 48, 49):
        found = keys(client.list(fifty, start_after=everything[at], page_size=7))
        assert found == everything[at + 1 :]
    assert keys(client.list(fifty, start_after="data/part-3")) == everything[30:]


def test_nothing_there(client: s3native.Client, fifty: str, bucket: str) -> None:
    for url in (f"s3://{bucket}/", f"s3://{bucket}", fifty + "no/such/prefix"):
        pages = list(client.list(url))
        assert [(page.objects, page.prefixes) for page in pages] == [([], [])]


def test_missing_bucket(client: s3native.Client) -> None:
    with pytest.raises(s3native.NotFoundError) as caught:
        next(client.list("s3://no-such-bucket-here/"))
    assert caught.value.s3_code == "NoSuchBucket"


@pytest.mark.parametrize("page_size", [0, -1, 1001])
def test_page_sizes_that_make_no_sense(client: s3native.Client, page_size: int) -> None:
    with pytest.raises(ValueError, match="page_size"):
        client.list("s3://bucket/", page_size=page_size)


@pytest.mark.parametrize("url", ["bucket/", "s3://", "http://bucket/", ""])
def test_bad_urls_are_refused_at_the_call(client: s3native.Client, url: str) -> None:
    with pytest.raises(ValueError, match="s3://"):
        client.list(url)


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys(client: s3native.Client, bucket: str, boto: Any, key: str) -> None:
    url = f"s3://{bucket}/{key}"
    client.put(url, key.encode())
    assert boto.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert bytes(client.get(url)) == key.encode()
    assert client.head(url).key == key
    assert keys(client.list(f"s3://{bucket}/")) == [key]
    assert keys(client.list(url)) == [key]
    client.copy(url, f"s3://{bucket}/copied/{key}")
    assert bytes(client.get(f"s3://{bucket}/copied/{key}")) == key.encode()
    assert client.delete_many([url, f"s3://{bucket}/copied/{key}"]) == []
    assert keys(client.list(f"s3://{bucket}/")) == []


def test_odd_delimiters_and_prefixes(client: s3native.Client, bucket: str) -> None:
    for key in ("a b/1", "a b/2", "ä&ö/1", "ä&ö/2", "c+d/1"):
        client.put(f"s3://{bucket}/{key}", b"")
    [page] = client.list(f"s3://{bucket}/", delimiter="/")
    assert sorted(page.prefixes) == sorted(["a b/", "c+d/", "ä&ö/"])
    for prefix in page.prefixes:
        assert all(key.startswith(prefix) for key in keys(client.list(f"s3://{bucket}/{prefix}")))
    [page] = client.list(f"s3://{bucket}/", delimiter="&")
    assert page.prefixes == ["ä&"]


def test_a_hundred_thousand_keys(list_server: Any) -> None:
    client = s3native.Client(endpoint=list_server.endpoint, credentials="anonymous")
    started = time.monotonic()
    pages = list(client.list("s3://keys-100000/"))
    print(f"100 000 keys in {time.monotonic() - started:.2f} s")
    found = keys(iter(pages))
    assert len(pages) == 100
    assert len(found) == len(set(found)) == 100_000
    assert found == sorted(found)
    assert found[0] == "data/part-000000/0000000000.jpg"
    assert found[-1] == "data/part-000009/0000099999.jpg"
    assert pages[-1].objects[-1].size == 110_000
    assert keys(client.list("s3://keys-100000/", start_after=found[-3])) == found[-2:]


def test_pages_come_as_they_are_taken(list_server: Any) -> None:
    client = s3native.Client(endpoint=list_server.endpoint, credentials="anonymous")
    before = client.stats()["operations"]
    pages = client.list("s3://keys-1000000000/")
    assert client.stats()["operations"] == before
    next(pages)
    next(pages)
    assert client.stats()["operations"] == before + 2

"""Where the objects of a dataset come from, a prefix or URLs, and what is known of them."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict

from s3native._core import ObjectInfo
from s3native.client import Client, split_url
from s3native.transfer.plan import Filter

_VERSION = 1


class Listed(NamedTuple):
    """An object of a manifest."""

    url: str
    size: int
    etag: str


Object = ObjectInfo | Listed | str
"""An object of a listing or a manifest, or a URL."""


def url_of(known: Object) -> str:
    """Return the object's URL."""
    return known if isinstance(known, str) else known.url


class ListingOptions(TypedDict, total=False):
    """Keyword arguments of `Prefix`."""

    include: str | Iterable[str]
    exclude: str | Iterable[str]
    suffix: str | Iterable[str]
    manifest: str | os.PathLike[str] | None


@dataclass(frozen=True)
class Prefix:
    """The objects whose keys begin with the URL's key, in order.

    Args:
        include: patterns of `fnmatch` for names below the prefix's last "/": only what matches one.
        exclude: patterns of what is left out.
        suffix: only what ends so.
        manifest: a file, or an s3:// URL, in which the listing is kept.
    """

    url: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    suffix: tuple[str, ...] = ()
    manifest: str = ""

    @classmethod
    def taking(cls, url: str, options: dict[str, Any]) -> Prefix:
        """Return one with its options, which are taken from those of a dataset."""
        several = {
            name: _several(options.pop(name, ())) for name in ("include", "exclude", "suffix")
        }
        return cls(url, **several, manifest=os.fspath(options.pop("manifest", None) or ""))

    def __call__(self, client: Client) -> Iterator[Object]:
        objects = self._kept(client) if self.manifest else self._found(client)
        if not (self.include or self.exclude or self.suffix):
            return objects
        below = len(self.url.rpartition("/")[0]) + 1
        meant = Filter(self.include, self.exclude)
        ends = self.suffix or ("",)
        return (each for each in objects if each.url.endswith(ends) and meant(each.url[below:]))

    def _found(self, client: Client) -> Iterator[Any]:
        for page in client.list(self.url):
            yield from page.objects

    def _kept(self, client: Client) -> Iterator[Any]:
        """What the manifest says, or S3, and then the manifest will."""
        try:
            text = _read(client, self.manifest)
        except FileNotFoundError:
            found = [Listed(each.url, each.size, each.etag) for each in self._found(client)]
            _write(client, self.manifest, self._to_json(found))
            return iter(found)
        return self._from_json(text)

    def _to_json(self, found: list[Listed]) -> bytes:
        columns = {
            "s3native_manifest": _VERSION,
            "prefix": self.url,
            "keys": [each.url[len(self.url) :] for each in found],
            "sizes": [each.size for each in found],
            "etags": [each.etag for each in found],
        }
        return json.dumps(columns, separators=(",", ":")).encode()

    def _from_json(self, text: bytes) -> Iterator[Listed]:
        try:
            columns = json.loads(text)
            version, prefix = columns["s3native_manifest"], columns["prefix"]
            keys, sizes, etags = columns["keys"], columns["sizes"], columns["etags"]
            if version != _VERSION or not len(keys) == len(sizes) == len(etags):
                raise ValueError("it has columns of several lengths, or another version")
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self.manifest} is no manifest: {error!r}") from error
        if prefix != self.url:
            raise ValueError(f"{self.manifest} is the manifest of {prefix}, not of {self.url}")
        return map(Listed, map(self.url.__add__, keys), sizes, etags)


@dataclass(frozen=True)
class Urls:
    """These objects; nothing is known of them."""

    urls: str | Iterable[str]

    def __call__(self, _client: Client) -> Iterator[Object]:
        urls = [self.urls] if isinstance(self.urls, str) else list(self.urls)
        for url in urls:
            split_url(url)
        return iter(urls)


def _several(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _read(client: Client, place: str) -> bytes:
    """Raise FileNotFoundError if it is not there, which NotFoundError is."""
    if place.startswith("s3://"):
        return bytes(client.get(place))
    with open(place, "rb") as file:
        return file.read()


def _write(client: Client, place: str, text: bytes) -> None:
    """Have it appear whole; several workers may do so at once."""
    if place.startswith("s3://"):
        client.put(place, text, content_type="application/json")
        return
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(place) or ".", suffix=".part")
    try:
        with open(descriptor, "wb") as file:
            file.write(text)
        os.replace(temporary, place)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise

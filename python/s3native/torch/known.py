"""What is known of an object before it is read."""

from __future__ import annotations

from typing import NamedTuple

from s3native import ObjectInfo


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

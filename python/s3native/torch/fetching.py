"""Parts of objects, many at a time: those that are worth one request together, and their bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from s3native import PreconditionFailedError

if TYPE_CHECKING:
    from s3native import Client

GAP = 256 << 10
"""Bytes that are worth about as much as a request: so far apart, parts are fetched together."""


class Span(Protocol):
    """Bytes of an object, half-open."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


S = TypeVar("S", bound=Span)


def coalesced(spans: Iterable[S], gap: int, most: int) -> list[list[S]]:
    """Return spans in groups, by where they are, that are worth one request each.

    Spans may overlap and repeat.

    Args:
        gap: bytes between spans of one group, at most.
        most: bytes of a group, at most, unless a single span has more.
    """
    groups: list[list[S]] = []
    end = 0
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        near = groups and span.start - end <= gap
        if near and max(end, span.end) - groups[-1][0].start <= most:
            groups[-1].append(span)
            end = max(end, span.end)
        else:
            groups.append([span])
            end = span.end
    return groups


def fetched(
    client: Client, requests: Iterable[Any], etags: dict[str, str], concurrency: int = 32
) -> Iterator[tuple[int, memoryview]]:
    """Yield the number of each request of `Client.get_many`, and its bytes, as they arrive.

    When it ends, also by an error, nothing is written to the memory of requests any more.

    Args:
        etags: by URL; those that are not there yet are added.

    Raises:
        PreconditionFailedError: an object has another ETag. S3Error: a request failed.
    """
    with closing(client.get_many(requests, ordered=False, concurrency=concurrency)) as items:
        for item in items:
            if item.error is not None:
                raise item.error
            if etags.setdefault(item.url, item.info.etag) != item.info.etag:
                raise PreconditionFailedError(f"{item.url} was overwritten while it was read")
            yield item.index, memoryview(item.data)

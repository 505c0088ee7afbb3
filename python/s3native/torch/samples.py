"""Objects as samples: fetched many at a time, in order, as what a dataset hands out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch

from s3native import Client, RangeError
from s3native.listing import Object, url_of
from s3native.torch.reader import HeldReader, ReaderConstructor, ReaderKind, open_reader

Output = Literal["reader", "buffer", "bytes", "tensor"]
OnError = Literal["raise", "skip"] | Callable[[Exception, str], Any]

OUTPUTS = ("reader", "buffer", "bytes", "tensor")
WHOLE = 8 << 20
"""Bytes up to which objects are fetched before anybody reads them: those of one part."""
SKIPPED = object()
"""What an ``on_error`` function returns for no sample."""


def identity(sample: Any) -> Any:
    """Return it."""
    return sample


def _nothing() -> None: ...


@dataclass(frozen=True)
class Samples:
    """How objects become samples.

    Args:
        transform: what is made of the ``output`` of an object.
        output: "reader", an `S3Reader`; "buffer", an `s3native.Buffer`; "bytes"; "tensor", a
            `torch.uint8` tensor over the memory that was received into.
        concurrency: objects under way at once, as memory allows.
        on_error: "raise", "skip", or a function of the exception and the URL whose result is the
            sample. Meets what fetching or `transform` raised; readers fetch when they are read.
    """

    transform: Callable[[Any], Any]
    constructor: ReaderConstructor | ReaderKind
    output: Output
    concurrency: int
    on_error: OnError

    def __post_init__(self) -> None:
        if self.output not in OUTPUTS:
            raise ValueError(f"output must be one of {', '.join(OUTPUTS)}, not {self.output!r}")
        if self.concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, is {self.concurrency}")
        if self.on_error not in ("raise", "skip") and not callable(self.on_error):
            raise ValueError(f"on_error must be 'raise', 'skip' or a function: {self.on_error!r}")

    def of(
        self, client: Client, objects: Iterable[Object], took: Callable[[], None] = _nothing
    ) -> Iterator[Any]:
        """Yield the samples of objects, in order; the next ones are fetched meanwhile.

        Calls ``took`` for each object before its sample is handed out, or skipped.
        """
        for url, load in self._loads(client, objects):
            sample = self._sample(url, load)
            took()
            if sample is not SKIPPED:
                yield sample
            del sample, load  # the next object may need their memory

    def _sample(self, url: str, load: Callable[[], Any]) -> Any:
        try:
            return self.transform(load())
        except Exception as error:
            if self.on_error == "raise":
                raise
            return SKIPPED if self.on_error == "skip" else self.on_error(error, url)

    def _loads(
        self, client: Client, objects: Iterable[Object]
    ) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Yield each object's URL, and what brings what `transform` gets, or raises."""
        if self.output != "reader":
            yield from self._fetched(client, objects, self._converted)
            return
        for small, run in itertools.groupby(objects, self._is_fetched):
            if small:
                yield from self._fetched(client, run, self._held)
                continue
            for known in run:
                yield url_of(known), partial(self._opened, client, known)

    def _is_fetched(self, known: Object) -> bool:
        whole = isinstance(self.constructor, ReaderKind) and self.constructor.reads_whole
        return whole and (isinstance(known, str) or known.size <= WHOLE)

    def _fetched(
        self,
        client: Client,
        objects: Iterable[Object],
        convert: Callable[[Client, Any], Any],
    ) -> Iterator[tuple[str, Callable[[], Any]]]:
        limited = self.output == "reader"  # sizes that nobody knows may be too large to hold
        requests: Iterator[Any] = (
            (known, (0, WHOLE)) if limited and isinstance(known, str) else known
            for known in objects
        )
        items = client.get_many(requests, concurrency=self.concurrency)
        for item in items:
            yield item.url, partial(convert, client, item)
            del item  # the next object may need its memory

    def _converted(self, _client: Client, item: Any) -> Any:
        if item.error is not None:
            raise item.error
        if self.output == "bytes":
            return bytes(item.data)
        if self.output == "tensor":
            if len(item.data) == 0:  # which torch.frombuffer refuses
                return torch.empty(0, dtype=torch.uint8)
            return torch.frombuffer(item.data, dtype=torch.uint8)
        return item.data

    def _held(self, client: Client, item: Any) -> Any:
        if isinstance(item.error, RangeError):  # an empty object has no first byte
            return HeldReader(item.url, b"")
        if item.error is not None:  # it comes again where the reader is read, and can be caught
            return self._opened(client, item.url)
        if item.info is not None and item.info.size > len(item.data):
            return self._opened(client, item.info)
        return HeldReader(item.url, bytes(item.data))

    def _opened(self, client: Client, known: Object) -> Any:
        info = None if isinstance(known, str) else known
        return open_reader(self.constructor, client, url_of(known), info)

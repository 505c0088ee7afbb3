"""Where a dataset's objects come from: a prefix that is listed, or URLs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s3native.client import split_url

if TYPE_CHECKING:
    from s3native import Client
    from s3native.torch.samples import Object


@dataclass(frozen=True)
class Prefix:
    """All objects whose keys begin with the URL's key, in order."""

    url: str

    def __call__(self, client: Client) -> Iterator[Object]:
        for page in client.list(self.url):
            yield from page.objects


@dataclass(frozen=True)
class Urls:
    """These objects; nothing is known of them."""

    urls: str | Iterable[str]

    def __call__(self, _client: Client) -> Iterator[Object]:
        urls = [self.urls] if isinstance(self.urls, str) else list(self.urls)
        for url in urls:
            split_url(url)
        return iter(urls)

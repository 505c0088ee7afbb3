"""`S3MapDataset` and `S3IterableDataset`: objects of S3 as samples for a DataLoader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import torch.distributed
import torch.utils.data

from s3native.torch.config import S3ClientConfig, client_for
from s3native.torch.listing import Prefix, Urls
from s3native.torch.reader import ReaderConstructor, ReaderKind, S3ReaderConstructor
from s3native.torch.samples import Object, OnError, Output, Samples, identity

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from s3native import Client


class DatasetOptions(TypedDict, total=False):
    """Keyword arguments of `S3Dataset`."""

    endpoint: str | None
    transform: Callable[[Any], Any]
    s3client_config: S3ClientConfig | None
    reader_constructor: ReaderConstructor | ReaderKind | None
    output: Output
    concurrency: int
    on_error: OnError


class IterableOptions(DatasetOptions, total=False):
    """Keyword arguments of `S3IterableDataset`."""

    enable_sharding: bool


class S3Dataset:
    """What both have in common: where the objects are, and what samples are.

    Args:
        region: of the buckets; None: the environment's.
        get_dataset_objects: a function of a client that returns the objects: `ObjectInfo`s or URLs.
        endpoint: "HOST:PORT" or a URL of an S3 server; default: the environment's, or Amazon.
        transform: what is made of the ``output`` of an object.
        s3client_config: settings of the client.
        reader_constructor: how objects are read, where samples are readers; default
            `S3ReaderConstructor.sequential()`, which has objects of up to 8 MiB fetched as a whole
            before they are read.
        output: "reader" (default), an `S3Reader`; "buffer", an `s3native.Buffer`; "bytes";
            "tensor", a `torch.uint8` tensor over the memory that was received into, no copy.
        concurrency: objects under way at once in each worker, as far as its memory limit allows;
            default 32.
        on_error: "raise" (default); "skip"; or a function of the exception and the object's URL
            whose result is the sample. It meets what fetching and `transform` raise.

    Raises:
        ValueError: an argument that makes no sense. S3Error: while objects are listed or read.
    """

    def __init__(
        self,
        region: str | None,
        get_dataset_objects: Callable[[Client], Iterable[Object]],
        endpoint: str | None = None,
        transform: Callable[[Any], Any] = identity,
        s3client_config: S3ClientConfig | None = None,
        reader_constructor: ReaderConstructor | ReaderKind | None = None,
        *,
        output: Output = "reader",
        concurrency: int = 32,
        on_error: OnError = "raise",
    ) -> None:
        self._region = region
        self._endpoint = endpoint
        self._config = s3client_config
        self._get_objects = get_dataset_objects
        self._samples = Samples(
            transform,
            reader_constructor or S3ReaderConstructor.default(),
            output,
            concurrency,
            on_error,
        )

    @classmethod
    def from_prefix(
        cls, s3_uri: str, *, region: str | None = None, **options: Unpack[DatasetOptions]
    ) -> Self:
        """Return the dataset of all objects whose keys begin with the URL's."""
        return cls(region, Prefix(s3_uri), **options)

    @classmethod
    def from_objects(
        cls,
        object_uris: str | Iterable[str],
        *,
        region: str | None = None,
        **options: Unpack[DatasetOptions],
    ) -> Self:
        """Return the dataset of these objects."""
        return cls(region, Urls(object_uris), **options)

    @property
    def region(self) -> str | None:
        """The region that was given."""
        return self._region

    @property
    def endpoint(self) -> str | None:
        """The endpoint that was given."""
        return self._endpoint

    def _client(self) -> Client:
        return client_for(self._region, self._endpoint, self._config)


class S3MapDataset(S3Dataset, torch.utils.data.Dataset[Any]):
    """Objects by their number, listed when the first is asked for.

    A DataLoader's batch is fetched by one call, its objects beside each other. Arguments are those
    of `S3Dataset`.
    """

    _objects: Sequence[Object] | None = None

    @property
    def _listed(self) -> Sequence[Object]:
        if self._objects is None:
            self._objects = list(self._get_objects(self._client()))
        return self._objects

    def __len__(self) -> int:
        return len(self._listed)

    def __getitem__(self, index: int) -> Any:
        found = list(self._samples.of(self._client(), [self._listed[index]]))
        if not found:
            raise IndexError(f"sample {index} was skipped, and a single one cannot be left out")
        return found[0]

    def __getitems__(self, indexes: Sequence[int]) -> list[Any]:
        """Return the samples of a batch; those that are skipped are missing."""
        listed = self._listed
        return list(self._samples.of(self._client(), [listed[index] for index in indexes]))


class S3IterableDataset(S3Dataset, torch.utils.data.IterableDataset[Any]):
    """Objects one after the other, listed anew for each epoch.

    The next objects are fetched while one is worked on. With ``enable_sharding`` each process of
    `torch.distributed`, and of its share each worker, has a part: every n-th object. Without it
    each has them all. Other arguments are those of `S3Dataset`.
    """

    def __init__(
        self,
        region: str | None,
        get_dataset_objects: Callable[[Client], Iterable[Object]],
        endpoint: str | None = None,
        transform: Callable[[Any], Any] = identity,
        s3client_config: S3ClientConfig | None = None,
        enable_sharding: bool = False,
        reader_constructor: ReaderConstructor | ReaderKind | None = None,
        *,
        output: Output = "reader",
        concurrency: int = 32,
        on_error: OnError = "raise",
    ) -> None:
        super().__init__(
            region,
            get_dataset_objects,
            endpoint,
            transform,
            s3client_config,
            reader_constructor,
            output=output,
            concurrency=concurrency,
            on_error=on_error,
        )
        self._enable_sharding = enable_sharding
        self._rank, self._world_size = 0, 1
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            self._rank = torch.distributed.get_rank()
            self._world_size = torch.distributed.get_world_size()

    @classmethod
    def from_prefix(
        cls, s3_uri: str, *, region: str | None = None, **options: Unpack[IterableOptions]
    ) -> Self:
        """Return the dataset of all objects whose keys begin with the URL's."""
        return cls(region, Prefix(s3_uri), **options)

    @classmethod
    def from_objects(
        cls,
        object_uris: str | Iterable[str],
        *,
        region: str | None = None,
        **options: Unpack[IterableOptions],
    ) -> Self:
        """Return the dataset of these objects."""
        return cls(region, Urls(object_uris), **options)

    def __iter__(self) -> Iterator[Any]:
        client = self._client()
        objects: Iterable[Object] = self._get_objects(client)
        if self._enable_sharding:
            objects = _every(objects, self._rank, self._world_size)
            worker = torch.utils.data.get_worker_info()
            if worker is not None:
                objects = _every(objects, worker.id, worker.num_workers)
        return self._samples.of(client, objects)


def _every(objects: Iterable[Object], first: int, step: int) -> Iterator[Object]:
    return (known for number, known in enumerate(objects) if number % step == first)

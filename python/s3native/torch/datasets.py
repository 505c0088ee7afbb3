"""`S3MapDataset` and `S3IterableDataset`: objects of S3 as samples for a DataLoader."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import torch.distributed
import torch.utils.data

from s3native.listing import ListingOptions, Object, Prefix, Urls
from s3native.torch.config import S3ClientConfig, client_for
from s3native.torch.reader import ReaderConstructor, ReaderKind, S3ReaderConstructor
from s3native.torch.samples import SKIPPED, OnError, Output, Samples, identity
from s3native.torch.shards import Even, Order, Progress, Share, at, merged

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from s3native import Client


_Function = TypeVar("_Function", bound=Callable[..., Any])


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
    shuffle: bool | int
    seed: int
    even_shards: Even


class PrefixOptions(DatasetOptions, ListingOptions, total=False):
    """Keyword arguments of `S3Dataset.from_prefix`."""


class IterablePrefixOptions(IterableOptions, ListingOptions, total=False):
    """Keyword arguments of `S3IterableDataset.from_prefix`."""


def _naming(options: Any, *takers: Callable[..., Any]) -> Callable[[_Function], _Function]:
    """Have `help` and `inspect` name the ``**options`` of a function, which it passes on as given.

    Args:
        options: the TypedDict that names them for type checkers.
        takers: have their defaults.
    """
    taken = [inspect.signature(taker).parameters.items() for taker in takers]
    defaults = {name: each.default for parameters in taken for name, each in parameters}

    def name_them(function: _Function) -> _Function:
        signature = inspect.signature(function)
        *own, _options = signature.parameters.values()
        named = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=defaults[name],
                annotation=getattr(kind, "__forward_arg__", kind),
            )
            for name, kind in options.__annotations__.items()
        ]
        function.__signature__ = signature.replace(parameters=[*own, *named])  # type: ignore[attr-defined]
        return function

    return name_them


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
            whose result is the sample. It meets what fetching and `transform` raise; readers
            raise where they are read, which is in `transform`.

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
    @_naming(PrefixOptions, __init__, Prefix)
    def from_prefix(
        cls, s3_uri: str, *, region: str | None = None, **options: Unpack[PrefixOptions]
    ) -> Self:
        """Return the dataset of the objects whose keys begin with the URL's.

        Args:
            include: patterns of `fnmatch`, one or several, for names below the last "/" of the
                URL: only objects that match one.
            exclude: patterns of objects that are left out.
            suffix: only objects whose keys end so, or with one of these.
            manifest: a file, or an s3:// URL, that keeps the listing: made by the first that needs
                it, and believed from then on. Remove it to have the prefix listed anew.
            options: of the class.

        Raises:
            ValueError: the manifest is none, or that of another prefix.
        """
        rest: dict[str, Any] = {**options}
        return cls(region, Prefix.taking(s3_uri, rest), **rest)

    @classmethod
    @_naming(DatasetOptions, __init__)
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

    A DataLoader's batch is fetched by one call, its objects beside each other, unless a subclass
    has a `__getitem__` of its own: then that is called for each. on_error="skip" leaves samples out
    of batches; where nothing would be left, or a sample is asked for alone, what went wrong is
    raised. Arguments are those of `S3Dataset`.
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
        samples = self._samples
        if samples.on_error == "skip":  # a single one cannot be left out
            samples = replace(samples, on_error="raise")
        return next(samples.of(self._client(), [self._listed[index]]))

    def __getitems__(self, indexes: Sequence[int]) -> list[Any]:
        """Return the samples of a batch; those that are skipped are missing.

        Raises the last error if all are: no batch can be made of nothing.
        """
        if type(self).__getitem__ is not S3MapDataset.__getitem__:
            return [self[index] for index in indexes]
        samples, listed = self._samples, self._listed
        last: list[Exception] = []

        def skip(error: Exception, _url: str) -> Any:
            last[:] = [error]
            return SKIPPED

        if samples.on_error == "skip":
            samples = replace(samples, on_error=skip)
        batch = list(samples.of(self._client(), [listed[index] for index in indexes]))
        if last and not batch:
            raise last[0]
        return batch


class S3IterableDataset(S3Dataset, torch.utils.data.IterableDataset[Any]):
    """Objects one after the other, listed anew for each epoch.

    The next objects are fetched while one is worked on. What has been read is in `state_dict`,
    which torchdata's StatefulDataLoader takes and gives back.

    Args:
        enable_sharding: each process of `torch.distributed`, and of its share each worker, has a
            part: every n-th object. Default: each has them all.
        shuffle: True: all objects in another order in each epoch (see `set_epoch`); a number: from
            so many at a time, of listings that are too long to hold. The same in all processes.
            Default: in order.
        seed: of the order; default 0.
        even_shards: "drop" the last objects of the order, or "pad" it with its first ones, so that
            all processes have as many; where another number of processes goes on, of what is left.
            Default None: they may differ by one.

    Other arguments, and what is raised, are those of `S3Dataset`.
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
        shuffle: bool | int = False,
        seed: int = 0,
        even_shards: Even = None,
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
        self._order = Order(shuffle, seed, even_shards)
        # In memory that workers share: they live on while the epoch changes.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self._loaded: Progress | None = None
        self._progress: Progress | None = None
        self._rank, self._world_size = 0, 1
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            self._rank = torch.distributed.get_rank()
            self._world_size = torch.distributed.get_world_size()

    @classmethod
    @_naming(IterablePrefixOptions, __init__, Prefix)
    def from_prefix(
        cls,
        s3_uri: str,
        *,
        region: str | None = None,
        **options: Unpack[IterablePrefixOptions],
    ) -> Self:
        """As `S3Dataset.from_prefix`, with the options of this class."""
        return super().from_prefix(s3_uri, region=region, **options)  # type: ignore[misc]

    @classmethod
    @_naming(IterableOptions, __init__)
    def from_objects(
        cls,
        object_uris: str | Iterable[str],
        *,
        region: str | None = None,
        **options: Unpack[IterableOptions],
    ) -> Self:
        """As `S3Dataset.from_objects`, with the options of this class."""
        return super().from_objects(object_uris, region=region, **options)  # type: ignore[misc]

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next, from 0 on: each has its own order. Reaches workers, too."""
        self._epoch.fill_(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return what has been read of this epoch by this process, as plain values."""
        now = self._progress or self._loaded
        if now is None:
            now = Progress(int(self._epoch), share=self._share())
        return now.to_dict() | asdict(self._order)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Have the next iteration go on from a `state_dict`, or from what `merge_states` returns.

        It does so in the epoch of the state; after that, `set_epoch` begins another.

        Raises:
            ValueError: no such state, that of another order, or of one of several workers while the
                number of processes or workers is another one.
        """
        progress = Progress.from_dict(state)
        for name, value in asdict(self._order).items():
            if state.get(name) != value:
                raise ValueError(f"the state is of {name}={state.get(name)!r}, not {value!r}")
        self._epoch.fill_(progress.epoch)
        self._loaded, self._progress = progress, None

    def __iter__(self) -> Iterator[Any]:
        client = self._client()
        epoch, share = int(self._epoch), self._share()
        loaded, self._loaded = self._loaded, None
        begun = Progress(epoch, share=share)
        if loaded is not None and loaded.epoch == epoch:
            begun = loaded.for_share(share)
        self._progress = begun
        taken = itertools.count(begun.taken + 1)

        def took() -> None:
            self._progress = at(begun, next(taken))

        return self._samples.of(client, self._order.left(self._get_objects(client), begun), took)

    def _share(self) -> Share:
        if not self._enable_sharding:
            return Share()
        worker = torch.utils.data.get_worker_info()
        id, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        return Share(self._rank, self._world_size, id, workers)


def merge_states(states: Any) -> dict[str, Any]:
    """Return one state for `S3IterableDataset.load_state_dict` from those of all ranks and workers.

    Any number of ranks and workers can go on from it, each object being read once.

    Args:
        states: `S3IterableDataset.state_dict`s, or what has them inside: a list of the
            `state_dict`s of torchdata's StatefulDataLoader of every rank.

    Raises:
        ValueError: there are none, some are missing, or they are not of one run.
    """
    found = list(_states_in(states))
    state = merged([Progress.from_dict(part) for part in found])
    orders = [{name: part.get(name) for name in asdict(Order())} for part in found]
    if any(order != orders[0] for order in orders):
        raise ValueError(f"the states are of different orders: {orders}")
    return state.to_dict() | orders[0]


def _states_in(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        if "s3native" in value:
            yield value
            return
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for each in value:
            yield from _states_in(each)

"""`from_objects`: whole objects as elements of a `tf.data.Dataset`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import tensorflow as tf

import s3native
from s3native.listing import ListingOptions, Prefix, Urls, url_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

CONCURRENCY = 32
"""Objects under way at once: as for `s3native.Client.get_many`."""


def from_objects(
    objects: str | Iterable[str],
    *,
    concurrency: int = CONCURRENCY,
    ordered: bool = True,
    shuffle: bool = False,
    seed: int | None = None,
    shard: tuple[int, int] = (0, 1),
    on_error: Literal["raise", "skip"] = "raise",
    client: s3native.Client | None = None,
    **options: Unpack[ListingOptions],
) -> Any:
    """Return a dataset of (URL, bytes), both `tf.string` scalars: one element for each object.

    Python has no part in it once it is made: TensorFlow's threads read through the engine, and
    what TensorFlow can do with its own datasets it can do with this one, such as checkpoints of
    iterators, `tf.distribute` and the `tf.data` service. Decode in `map`.

    Args:
        objects: URLs; or the URL of a prefix, whose objects are listed now, in order.
        concurrency: objects under way at once.
        ordered: False yields those first that are there first.
        shuffle: all URLs, anew for each epoch.
        seed: of the order; each epoch has another one, and runs with the same seed the same.
        shard: (index, number of shards): every so many-th object, after shuffling, so that the
            shards of an epoch have no object in common if they have the same seed.
        on_error: "skip" leaves out objects that cannot be read; each is logged by TensorFlow and
            counted among the ``failures`` of `s3native.Client.stats`.
        client: that lists them; the default is that of `s3native`.
        options: ``include``, ``exclude``, ``suffix``: patterns of names below the prefix;
            ``manifest``, a file or URL that keeps the listing.

    Raises:
        ValueError: an argument is out of range, shards are shuffled without a seed, options are
            given with URLs, or there is no object.
        S3Error: the prefix cannot be listed.
    """
    index, count = shard
    if not 0 <= index < count:
        raise ValueError(f"shard must be (index, number of shards), is {shard}")
    if concurrency < 1:
        raise ValueError(f"concurrency must be at least 1, is {concurrency}")
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error must be 'raise' or 'skip', not {on_error!r}")
    if shuffle and count > 1 and seed is None:
        raise ValueError("shards of a shuffled dataset need a seed, the same for all")
    urls = _urls(objects, client, dict(options))
    dataset = tf.data.Dataset.from_tensor_slices(urls)
    if shuffle:
        dataset = dataset.shuffle(len(urls), seed=seed, reshuffle_each_iteration=True)
    if count > 1:
        dataset = dataset.shard(count, index)
    dataset = dataset.map(_read, num_parallel_calls=concurrency, deterministic=ordered)
    if on_error == "skip":
        dataset = dataset.ignore_errors(log_warning=True)
    # A thread for each: those of TensorFlow are as many as there are processors.
    settings = tf.data.Options()
    settings.threading.private_threadpool_size = concurrency
    return dataset.with_options(settings)


def _urls(
    objects: str | Iterable[str], client: s3native.Client | None, options: dict[str, Any]
) -> list[str]:
    source: Prefix | Urls
    source = Prefix.taking(objects, options) if isinstance(objects, str) else Urls(objects)
    if options:
        raise ValueError(f"{min(options)} has no meaning here")
    urls = [url_of(each) for each in source(client or s3native.default_client())]
    if not urls:
        raise ValueError(f"there is no object in {objects}")
    return urls


def _read(url: Any) -> tuple[Any, Any]:
    return url, tf.io.read_file(url)

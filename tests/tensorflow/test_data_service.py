"""The `tf.data` service: dispatcher, workers and client each read s3:// in their process."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import s3native
import tensorflow as tf
from processes import Processes
from s3native.tensorflow import from_objects
from s3native.testing.process import free_port

service = tf.data.experimental.service
Policy = service.ShardingPolicy
COUNT = 200

# A client waits in C++, where only the end of the process ends it.
pytestmark = pytest.mark.timeout(100, method="thread")
with_distributed_save = pytest.mark.skipif(
    not hasattr(tf.data.experimental, "distributed_save"), reason="this TensorFlow has none"
)


class Cluster:
    """A dispatcher that keeps what it knows below the URL, and two workers."""

    def __init__(self, processes: Processes, url: str) -> None:
        self._url = url
        self._processes = processes
        self._port = free_port()
        self.address = f"localhost:{self._port}"
        self._start_dispatcher()
        workers = [processes.start("data_service.py", "worker", self.address) for _ in range(2)]
        for each in [self._dispatcher, *workers]:
            processes.written(each, "serving")

    def distribute(self, policy: Policy, **options: Any) -> Callable[[Any], Any]:
        """Return what `Dataset.apply` takes."""
        return service.distribute(policy, f"grpc://{self.address}", **options)

    def restart_dispatcher(self) -> None:
        """Kill it, and start another one in its place."""
        self._processes.kill(self._dispatcher)
        self._start_dispatcher()
        self._processes.written(self._dispatcher, "serving")

    def _start_dispatcher(self) -> None:
        self._dispatcher = self._processes.start(
            "data_service.py", "dispatcher", f"{self._url}/dispatcher", self._port
        )


@pytest.fixture(scope="module")
def data(s3native_client: s3native.Client) -> Iterator[str]:
    """Numbers: as objects, and as records of a few files. The folder is that of all tests here."""
    bucket = f"test-{secrets.token_hex(8)}"
    root = f"s3://{bucket}"
    s3native_client.create_bucket(bucket)
    for number in range(COUNT):
        s3native_client.put(f"{root}/objects/{number:04}", b"%d" % number)
    for file in range(4):
        with tf.io.TFRecordWriter(f"{root}/records/{file}.tfrecord") as writer:
            for number in range(file, COUNT, 4):
                writer.write(b"%d" % number)
    yield root
    for page in s3native_client.list(f"{root}/"):
        s3native_client.delete_many(entry.url for entry in page.objects)
    s3native_client.delete_bucket(bucket)


@pytest.fixture(scope="module")
def cluster(data: str) -> Iterator[Cluster]:
    """The service, for all tests here: it takes long to start."""
    with Processes() as processes:
        yield Cluster(processes, f"{data}/cluster")


def records(data: str) -> Any:
    files = tf.data.Dataset.list_files(f"{data}/records/*.tfrecord", shuffle=False)
    return files.interleave(tf.data.TFRecordDataset, cycle_length=2)


def single_files(data: str) -> Any:
    """One split for each number, none of them asked for ahead."""
    files = tf.data.Dataset.list_files(f"{data}/objects/*", shuffle=False)
    return files.map(tf.io.read_file)


def objects(data: str, **options: Any) -> Any:
    return from_objects(f"{data}/objects/", **options).map(lambda url, content: content)


def shuffled_objects(data: str) -> Any:
    return objects(data, shuffle=True, seed=1)


def numbers(dataset: Any) -> list[int]:
    return sorted(int(each.numpy()) for each in dataset)


@pytest.mark.parametrize("policy", [Policy.DYNAMIC, Policy.FILE_OR_DATA, Policy.DATA])
@pytest.mark.parametrize("source", [records, objects, shuffled_objects])
def test_each_element_once(
    cluster: Cluster, data: str, source: Callable[[str], Any], policy: Policy
) -> None:
    assert numbers(source(data).apply(cluster.distribute(policy))) == list(range(COUNT))


def test_whole_files_are_divided(cluster: Cluster, data: str) -> None:
    assert numbers(records(data).apply(cluster.distribute(Policy.FILE))) == list(range(COUNT))


def test_all_of_it_from_each_worker(cluster: Cluster, data: str) -> None:
    found = numbers(objects(data).apply(cluster.distribute(Policy.OFF)))
    assert found == sorted([*range(COUNT), *range(COUNT)])


def test_a_job_for_two_consumers(cluster: Cluster, data: str) -> None:
    shared = cluster.distribute(Policy.DYNAMIC, job_name="shared")
    first, second = (iter(objects(data).apply(shared)) for _ in range(2))
    found = [*(next(first) for _ in range(10)), *second, *first]
    assert numbers(found) == list(range(COUNT))


def test_what_cannot_be_read_is_told_the_client(cluster: Cluster, data: str) -> None:
    urls = [f"{data}/objects/0001", f"{data}/objects/missing"]
    with pytest.raises(tf.errors.NotFoundError, match="missing"):
        list(from_objects(urls).apply(cluster.distribute(Policy.DYNAMIC)))
    skipping = from_objects(urls, on_error="skip").apply(cluster.distribute(Policy.DYNAMIC))
    assert len(list(skipping)) == 1


def test_saved_by_the_client(cluster: Cluster, data: str, root: str) -> None:
    objects(data).apply(cluster.distribute(Policy.DYNAMIC)).save(f"{root}/saved")
    assert numbers(tf.data.Dataset.load(f"{root}/saved")) == list(range(COUNT))


@with_distributed_save
@pytest.mark.parametrize("source", [records, objects])
def test_saved_by_the_workers(
    cluster: Cluster, data: str, root: str, source: Callable[[str], Any]
) -> None:
    tf.data.experimental.distributed_save(source(data), f"{root}/saved", cluster.address)
    assert numbers(tf.data.Dataset.load(f"{root}/saved", wait=True)) == list(range(COUNT))
    assert tf.io.gfile.exists(f"{root}/saved/DONE")


def test_a_dispatcher_goes_on_where_the_last_one_was_killed(data: str, root: str) -> None:
    with Processes() as processes:
        cluster = Cluster(processes, root)
        few = cluster.distribute(Policy.DYNAMIC, max_outstanding_requests=2)
        rest = iter(single_files(data).apply(few))
        found = [next(rest) for _ in range(20)]
        cluster.restart_dispatcher()
        everything = numbers([*found, *rest])
        assert len(set(everything)) == len(everything)
        # DYNAMIC hands out at most once: what each worker had just asked for may be lost.
        assert len(everything) >= COUNT - 2
        assert set(everything) <= set(range(COUNT))

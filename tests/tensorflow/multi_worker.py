"""One worker of `test_distribute`: python multi_worker.py URL; tells what it saw.

TF_CONFIG says which one it is. It goes on from the last checkpoint, runs through all records once
and saves, as TensorFlow's guide to a training loop with several workers does.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import s3native.tensorflow  # noqa: F401
import tensorflow as tf


def save(manager_of: Any, url: str, worker: int) -> str:
    """Save on all workers, as they must; only what the first one wrote is kept."""
    if worker == 0:
        return str(manager_of(url).save())
    temporary = f"{url}/worker-{worker}"
    saved = str(manager_of(temporary).save())
    tf.io.gfile.rmtree(temporary)
    return saved


def main(url: str) -> None:
    """Restore, run through the records, save, tell."""
    worker = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    with strategy.scope():
        total = tf.Variable(0, dtype=tf.int64)
        epochs = tf.Variable(0, dtype=tf.int64)
    checkpoint = tf.train.Checkpoint(total=total, epochs=epochs)
    restored = tf.train.latest_checkpoint(f"{url}/checkpoints")
    if restored:
        checkpoint.restore(restored).assert_consumed()

    files = tf.data.Dataset.list_files(f"{url}/data/*.tfrecord", shuffle=False)
    records = files.interleave(tf.data.TFRecordDataset, cycle_length=2)
    numbers = records.map(lambda record: tf.strings.to_number(record, tf.int64)).batch(10)

    @tf.function
    def step(batch: Any) -> None:
        sums = strategy.run(tf.reduce_sum, (batch,))
        total.assign_add(strategy.reduce(tf.distribute.ReduceOp.SUM, sums, axis=None))

    own = []
    for batch in strategy.experimental_distribute_dataset(numbers):
        step(batch)
        own += [int(each) for part in strategy.experimental_local_results(batch) for each in part]
    epochs.assign_add(1)
    saved = save(
        lambda place: tf.train.CheckpointManager(checkpoint, place, max_to_keep=2),
        f"{url}/checkpoints",
        worker,
    )
    seen = {"restored": restored, "saved": saved, "own": own}
    print(
        "seen",
        json.dumps({**seen, "total": int(total.numpy()), "epochs": int(epochs.numpy())}),
        flush=True,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

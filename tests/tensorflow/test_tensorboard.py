"""Stock TensorBoard shows what is logged to s3://, with TensorFlow and without it."""

from __future__ import annotations

import time

import tensorflow as tf
from running_tensorboard import TensorBoard


def test_runs_are_shown_while_they_are_written(tensorboard: TensorBoard, root: str) -> None:
    writer = tf.summary.create_file_writer(f"{root}/run/train")
    with writer.as_default():
        for step in range(3):
            tf.summary.scalar("loss", 1.0 / (step + 1), step=step)
        writer.flush()

        def steps() -> list[int]:
            rows = tensorboard.ask("plugin/scalars/scalars?tag=loss&run=run%2Ftrain")
            return [int(step) for _, step, _ in rows]

        tensorboard.eventually(lambda: tensorboard.ask("runs") == ["run/train"])
        tensorboard.eventually(lambda: steps() == [0, 1, 2])
        tf.summary.scalar("loss", 0.1, step=3)
        writer.flush()
        tensorboard.eventually(lambda: steps() == [0, 1, 2, 3])


def test_an_idle_folder_costs_little(tensorboard: TensorBoard, root: str) -> None:
    for run in ("a", "b/c"):
        with tf.summary.create_file_writer(f"{root}/{run}").as_default():
            tf.summary.scalar("loss", 1.0, step=0)
    tensorboard.eventually(lambda: sorted(tensorboard.ask("runs")) == ["a", "b/c"])
    time.sleep(3)
    before = len(tensorboard.requests())
    time.sleep(5)
    sent = tensorboard.requests()[before:]
    print("\n".join(sent))
    lists = sum("ListObjectsV2" in line for line in sent)
    assert 1 <= lists <= 7, "one a second"
    assert [line for line in sent if "GetObject" in line and "ok" in line] == []

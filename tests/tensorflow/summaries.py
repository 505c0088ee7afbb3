"""A training as TensorBoard sees it, which never ends: python summaries.py URL."""

from __future__ import annotations

import itertools
import math
import random
import sys
import time

import s3native.tensorflow  # noqa: F401
import tensorflow as tf

WRITTEN_AT_ONCE = 40
"""Steps there are from the beginning, so that the first look shows a curve."""


def main(url: str) -> None:
    """Log the loss and the accuracy of two runs, until this process is ended."""
    random.seed(1)
    writers = [tf.summary.create_file_writer(f"{url}/{run}") for run in ("train", "validation")]
    for step in itertools.count():
        for index, writer in enumerate(writers):
            loss = math.exp(-step / 25) + 0.1 * index + random.uniform(0, 0.05)
            with writer.as_default():
                tf.summary.scalar("training/accuracy", 1 - loss / 2, step=step)
                tf.summary.scalar("training/loss", loss, step=step)
            writer.flush()
        if step >= WRITTEN_AT_ONCE:
            time.sleep(0.2)


if __name__ == "__main__":
    main(*sys.argv[1:])

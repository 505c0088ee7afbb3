"""Logs that are flushed all the time: what that sends, and who sees it when."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import s3native
import tensorflow as tf


def events(root: str) -> list[int]:
    """Steps that whoever opens the log now sees."""
    (log,) = tf.io.gfile.glob(f"{root}/*.tfevents.*")
    return [event.step for event in tf.compat.v1.train.summary_iterator(log) if event.summary.value]


def test_what_is_flushed_is_seen_here_at_once(root: str) -> None:
    writer = tf.summary.create_file_writer(root)
    with writer.as_default():
        for step in range(5):
            tf.summary.scalar("loss", 1.0, step=step)
            writer.flush()
            assert events(root) == list(range(step + 1))


def test_and_elsewhere_a_second_later(root: str, client: s3native.Client) -> None:
    writer = tf.summary.create_file_writer(root)
    with writer.as_default():
        tf.summary.scalar("loss", 1.0, step=0)
        writer.flush()
        tf.summary.scalar("loss", 1.0, step=1)
        writer.flush()
        (log,) = tf.io.gfile.glob(f"{root}/*.tfevents.*")
        before = client.head(log).size
        deadline = time.monotonic() + 5
        while client.head(log).size == before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert client.head(log).size > before


def test_flushing_all_the_time_sends_little(root: str, client: s3native.Client) -> None:
    writer = tf.summary.create_file_writer(root, max_queue=1)
    before = client.stats()
    began = time.monotonic()
    with writer.as_default():
        for step in range(3_000):
            tf.summary.scalar("loss", 1.0, step=step)
        writer.flush()
    seconds = time.monotonic() - began
    after = client.stats()
    assert after["requests"] - before["requests"] <= 10 + 4 * seconds
    assert after["bytes_sent"] - before["bytes_sent"] < (2 + seconds) * 500_000
    writer.close()
    assert events(root) == list(range(3_000))


def test_of_a_large_log_only_the_end_is_sent(root: str, client: s3native.Client) -> None:
    path = f"{root}/log"
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(b"x" * 20_000_000)
        file.flush()
        for _ in range(3):
            before = client.stats()["bytes_sent"]
            file.write(b"more")
            file.flush()
            assert tf.io.gfile.stat(path).length == file.tell()
            assert client.stats()["bytes_sent"] - before < 10_000
    assert client.head(path).size == 20_000_012


SCRIPT = """
import sys
import tensorflow as tf
import s3native.tensorflow
writer = tf.summary.create_file_writer(sys.argv[1])
with writer.as_default():
    for step in range(3):
        tf.summary.scalar("loss", 1.0, step=step)
        writer.flush()
if len(sys.argv) > 2:
    import os
    os._exit(0)
"""


def test_what_was_flushed_is_there_after_exit(root: str) -> None:
    subprocess.run([sys.executable, "-c", SCRIPT, root], check=True, env=dict(os.environ))
    assert events(root) == [0, 1, 2]


def test_a_process_that_dies_leaves_what_was_seen(root: str) -> None:
    subprocess.run([sys.executable, "-c", SCRIPT, root, "die"], check=True, env=dict(os.environ))
    assert events(root) in ([], [0], [0, 1], [0, 1, 2])

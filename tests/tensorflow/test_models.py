"""Checkpoints, saved models and Keras on s3://."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import s3native
import tensorflow as tf

gfile = tf.io.gfile

with_keras_3 = pytest.mark.skipif(
    keras.__version__.startswith("2."), reason="Keras 2 has HDF5 open the path itself"
)
with_waiting = pytest.mark.skipif(
    not hasattr(tf.train.Checkpoint, "sync"), reason="this TensorFlow cannot wait for checkpoints"
)
with_sharding = pytest.mark.skipif(
    not hasattr(tf.train.experimental, "MaxShardSizePolicy"),
    reason="this TensorFlow has no policies for shards",
)


class Doubler(tf.Module):
    """A model with an asset."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.factor = tf.Variable(2.0)
        self.words = tf.saved_model.Asset(words)

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def __call__(self, x: Any) -> Any:
        return self.factor * x

    @tf.function(input_signature=[])
    def read(self) -> Any:
        return tf.io.read_file(self.words)


def model() -> keras.Model:
    keras.utils.set_random_seed(1)
    made = keras.Sequential(
        [keras.layers.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(1)]
    )
    made.compile(optimizer="adam", loss="mse")
    return made


def data() -> tuple[Any, Any]:
    x = np.random.default_rng(1).normal(size=(64, 4)).astype(np.float32)
    return x, x.sum(axis=1, keepdims=True)


def same(left: keras.Model, right: keras.Model) -> bool:
    return all(
        np.array_equal(a, b) for a, b in zip(left.get_weights(), right.get_weights(), strict=True)
    )


# ---- checkpoints ----


def test_a_checkpoint(root: str) -> None:
    large = tf.Variable(tf.random.normal([2_000_000]))
    small = tf.Variable([1.0, 2.0])
    expected = large.numpy()
    path = tf.train.Checkpoint(large=large, small=small).save(f"{root}/checkpoints/model")
    large.assign(tf.zeros_like(large))
    small.assign([0.0, 0.0])
    status = tf.train.Checkpoint(large=large, small=small).restore(path)
    status.assert_consumed()
    assert np.array_equal(large.numpy(), expected)
    assert small.numpy().tolist() == [1.0, 2.0]
    assert tf.train.latest_checkpoint(f"{root}/checkpoints") == path
    assert [name for name, _ in tf.train.list_variables(path)]


def test_a_manager_keeps_what_it_is_told(root: str) -> None:
    step = tf.Variable(0)
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(step=step), f"{root}/kept", 2)
    for _ in range(4):
        step.assign_add(1)
        manager.save()
    assert manager.latest_checkpoint == f"{root}/kept/ckpt-4"
    assert not gfile.exists(f"{root}/kept/ckpt-1.index")
    step.assign(0)
    again = tf.train.CheckpointManager(tf.train.Checkpoint(step=step), f"{root}/kept", 2)
    assert again.restore_or_initialize() == f"{root}/kept/ckpt-4"
    assert int(step) == 4


@with_waiting
def test_an_asynchronous_checkpoint(root: str) -> None:
    value = tf.Variable(tf.ones([100_000]))
    checkpoint = tf.train.Checkpoint(value=value)
    options = tf.train.CheckpointOptions(enable_async=True)
    path = checkpoint.save(f"{root}/async/model", options=options)
    value.assign(tf.zeros([100_000]))
    checkpoint.sync()
    tf.train.Checkpoint(value=value).restore(path)
    assert float(tf.reduce_sum(value)) == 100_000


@with_sharding
def test_a_checkpoint_in_shards(root: str) -> None:
    values = [tf.Variable(tf.fill([50_000], float(i))) for i in range(6)]
    policy = tf.train.experimental.MaxShardSizePolicy(max_shard_size=300_000)
    options = tf.train.CheckpointOptions(experimental_sharding_callback=policy)
    path = tf.train.Checkpoint(values=values).save(f"{root}/shards/model", options=options)
    assert len(gfile.glob(f"{path}.data-*")) > 1
    for value in values:
        value.assign(tf.zeros_like(value))
    tf.train.Checkpoint(values=values).restore(path)
    assert [float(each[0]) for each in values] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_nothing_temporary_is_left(root: str, client: s3native.Client) -> None:
    tf.train.Checkpoint(value=tf.Variable(1.0)).save(f"{root}/model")
    keys = [entry.key for page in client.list(f"{root}/") for entry in page.objects]
    names = sorted(key.rpartition("/")[2] for key in keys if not key.endswith("/"))
    assert names == ["checkpoint", "model-1.data-00000-of-00001", "model-1.index"]


# ---- saved models ----


def test_a_saved_model_with_assets(root: str, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("some words")
    tf.saved_model.save(Doubler(str(tmp_path / "words.txt")), f"{root}/saved")
    loaded = tf.saved_model.load(f"{root}/saved")
    assert float(loaded(tf.constant(4.0))) == 8.0
    assert loaded.read().numpy() == b"some words"
    assert gfile.exists(f"{root}/saved/assets/words.txt")


@with_keras_3
def test_a_keras_file(root: str) -> None:
    trained = model()
    trained.fit(*data(), verbose=0)
    trained.save(f"{root}/model.keras")
    assert same(keras.saving.load_model(f"{root}/model.keras"), trained)


@with_keras_3
def test_keras_weights(root: str) -> None:
    trained = model()
    trained.fit(*data(), verbose=0)
    trained.save_weights(f"{root}/model.weights.h5")
    fresh = model()
    fresh.load_weights(f"{root}/model.weights.h5")
    assert same(fresh, trained)


@with_keras_3
def test_keras_exports(root: str) -> None:
    trained = model()
    trained.export(f"{root}/export", verbose=False)
    served = tf.saved_model.load(f"{root}/export")
    x, _ = data()
    assert np.allclose(served.serve(x), trained(x), atol=1e-5)


# ---- callbacks ----


@with_keras_3
def test_model_checkpoints(root: str) -> None:
    trained = model()
    callback = keras.callbacks.ModelCheckpoint(f"{root}/epoch-{{epoch}}.keras")
    trained.fit(*data(), epochs=2, verbose=0, callbacks=[callback])
    assert sorted(gfile.listdir(root)) == ["epoch-1.keras", "epoch-2.keras"]
    assert same(keras.saving.load_model(f"{root}/epoch-2.keras"), trained)


def test_back_up_and_restore(root: str) -> None:
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                raise KeyboardInterrupt

    def backup() -> keras.callbacks.Callback:
        return keras.callbacks.BackupAndRestore(f"{root}/backup", delete_checkpoint=False)

    with pytest.raises(KeyboardInterrupt):
        model().fit(*data(), epochs=5, verbose=0, callbacks=[backup(), Stop()])
    history = model().fit(*data(), epochs=5, verbose=0, callbacks=[backup()])
    assert len(history.epoch) < 5


def test_tensorboard(root: str) -> None:
    callback = keras.callbacks.TensorBoard(f"{root}/logs", profile_batch=0)
    model().fit(*data(), epochs=3, verbose=0, callbacks=[callback])
    (log,) = gfile.glob(f"{root}/logs/train/*.tfevents.*")
    steps = [
        event.step
        for event in tf.compat.v1.train.summary_iterator(log)
        if any(value.tag == "epoch_loss" for value in event.summary.value)
    ]
    assert steps == [0, 1, 2]

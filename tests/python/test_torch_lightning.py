"""`S3LightningCheckpoint` as a plugin of both of Lightning's packages."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import s3native
from frameworks import needs
from s3native.testing import MinioServer
from tensors import assert_same

needs("torch")
needs("lightning")
needs("pytorch_lightning")

import torch
from s3native.torch import S3ClientConfig, checkpoint
from s3native.torch.lightning import S3LightningCheckpoint

PACKAGES = ["lightning.pytorch", "pytorch_lightning"]
# What Lightning itself warns of, on a machine like any.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def plugin(server: MinioServer, environment: dict[str, str]) -> Any:
    config = S3ClientConfig(part_size=5 << 20)
    return S3LightningCheckpoint(server.region, config, server.endpoint)


def test_checkpoints_come_back(plugin: Any, bucket: str) -> None:
    url = f"s3://{bucket}/a.ckpt"
    saved = {"state_dict": {"weight": torch.rand(2000, 1000)}, "epoch": 3}
    plugin.save_checkpoint(saved, url)
    assert_same(plugin.load_checkpoint(url), saved)
    assert_same(plugin.load_checkpoint(url, map_location="cpu", weights_only=True), saved)
    plugin.remove_checkpoint(url)
    with pytest.raises(s3native.NotFoundError):
        plugin.load_checkpoint(url)
    plugin.teardown()


def test_tensors_are_loaded_at_once_where_they_are_all(
    plugin: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, fetched = f"s3://{bucket}/a.ckpt", []
    plugin.save_checkpoint({"state_dict": {"weight": torch.rand(2000, 1000)}}, url)
    fetch = checkpoint.fetch_storages
    monkeypatch.setattr(
        checkpoint, "fetch_storages", lambda *a: (fetched.append(a[1]), fetch(*a))[1]
    )
    plugin.load_checkpoint(url)
    plugin.load_checkpoint(url, weights_only=True)
    assert fetched == [url] * 2
    plugin.load_checkpoint(url, weights_only=False)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    plugin.load_checkpoint(url)
    assert fetched == [url] * 2


def test_paths_that_are_none(plugin: Any) -> None:
    with pytest.raises(TypeError, match="PosixPath"):
        plugin.save_checkpoint({}, Path("/tmp/x"))
    with pytest.raises(TypeError, match="int"):
        plugin.load_checkpoint(3)
    with pytest.raises(TypeError, match="None"):
        plugin.remove_checkpoint(None)
    with pytest.raises(ValueError, match="s3://"):
        plugin.save_checkpoint({}, "/tmp/x")


def model_of(lightning: Any) -> Any:
    """A model that remembers the epochs it was trained for."""

    class Model(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)
            self.epochs: list[int] = []

        def training_step(self, batch: Any, _index: int) -> Any:
            return self.layer(batch).pow(2).mean()

        def on_train_epoch_start(self) -> None:
            self.epochs.append(self.current_epoch)

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=0.1)

    return Model()


def trainer(lightning: Any, plugin: Any, epochs: int, **options: Any) -> Any:
    return lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        plugins=[plugin],
        enable_progress_bar=False,
        enable_model_summary=False,
        logger=False,
        **options,
    )


DATA = torch.utils.data.DataLoader(torch.rand(8, 4), batch_size=4)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_trainer_saves_and_goes_on(plugin: Any, bucket: str, package: str) -> None:
    lightning = importlib.import_module(package)
    url = f"s3://{bucket}/last.ckpt"
    options = {"enable_checkpointing": False}
    first, begun = model_of(lightning), trainer(lightning, plugin, 2, **options)
    begun.fit(first, DATA)
    begun.save_checkpoint(url)
    assert s3native.head(url).size > 0
    second, third = model_of(lightning), model_of(lightning)
    trainer(lightning, plugin, 4, **options).fit(second, DATA, ckpt_path=url)
    assert (first.epochs, second.epochs) == ([0, 1], [2, 3])
    trainer(lightning, plugin, 2, **options).fit(third, DATA, ckpt_path=url)  # which had them all
    assert_same(dict(third.state_dict()), dict(first.state_dict()))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_trainer_whose_root_is_on_s3(plugin: Any, bucket: str, package: str) -> None:
    """Lightning itself looks for old checkpoints there by fsspec, for which it needs s3fs."""
    needs("s3fs")
    lightning = importlib.import_module(package)
    root = f"s3://{bucket}/runs/"
    trainer(lightning, plugin, 2, default_root_dir=root).fit(model_of(lightning), DATA)
    keys = [info.key for page in s3native.list(root) for info in page.objects]
    assert keys == ["runs/checkpoints/epoch=1-step=4.ckpt"]
    model = model_of(lightning)
    again = trainer(lightning, plugin, 3, enable_checkpointing=False)
    again.fit(model, DATA, ckpt_path=f"s3://{bucket}/{keys[0]}")
    assert model.epochs == [2]

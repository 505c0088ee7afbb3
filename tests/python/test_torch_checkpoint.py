"""`S3Checkpoint`: what `torch.save` and `torch.load` do with its files."""

from __future__ import annotations

import datetime
import gc
import pickle
from typing import Any

import pytest
import s3native
from frameworks import needs
from s3native.testing import MinioServer

needs("torch")

import torch
from s3native.torch import S3Checkpoint, S3ClientConfig, S3Exception, S3Writer


@pytest.fixture
def checkpoint(server: MinioServer, monkeypatch: pytest.MonkeyPatch) -> S3Checkpoint:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    config = S3ClientConfig(part_size=5 << 20, force_path_style=True, max_attempts=1)
    return S3Checkpoint(server.region, server.endpoint, config)


STALE = datetime.timedelta(days=1)
STATE = {
    "weight": torch.arange(3_000_000, dtype=torch.float32).reshape(3000, 1000),
    "nested": {"bias": torch.full((7,), 0.5, dtype=torch.bfloat16), "step": 17},
}


def assert_same(loaded: Any) -> None:
    assert torch.equal(loaded["weight"], STATE["weight"])
    assert torch.equal(loaded["nested"]["bias"], STATE["nested"]["bias"])
    assert loaded["nested"]["step"] == 17


@pytest.mark.parametrize("as_zip", [True, False])
def test_a_state_comes_back(checkpoint: S3Checkpoint, bucket: str, as_zip: bool) -> None:
    url = f"s3://{bucket}/epoch0.ckpt"
    with checkpoint.writer(url) as writer:
        assert isinstance(writer, S3Writer)
        torch.save(STATE, writer, _use_new_zipfile_serialization=as_zip)
    with checkpoint.reader(url) as reader:
        assert_same(torch.load(reader, weights_only=True))
    assert (reader.bucket, reader.key) == (bucket, "epoch0.ckpt")


@pytest.mark.parametrize("how", ["raised", "forgotten"])
def test_a_failed_save_leaves_what_was_there(
    checkpoint: S3Checkpoint, client: s3native.Client, bucket: str, how: str
) -> None:
    url = f"s3://{bucket}/epoch0.ckpt"
    with checkpoint.writer(url) as writer:
        torch.save(STATE, writer)
    if how == "raised":
        with pytest.raises(RuntimeError, match="half"), checkpoint.writer(url) as writer:
            writer.write(bytes(6 << 20))
            raise RuntimeError("half")
    else:
        with pytest.warns(ResourceWarning, match="unclosed"):
            checkpoint.writer(url).write(bytes(6 << 20))
            gc.collect()
    assert_same(torch.load(checkpoint.reader(url), weights_only=True))
    assert client.abort_stale_uploads(f"s3://{bucket}/", older_than=-STALE) == 0


def test_errors_are_the_exception_that_can_be_caught(checkpoint: S3Checkpoint, bucket: str) -> None:
    assert S3Exception is s3native.S3Error
    with pytest.raises(S3Exception):
        torch.load(checkpoint.reader(f"s3://{bucket}/missing"))
    with pytest.raises(ValueError, match="s3://"):
        checkpoint.reader("/local/path").read()
    with pytest.raises(ValueError, match="s3://"):
        checkpoint.writer(f"s3://{bucket}")


def test_torch_does_not_hide_what_went_wrong(checkpoint: S3Checkpoint) -> None:
    """It ends its archive in spite of an error, and then fails with one of its own."""
    url = "s3://there-is-no-such-bucket/a"
    with pytest.raises(s3native.NotFoundError), checkpoint.writer(url) as writer:
        torch.save(STATE, writer)
    with pytest.raises(RuntimeError, match="of a program"), checkpoint.writer(url) as writer:
        raise RuntimeError("of a program")


def test_checkpoints_are_pickled(checkpoint: S3Checkpoint, bucket: str) -> None:
    with checkpoint.writer(f"s3://{bucket}/a") as writer:
        torch.save(STATE, writer)
    again = pickle.loads(pickle.dumps(checkpoint))
    assert_same(torch.load(again.reader(f"s3://{bucket}/a"), weights_only=True))

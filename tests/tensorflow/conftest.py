"""TensorFlow on a MinIO of this session, as the environment variables of its own guide say."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import s3native
from running_tensorboard import TensorBoard, without_tensorflow
from s3native.testing import MinioServer

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

pytest_plugins = ["s3native.testing.pytest_plugin"]

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture(scope="session", autouse=True)
def _environment(s3native_server: MinioServer) -> Iterator[None]:
    """Hide the user's settings; the variables are those of "How to run TensorFlow on S3"."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AWS_", "S3_")):
                patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", s3native_server.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", s3native_server.secret_key)
        patch.setenv("AWS_REGION", s3native_server.region)
        patch.setenv("S3_ENDPOINT", s3native_server.endpoint.removeprefix("http://"))
        patch.setenv("S3_USE_HTTPS", "0")
        import s3native.tensorflow  # noqa: F401

        yield


@pytest.fixture
def client(s3native_client: s3native.Client) -> s3native.Client:
    """A client of the session's server."""
    return s3native_client


@pytest.fixture
def root(s3native_bucket: str) -> str:
    """A folder for one test."""
    return f"s3://{s3native_bucket}/folder"


@pytest.fixture(params=["with TensorFlow", "without TensorFlow"])
def tensorboard(request: pytest.FixtureRequest, root: str, tmp_path: Path) -> Iterator[TensorBoard]:
    """TensorBoard on the test's folder."""
    hidden = request.param == "without TensorFlow"
    variables = without_tensorflow(tmp_path) if hidden else {}
    running = TensorBoard(root, tmp_path / "log", AWS_LOG_LEVEL="debug", **variables)
    yield running
    running.close()

"""How the plugin is found, registered and configured."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import s3native
import s3native.tensorflow
import tensorflow as tf
from s3native.testing import MinioServer

PROJECT = Path(__file__).resolve().parents[2]


def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program with these variables besides those of this process."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_the_structs_are_tensorflows() -> None:
    folders = [PROJECT / "cpp" / "tensorflow", PROJECT / "cpp" / "include"]
    include = [f"-I{folder}" for folder in (*folders, tf.sysconfig.get_include())]
    source = PROJECT / "tests" / "tensorflow" / "abi_check.cc"
    command = ["g++", "-std=c++20", "-fsyntax-only", *include, str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_registering_again_does_nothing() -> None:
    s3native.tensorflow.register()
    s3native.tensorflow.register()
    assert "s3" in tf.io.gfile.get_registered_schemes()


def test_a_client_of_ones_own(root: str, client: s3native.Client) -> None:
    client.put(f"{root}/a", b"text")
    wrong = s3native.Client(endpoint="http://127.0.0.1:1", max_attempts=1, region="us-east-1")
    try:
        s3native.tensorflow.register(wrong)
        with pytest.raises(tf.errors.UnavailableError, match="nothing listens there"):
            tf.io.read_file(f"{root}/a")
        s3native.tensorflow.register(client)
        assert tf.io.read_file(f"{root}/a").numpy() == b"text"
    finally:
        s3native.tensorflow.register()
    assert tf.io.read_file(f"{root}/a").numpy() == b"text"


def test_a_closed_client_is_refused() -> None:
    closed = s3native.Client(region="us-east-1")
    closed.close()
    with pytest.raises(ValueError, match="closed"):
        s3native.tensorflow.register(closed)


def test_statistics_and_memory_are_shared(root: str, client: s3native.Client) -> None:
    before = client.stats()
    tf.io.write_file(f"{root}/a", b"x" * 1_000_000)
    assert tf.strings.length(tf.io.read_file(f"{root}/a")) == 1_000_000
    after = client.stats()
    assert after["bytes_sent"] - before["bytes_sent"] == 1_000_000
    assert after["bytes_received"] - before["bytes_received"] >= 1_000_000


def test_without_credentials(root: str) -> None:
    code = f"""
import s3native.tensorflow, tensorflow as tf
try:
    tf.io.read_file("{root}/a")
except tf.errors.UnauthenticatedError as error:
    print("told:", error.message)
"""
    variables = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": "/nonexistent"}
    done = run(code, **variables, AWS_EC2_METADATA_DISABLED="true")
    assert "told: " in done.stdout, done.stderr


def test_over_https(tmp_path: Path) -> None:
    code = """
import s3native.tensorflow, tensorflow as tf
tf.io.write_file("s3://secure/a", "text")
print(tf.io.read_file("s3://secure/a").numpy())
"""
    with MinioServer(tls=True) as server:
        with s3native.Client(**server.client_options()) as client:
            client.create_bucket("secure")
        variables = {
            "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key,
            "S3_ENDPOINT": server.endpoint.removeprefix("https://"),
            "S3_USE_HTTPS": "1",
        }
        unverified = run(code, **variables, S3_VERIFY_SSL="0")
        assert unverified.stdout == "b'text'\n", unverified.stderr
        verified = run(code, **variables, AWS_CA_BUNDLE=str(server.ca_bundle))
        assert verified.stdout == "b'text'\n", verified.stderr
        refused = run(code, **variables, AWS_MAX_ATTEMPTS="1")
        assert "UnavailableError" in refused.stderr


def test_without_tensorflow_it_says_what_to_install() -> None:
    code = """
import sys
sys.modules["tensorflow"] = None
import s3native.tensorflow
"""
    done = run(code)
    assert "pip install tensorflow" in done.stderr
    assert "ModuleNotFoundError" in done.stderr


def test_another_librarys_s3_is_told_of() -> None:
    code = """
import shutil, tempfile, s3native._core, tensorflow as tf
with tempfile.TemporaryDirectory() as folder:
    tf.experimental.register_filesystem_plugin(shutil.copy(s3native._core.__file__, folder))
import s3native.tensorflow
"""
    done = run(code)
    assert "RuntimeError: another library" in done.stderr


@pytest.mark.parametrize(
    "order",
    [
        "torch, tensorflow, s3native.tensorflow",
        "tensorflow, s3native.tensorflow, torch",
        "s3native.tensorflow, torch",
        "s3native, torch, s3native.tensorflow",
    ],
)
def test_beside_pytorch(order: str, root: str) -> None:
    pytest.importorskip("torch")
    code = f"""
import {order}
import tensorflow as tf, torch
tf.io.write_file("{root}/a", "text")
print(tf.io.read_file("{root}/a").numpy(), int(torch.ones(3).sum()), float(tf.reduce_sum([1.0])))
"""
    done = run(code)
    assert done.stdout == "b'text' 3 1.0\n", done.stderr


def test_exit_is_quiet_with_files_open(root: str) -> None:
    code = f"""
import threading, s3native.tensorflow, tensorflow as tf
tf.io.write_file("{root}/a", b"x" * 30_000_000)
reader = tf.io.gfile.GFile("{root}/a", "rb")
reader.read(10)
writer = tf.io.gfile.GFile("{root}/b", "wb")
writer.write(b"x" * 10_000_000)
records = iter(tf.data.Dataset.list_files("{root}/*").repeat().map(tf.io.read_file).prefetch(4))
next(records)
print("done")
"""
    done = run(code)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    lines = done.stderr.splitlines()
    assert [line for line in lines if "s3native" in line or "rror" in line.split(":")[0]] == []


def test_a_forked_child_has_an_engine_of_its_own(root: str) -> None:
    code = f"""
import os, s3native.tensorflow, tensorflow as tf
with tf.io.gfile.GFile("{root}/a", "w") as file:
    file.write("text")
child = os.fork()
if child == 0:
    os._exit(0 if tf.io.gfile.GFile("{root}/a").read() == "text" else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(tf.io.gfile.GFile("{root}/a").read())
"""
    done = run(code)
    assert done.stdout == "0\ntext\n", done.stderr

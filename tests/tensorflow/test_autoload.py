"""`import tensorflow` alone, where the hook is installed."""

from __future__ import annotations

import subprocess
import sysconfig
import venv
from pathlib import Path

import s3native

PROGRAM = """if True:
    import sys
    import tensorflow as tf
    from tensorflow.python.lib.io import file_io
    with tf.io.gfile.GFile(sys.argv[1], "a") as file:
        file.write("hello")
    print(file_io.stat(sys.argv[1]).length, "s3native.tensorflow" in sys.modules)
"""


def test_s3_works_without_another_import(
    tmp_path: Path, root: str, s3native_client: s3native.Client
) -> None:
    venv.create(tmp_path, symlinks=True)
    (packages,) = tmp_path.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = str(tmp_path / "bin/python")

    def write() -> subprocess.CompletedProcess[str]:
        command = [python, "-c", PROGRAM, f"{root}/file"]
        return subprocess.run(command, capture_output=True, text=True)

    assert "UnimplementedError" in write().stderr
    subprocess.run([python, "-m", "s3native", "tensorflow", "install-autoload"], check=True)
    done = write()
    assert done.stdout == "5 True\n", done.stderr
    assert bytes(s3native_client.get(f"{root}/file")) == b"hello"
    subprocess.run([python, "-m", "s3native", "tensorflow", "remove-autoload"], check=True)
    assert "UnimplementedError" in write().stderr

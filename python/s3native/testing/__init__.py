"""A real S3 server for tests: MinIO on a free port of 127.0.0.1, gone when the process is.

Nothing here is imported by ``import s3native``. The server program is found by `find_minio`
and built once by ``python -m s3native.testing install-minio``.
"""

from s3native.testing.install import MinioNotFoundError, find_minio, install_minio
from s3native.testing.minio import MinioServer
from s3native.testing.process import ServerStartError

__all__ = [
    "MinioNotFoundError",
    "MinioServer",
    "ServerStartError",
    "find_minio",
    "install_minio",
]

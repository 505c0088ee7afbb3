"""A real S3 server for tests: MinIO on a free port of 127.0.0.1, gone when the process is.

Nothing here is imported by ``import s3native``. The server program is built once, by
``python -m s3native.testing install-minio``.
"""

from s3native.testing.go_program import GoProgram, ProgramNotFoundError
from s3native.testing.minio import MINIO, MinioServer
from s3native.testing.process import ServerStartError

__all__ = [
    "MINIO",
    "GoProgram",
    "MinioServer",
    "ProgramNotFoundError",
    "ServerStartError",
]

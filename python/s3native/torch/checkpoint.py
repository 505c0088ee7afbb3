"""`S3Checkpoint`: checkpoints as files that `torch.save` and `torch.load` take."""

from __future__ import annotations

from s3native.client import put_settings
from s3native.file import BUFFER_SIZE, ObjectWriter
from s3native.torch.config import S3ClientConfig, client_for
from s3native.torch.reader import S3Reader, S3ReaderConstructor


class S3Writer(ObjectWriter):
    """A binary file to write, of one object, that appears when it is closed, whole or not at all.

    All of `s3native.file.ObjectWriter`. When an exception leaves its `with`, or nobody closes it,
    what was there before stays.
    """


class S3Checkpoint:
    """Reads and writes checkpoints.

    Args:
        region: of the buckets; default: the environment's.
        endpoint: "HOST:PORT" or a URL of an S3 server; default: the environment's, or Amazon.
        s3client_config: settings of the client.
    """

    def __init__(
        self,
        region: str | None = None,
        endpoint: str | None = None,
        s3client_config: S3ClientConfig | None = None,
    ) -> None:
        self.region = region
        self.endpoint = endpoint
        self._config = s3client_config

    def reader(self, s3_uri: str) -> S3Reader:
        """Return a file for `torch.load`. Raises ValueError for what is no URL of an object."""
        client = client_for(self.region, self.endpoint, self._config)
        return S3ReaderConstructor.default().open(client, s3_uri, None)

    def writer(self, s3_uri: str) -> S3Writer:
        """Return a file for `torch.save`, for ``with``.

        Raises:
            ValueError: not the URL of an object. S3Error: S3 refuses what is written or its end.
        """
        client = client_for(self.region, self.endpoint, self._config)
        return S3Writer(client, s3_uri, "wb", put_settings({}), BUFFER_SIZE)

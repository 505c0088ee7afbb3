"""Just enough S3 to set a benchmark up and to check uploads, apart from every measured client."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from protocol import Target

_PAYLOAD = "UNSIGNED-PAYLOAD"
_READ_SIZE = 1 << 20


class S3Lite:
    """One plain-http connection with signed requests. Not thread-safe."""

    def __init__(self, target: Target) -> None:
        assert target.access_key and target.secret_key
        self._target = target
        self._access_key, self._secret_key = target.access_key, target.secret_key
        self._host = urlsplit(target.endpoint).netloc
        self._connection = http.client.HTTPConnection(self._host, timeout=60)

    def create_bucket(self) -> None:
        """Make the target's bucket and let anybody read it, so that raw loops can."""
        bucket = self._target.bucket
        self._call("PUT", f"/{bucket}")
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": ["*"]},
            "Action": ["s3:GetObject"],
            "Resource": [f"arn:aws:s3:::{bucket}/*"],
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()
        self._call("PUT", f"/{bucket}", "policy=", [policy], len(policy))

    def put(self, key: str, blocks: Iterable[bytes | memoryview], size: int) -> None:
        """Upload an object of ``size`` bytes that comes in blocks."""
        self._call("PUT", f"/{self._target.bucket}/{key}", "", blocks, size)

    def delete(self, key: str) -> None:
        """Delete an object."""
        self._call("DELETE", f"/{self._target.bucket}/{key}")

    def digest(self, key: str) -> str:
        """Return the SHA-256 of an object."""
        total = hashlib.sha256()
        answer = self._send("GET", f"/{self._target.bucket}/{key}")
        while block := answer.read(_READ_SIZE):
            total.update(block)
        return total.hexdigest()

    def _call(
        self,
        method: str,
        path: str,
        query: str = "",
        blocks: Iterable[bytes | memoryview] = (),
        size: int = 0,
    ) -> None:
        self._send(method, path, query, blocks, size).read()

    def _send(
        self,
        method: str,
        path: str,
        query: str = "",
        blocks: Iterable[bytes | memoryview] = (),
        size: int = 0,
    ) -> http.client.HTTPResponse:
        headers = self._sign(method, quote(path), query)
        headers["Content-Length"] = str(size)
        url = quote(path) + (f"?{query}" if query else "")
        self._connection.request(method, url, body=iter(blocks), headers=headers)
        answer = self._connection.getresponse()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {url}: {answer.status} {answer.read().decode()}")
        return answer

    def _sign(self, method: str, path: str, query: str) -> dict[str, str]:
        """Return the headers of a request signed with AWS signature version 4."""
        moment = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{moment[:8]}/{self._target.region}/s3/aws4_request"
        signed = {"host": self._host, "x-amz-content-sha256": _PAYLOAD, "x-amz-date": moment}
        names = ";".join(signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        request = "\n".join([method, path, query, lines, names, _PAYLOAD])
        hashed = hashlib.sha256(request.encode()).hexdigest()
        key = f"AWS4{self._secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}"
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        credential = f"Credential={self._access_key}/{scope}"
        return {
            **signed,
            "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, "
            f"Signature={signature}",
        }

"""What the benchmark and its client processes say to each other, one JSON object a line."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Target:
    """Where the objects are. Without an access key requests are unsigned, where a client can."""

    endpoint: str
    bucket: str
    access_key: str | None = None
    secret_key: str | None = None
    ca_bundle: str | None = None
    region: str = "us-east-1"

    def url(self, key: str) -> str:
        """Return the object's s3:// URL."""
        return f"s3://{self.bucket}/{key}"


@dataclass(frozen=True)
class Job:
    """One operation, repeated in rounds. Sizes are in bytes; ``keys`` are moved once a round."""

    operation: str
    target: Target
    keys: list[str]
    size: int = 0
    in_flight: int = 1
    memory_limit: int | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def from_json(values: dict[str, Any]) -> Job:
        """Rebuild a job from `to_json`."""
        return Job(**{**values, "target": Target(**values["target"])})

    def sample(self, count: int) -> Job:
        """Return the same job for its first keys."""
        return replace(self, keys=self.keys[:count])

    def to_json(self) -> dict[str, Any]:
        """Return the job as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Round:
    """One timed round in the client's process: CPU is user + system of all its threads."""

    seconds: float
    cpu_s: float
    moved_bytes: int
    count: int
    peak_rss_bytes: int = 0
    rss_growth_bytes: int = 0
    latencies_us: list[float] = field(default_factory=list)

"""What the benchmark and its client processes say to each other, one JSON object a line."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

LIMIT = "limit"
"""The name of the row that is no client, but the least that its requests can cost."""


@dataclass(frozen=True)
class Target:
    """Where the objects are, and as whom.

    Without an endpoint it is Amazon; without an access key and not anonymous, who it is comes from
    what each client looks at by itself: the environment, a profile, the machine's role.
    """

    endpoint: str | None
    bucket: str
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    anonymous: bool = False
    profile: str | None = None  # that was asked for, whatever the environment says
    ca_bundle: str | None = None
    region: str = "us-east-1"

    def environment(self) -> dict[str, str]:
        """Return the variables that say it, but for the endpoint, to clients that read those."""
        nobody = "unsigned" if self.anonymous else None
        variables = {
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key or nobody,
            "AWS_SECRET_ACCESS_KEY": self.secret_key or nobody,
            "AWS_CA_BUNDLE": self.ca_bundle,
        }
        return {name: value for name, value in variables.items() if value}

    def url(self, key: str) -> str:
        """Return the object's s3:// URL."""
        return f"s3://{self.bucket}/{key}"


@dataclass(frozen=True)
class Job:
    """One operation, repeated in rounds. Sizes are in bytes; ``keys`` are moved once a round.

    With ``duration_s`` a round lasts as long, and its keys are moved again and again. ``in_flight``
    is how many calls or objects there are at once.
    """

    operation: str
    target: Target
    keys: list[str]
    size: int = 0
    in_flight: int = 1
    duration_s: float = 0.0
    seed: int = 7
    memory_limit: int | None = None
    part_size: int | None = None
    scratch: str = ""  # a folder for the client's files
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def verified_keys(self) -> list[str]:
        """The objects whose bytes are compared: 64 small ones, or one."""
        stored_size = int(self.options.get("object_size", self.size))
        return self.keys[: 64 if stored_size <= 1 << 20 else 1]

    @staticmethod
    def from_json(values: dict[str, Any]) -> Job:
        """Rebuild a job from `to_json`."""
        return Job(**{**values, "target": Target(**values["target"])})

    def to_json(self) -> dict[str, Any]:
        """Return the job as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Round:
    """One timed round in the client's process: CPU is that of all its threads, and its children's.

    ``latencies_us`` has the calls that moved one object or range, and the objects of those that ask
    for many where the client takes each key when it asks for it; ``retries`` is None where the
    client does not tell; ``accelerator_s`` is how long an emulated accelerator computed, of the
    ``training_s`` since its first batch was there.
    """

    seconds: float
    user_s: float
    system_s: float
    moved_bytes: int
    count: int
    peak_rss_bytes: int = 0
    rss_growth_bytes: int = 0
    retries: int | None = None
    errors: int = 0
    first_error: str = ""
    accelerator_s: float = 0.0
    training_s: float = 0.0
    latencies_us: list[float] = field(default_factory=list)

    @property
    def cpu_s(self) -> float:
        """User and system time together."""
        return self.user_s + self.system_s

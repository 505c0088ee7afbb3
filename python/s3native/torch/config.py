"""`S3ClientConfig`, and the clients made from it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch.utils.data

from s3native.client import Client

_LEAST_SHARE = 64 << 20
"""Bytes of memory that a worker gets at least: eight parts in flight."""


@dataclass(frozen=True)
class S3ClientConfig:
    """Settings of the S3 client; those of s3torchconnector, with its defaults.

    Args:
        throughput_target_gbps: sets the number of connections that large transfers open, one for
            each Gbps.
        part_size: bytes of one part of a large transfer; 8 MiB. It grows with an upload that would
            have more than 10 000 parts.
        unsigned: send requests without credentials.
        force_path_style: the bucket's name in the path; else it is where the endpoint wants it.
        max_attempts: of each request, any number from 1 on.
        profile: AWS profile for credentials and settings.
    """

    throughput_target_gbps: float = 10.0
    part_size: int = 8 * 1024 * 1024
    unsigned: bool = False
    force_path_style: bool = False
    max_attempts: int = 10
    profile: str | None = None


def client_for(
    region: str | None, endpoint: str | None = None, config: S3ClientConfig | None = None
) -> Client:
    """Return the process's client with these settings.

    In a DataLoader's worker it has the worker's share of the memory that one process would take.
    """
    worker = torch.utils.data.get_worker_info()
    sharers = worker.num_workers if worker else 1
    sharers *= int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # torchrun's: processes of this machine
    return _client(region, endpoint, config or S3ClientConfig(), sharers)


@cache
def _client(
    region: str | None, endpoint: str | None, config: S3ClientConfig, sharers: int
) -> Client:
    options: dict[str, Any] = {
        "region": region,
        "endpoint": endpoint,
        "profile": config.profile,
        "part_size": config.part_size,
        "throughput_target_gbps": config.throughput_target_gbps,
        "max_attempts": config.max_attempts,
    }
    if config.unsigned:
        options["credentials"] = "anonymous"
    if config.force_path_style:
        options["addressing"] = "path"
    client = Client(**options)
    if sharers == 1:
        return client
    whole = int(client.config.memory_limit)
    return Client(**options, memory_limit=max(_LEAST_SHARE, whole // sharers))

"""A server of `test_data_service`, in a process of its own, as the `tf.data` service is deployed.

python data_service.py dispatcher URL PORT
python data_service.py worker ADDRESS
"""

from __future__ import annotations

import sys

import s3native.tensorflow  # noqa: F401
import tensorflow as tf

service = tf.data.experimental.service
WORKERS = ["localhost:%port%"] * 2


def dispatcher(url: str, port: str) -> None:
    """Run the one that hands out the work, and keeps what it knows at the URL."""
    config = service.DispatcherConfig(
        port=int(port), work_dir=url, fault_tolerant_mode=True, worker_addresses=WORKERS
    )
    serve(service.DispatchServer(config))


def worker(address: str) -> None:
    """Run one that does the work that the dispatcher there hands out."""
    serve(service.WorkerServer(service.WorkerConfig(address, heartbeat_interval_ms=100)))


def serve(server: object) -> None:
    """Say that it is there, and go on until the process is ended."""
    print("serving", flush=True)
    server.join()  # type: ignore[attr-defined]


if __name__ == "__main__":
    {"dispatcher": dispatcher, "worker": worker}[sys.argv[1]](*sys.argv[2:])

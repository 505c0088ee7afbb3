"""The command ``python -m s3native.testing``: build the test server, or run it until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys

from s3native.testing import MINIO, MinioServer, ProgramNotFoundError, ServerStartError


def main(arguments: list[str] | None = None) -> int:
    """Run one verb and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m s3native.testing", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("install-minio", help="build MinIO into the cache folder (about 3 minutes)")
    serve = verbs.add_parser("serve", help="run a MinIO of your own until Ctrl-C")
    serve.add_argument("--tls", action="store_true", help="serve https, certificate included")
    run = verbs.add_parser("run", help="run a command with a MinIO of its own in its environment")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    options = parser.parse_args(arguments)
    try:
        if options.verb == "install-minio":
            return _install()
        return _run(options.command) if options.verb == "run" else _serve(tls=options.tls)
    except (ProgramNotFoundError, ServerStartError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _install() -> int:
    print(MINIO.install())
    return 0


def _run(command: list[str]) -> int:
    with MinioServer() as server:
        return subprocess.run(
            command, env=os.environ | server.environment(), check=False
        ).returncode


def _serve(*, tls: bool) -> int:
    with MinioServer(tls=tls) as server:
        for name, value in server.environment().items():
            print(f"export {name}={value}", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m s3native``: the command `s3native`."""

from s3native.cli import main

main()

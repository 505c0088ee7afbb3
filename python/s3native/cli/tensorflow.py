"""`s3native tensorflow`."""

from __future__ import annotations

import click

from s3native import autoload


@click.group("tensorflow")
def command() -> None:
    """Have `import tensorflow` alone make s3:// work, in this Python environment.

    \b
    s3native tensorflow install-autoload
    s3native tensorflow remove-autoload
    """


@command.command("install-autoload")
def install_autoload() -> None:
    """Have it do so from the next start of Python on.

    \b
    s3native tensorflow install-autoload
    """
    folder = autoload.environment()
    autoload.install(folder)
    print(f"import tensorflow imports s3native.tensorflow, too: {folder}")


@command.command("remove-autoload")
def remove_autoload() -> None:
    """Have it no longer do so.

    \b
    s3native tensorflow remove-autoload
    """
    folder = autoload.environment()
    removed = autoload.remove(folder)
    print(f"{'removed from' if removed else 'nothing to remove in'} {folder}")

"""The command `s3native`: one file per verb, imported when it is used."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys

import click

import s3native

VERBS = {
    "bench": "Measure S3 from this machine, with this and other clients.",
    "cat": "Write objects to standard output.",
    "cp": "Copy files and objects.",
    "doctor": "Find out why S3 cannot be reached.",
    "du": "Add up the sizes of objects.",
    "ls": "List buckets and objects.",
    "mb": "Make a bucket.",
    "rm": "Remove objects.",
    "stat": "Show what S3 knows about an object.",
    "sync": "Make a folder or prefix like another.",
    "tensorflow": "Have `import tensorflow` alone make s3:// work.",
}


class Verbs(click.Group):
    """Loads a verb's module when the verb is used; its help is known before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of the alphabet."""
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the verb, or nothing if there is none of that name."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"s3native.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(VERBS.items()))


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Each command has examples: s3native COMMAND --help",
)
@click.version_option(s3native.__version__, prog_name="s3native")
def cli() -> None:
    """Move files and objects between here and S3.

    \b
    s3native ls s3://bucket/prefix/
    s3native cp -r data/ s3://bucket/data/
    s3native sync s3://bucket/data/ data/
    s3native doctor s3://bucket
    """


def main() -> None:
    """Run the command line; exits with 0, 1 (something failed), 2 (wrong use) or 130 (Ctrl-C).

    SIGTERM and SIGHUP end it as Ctrl-C does: what is half done is undone.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # and not ignored, as by nohup
            signal.signal(number, signal.default_int_handler)
    # Listings make millions of tuples and no cycles.
    gc.set_threshold(200_000, 20, 20)
    try:
        code = cli.main(prog_name="s3native", standalone_mode=False) or 0
    except click.ClickException as fault:
        fault.show()
        code = fault.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:  # whoever read our output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except (s3native.S3Error, OSError, ValueError) as error:
        print(f"s3native: {error}", file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # without waiting for threads: whatever had to be undone is

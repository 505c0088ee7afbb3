"""`s3native cp`."""

from __future__ import annotations

import glob
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from typing import Any

import click

import s3native
from s3native.cli import common
from s3native.transfer.listing import Links, files_below, objects_meant
from s3native.transfer.places import LocalPlace, Place, S3Place
from s3native.transfer.plan import Entry, Filter, Step, as_files
from s3native.transfer.run import Runner
from s3native.transfer.same import Unless, is_current, is_there
from s3native.transfer.tasks import Move, Refuse, Task, move, task_of

_PIECE = 8 << 20


@click.command("cp")
@click.argument("sources", nargs=-1, required=True, type=common.PLACE)
@click.argument("target", type=common.PLACE)
@click.option("-r", "--recursive", is_flag=True, help="All that is below the sources.")
@click.option("-u", "--update", is_flag=True, help="Leave out what is there, as large and as new.")
@click.option("--no-clobber", is_flag=True, help="Never replace an object or a file.")
@common.no_glob_option
@common.no_links_option
@common.stored_options
@common.transfer_options
@common.connection_options
def command(
    client: s3native.Client, sources: tuple[Place, ...], target: Place, **options: Any
) -> None:
    """Copy files to S3, objects to files, or objects to objects.

    "-" is standard input or output. Where the target ends with "/", is a folder, or there are many
    sources, they go below it. Objects and files appear whole or not at all; files get the objects'
    times. Wildcards in keys also match "/".

    \b
    s3native cp model.pt s3://bucket/models/
    s3native cp s3://bucket/models/model.pt .
    s3native cp -r data/ s3://bucket/data/
    s3native cp 's3://bucket/logs/2026-*.gz' logs/
    s3native cp -r s3://bucket/data/ s3://other/data/
    tar c data | s3native cp - s3://bucket/data.tar
    """
    settings = common.stored_settings(options)
    names = common.filter_from(options)
    update, no_clobber = options.pop("update"), options.pop("no_clobber")
    plan = _Plan(
        client,
        target,
        settings,
        names,
        recursive=options.pop("recursive"),
        wildcards=not options.pop("no_glob"),
        links="none" if options.pop("no_follow_symlinks") else "follow",
    )
    if any(isinstance(place, LocalPlace) and place.is_stream for place in (*sources, target)):
        if update:
            raise click.UsageError('"-" has no time: --update does not go with it')
        dry_run = options["dry_run"]
        _stream(client, sources, target, settings, no_clobber=no_clobber, dry_run=dry_run)
        return
    if all(isinstance(place, LocalPlace) for place in (*sources, target)):
        raise click.UsageError("one of the places must be an s3:// URL")

    def tasks(runner: Runner) -> Iterator[Task]:
        check = is_there if no_clobber else is_current if update else None
        for task in plan.tasks(sources, runner):
            yield Unless(task, check) if check and isinstance(task, Move) else task

    common.transfer(client, tasks, **options)


class _Plan:
    """Which tasks sources and target mean."""

    def __init__(
        self,
        client: s3native.Client,
        target: Place,
        settings: dict[str, Any],
        names: Filter,
        *,
        recursive: bool,
        wildcards: bool,
        links: Links,
    ) -> None:
        self._client = client
        self._target = target
        self._settings = settings
        self._names = names
        self._recursive = recursive
        self._wildcards = wildcards
        self._links = links

    def tasks(self, sources: tuple[Place, ...], runner: Runner) -> Iterator[Task]:
        """Yield them; what cannot be read is reported to the runner."""
        found = [each for source in sources for each in self._expand(source)]
        below = self._is_folder() or len(found) > 1
        for source in found:
            try:
                if isinstance(source, S3Place):
                    yield from self._of_objects(source, below)
                elif os.path.isdir(source.path):
                    yield from self._of_folder(source, runner)
                else:
                    yield from self._of_file(source, below)
            except (s3native.S3Error, OSError, ValueError) as error:
                runner.fail(str(source), error)  # the others are copied

    def _expand(self, source: Place) -> list[Place]:
        """A local pattern that no shell has expanded."""
        if isinstance(source, S3Place) or os.path.lexists(source.path):
            return [source]
        found = sorted(glob.glob(source.path, recursive=True)) if self._wildcards else []
        return [LocalPlace(path) for path in found] or [source]

    def _is_folder(self) -> bool:
        if isinstance(self._target, S3Place):
            return self._target.is_folder
        return common.is_local_folder(self._target)

    def _of_file(self, source: LocalPlace, below: bool) -> Iterator[Task]:
        try:
            status = os.stat(source.path)
        except OSError as error:
            yield Refuse(source.path, error.strerror or str(error))
            return
        if stat.S_ISREG(status.st_mode):
            entry = Entry(source.name, status.st_size, status.st_mtime)
            yield from self._one(source, entry, below)
        else:
            yield Refuse(source.path, 'neither a file nor a folder; "-" copies standard input')

    def _of_folder(self, source: LocalPlace, runner: Runner) -> Iterator[Task]:
        if not self._recursive:
            yield Refuse(source.path, "a folder is copied with --recursive only")
            return
        entries = files_below(source.path, runner.fail, self._links)
        for found in self._names.of(entries):
            yield self._below(source, Step("copy", Entry(*found)))

    def _of_objects(self, source: S3Place, below: bool) -> Iterator[Task]:
        meant = objects_meant(
            self._client, source, recursive=self._recursive, wildcards=self._wildcards
        )
        if meant is not None:
            root, entries = meant
            steps = (Step("copy", Entry(*found)) for found in self._names.of(entries))
            for step in as_files(steps) if isinstance(self._target, LocalPlace) else steps:
                yield self._below(root, step)
        elif source.is_folder:
            yield Refuse(source.url, "what is below a prefix is copied with --recursive only")
        else:
            info = self._client.head(source.url)
            entry = Entry(source.name, info.size, info._last_modified_ms / 1000)
            yield from self._one(source, entry, below)

    def _below(self, root: Place, step: Step) -> Task:
        """Of what lies below a folder or prefix, to below the target."""
        return task_of(step, root, self._target, self._settings)

    def _one(self, source: Place, entry: Entry, below: bool) -> Iterator[Task]:
        if self._names(entry.name):
            target = self._target.below(entry.name) if below else self._target
            yield move(source, target, entry, self._settings)


def _stream(
    client: s3native.Client,
    sources: tuple[Place, ...],
    target: Place,
    settings: dict[str, Any],
    *,
    no_clobber: bool,
    dry_run: bool,
) -> None:
    """From standard input, or to standard output."""
    (source,) = sources if len(sources) == 1 else (None,)
    if isinstance(source, LocalPlace) and isinstance(target, S3Place) and not target.is_folder:
        if dry_run:
            print(f"upload {source} -> {target}")
            return
        mode = "xb" if no_clobber else "wb"
        with client.open(target.url, mode, **settings) as out:
            shutil.copyfileobj(sys.stdin.buffer, out, _PIECE)
    elif isinstance(source, S3Place) and isinstance(target, LocalPlace):
        if dry_run:
            print(f"download {source} -> {target}")
            return
        write_to_stdout(client, source.url)
    else:
        raise click.UsageError('"-" goes with one s3:// URL of an object')


def write_to_stdout(
    client: s3native.Client, url: str, start: int = 0, end: int | None = None
) -> None:
    """Write an object, or bytes [start, end) of it, to standard output."""
    with client.open(url, access="sequential") as file:
        file.seek(start)
        while view := file.readview(_PIECE if end is None else min(_PIECE, end - file.tell())):
            sys.stdout.buffer.write(view)
    sys.stdout.buffer.flush()

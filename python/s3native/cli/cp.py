"""`s3native cp`."""

from __future__ import annotations

import glob
import os
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import click

import s3native
from s3native.cli import common
from s3native.transfer.listing import files_below, objects_below
from s3native.transfer.places import LocalPlace, Place, S3Place
from s3native.transfer.plan import Entry, Filter, Found, Step, as_files
from s3native.transfer.run import Runner
from s3native.transfer.tasks import Copy, Download, Refuse, Task, Upload

_PIECE = 8 << 20


@click.command("cp")
@click.argument("sources", nargs=-1, required=True, type=common.PLACE)
@click.argument("target", type=common.PLACE)
@click.option("-r", "--recursive", is_flag=True, help="All that is below the sources.")
@click.option("-u", "--update", is_flag=True, help="Leave out what is there, as large and as new.")
@click.option("--no-clobber", is_flag=True, help="Never replace an object or a file.")
@click.option("--no-glob", is_flag=True, help="Take *, ? and [ in keys as they are.")
@click.option("--no-follow-symlinks", is_flag=True, help="Leave symbolic links out.")
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
        follow=not options.pop("no_follow_symlinks"),
    )
    if any(isinstance(place, LocalPlace) and place.is_stream for place in (*sources, target)):
        _stream(client, sources, target, settings, no_clobber=no_clobber)
        return
    if all(isinstance(place, LocalPlace) for place in (*sources, target)):
        raise click.UsageError("one of the places must be an s3:// URL")

    def tasks(runner: Runner) -> Iterator[Task]:
        for task in plan.tasks(sources, runner):
            wanted = not (update or no_clobber)
            if wanted or not _is_there(client, task, newer_is_enough=update):
                yield task

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
        follow: bool,
    ) -> None:
        self._client = client
        self._target = target
        self._settings = settings
        self._names = names
        self._recursive = recursive
        self._wildcards = wildcards
        self._follow = follow

    def tasks(self, sources: tuple[Place, ...], runner: Runner) -> Iterator[Task]:
        """Yield them; what cannot be read is reported to the runner."""
        found = [each for source in sources for each in self._expand(source)]
        below = self._is_folder() or len(found) > 1
        for source in found:
            if isinstance(source, S3Place):
                yield from self._of_objects(source, below)
            elif os.path.isdir(source.path):
                yield from self._of_folder(source, runner)
            else:
                yield self._of_file(source, below)

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

    def _of_file(self, source: LocalPlace, below: bool) -> Task:
        target = self._target.below(source.name) if below else self._target
        assert isinstance(target, S3Place)
        try:
            size = os.stat(source.path).st_size
        except OSError as error:
            return Refuse(source.path, error.strerror or str(error))
        return Upload(source.path, target.url, size, self._settings)

    def _of_folder(self, source: LocalPlace, runner: Runner) -> Iterator[Task]:
        if not self._recursive:
            yield Refuse(source.path, "a folder is copied with --recursive only")
            return
        entries = files_below(source.path, runner.fail, follow_symlinks=self._follow)
        for found in self._names.of(entries):
            yield upload(source, Entry(*found), self._target, self._settings)

    def _of_objects(self, source: S3Place, below: bool) -> Iterator[Task]:
        pattern = source.pattern if self._wildcards else ""
        entries: Iterator[Found]
        if pattern:
            root = source.before_wildcards()
            wanted = Filter([pattern])
            entries = (e for e in objects_below(self._client, root) if wanted(root.key + e[0]))
        elif self._recursive:
            root = source.folder()
            entries = objects_below(self._client, root)
        elif source.is_folder:
            yield Refuse(source.url, "what is below a prefix is copied with --recursive only")
            return
        else:
            info = self._client.head(source.url)
            entry = Entry(source.name, info.size, info._last_modified_ms / 1000)
            yield self._one(source, entry, below)
            return
        steps: Iterator[Step] = (Step("copy", Entry(*found)) for found in self._names.of(entries))
        if isinstance(self._target, LocalPlace):
            steps = as_files(steps)
        for step in steps:
            if step.action == "refuse":
                yield Refuse(root.below(step.entry.name).url, step.reason)
            else:
                yield fetch(root, step.entry, self._target, self._settings)

    def _one(self, source: S3Place, entry: Entry, below: bool) -> Task:
        target = self._target.below(entry.name) if below else self._target
        if isinstance(target, S3Place):
            return Copy(source.url, target.url, entry.size, self._settings)
        return Download(source.url, target.path, entry.size, entry.mtime_s)


def upload(source: LocalPlace, entry: Entry, target: Place, settings: dict[str, Any]) -> Task:
    """The upload of an entry below a folder to below a prefix."""
    assert isinstance(target, S3Place)
    return Upload(
        os.path.join(source.path, entry.name), target.below(entry.name).url, entry.size, settings
    )


def fetch(source: S3Place, entry: Entry, target: Place, settings: dict[str, Any]) -> Task:
    """The transfer of an entry below a prefix to below a folder or another prefix."""
    url = S3Place(source.bucket, source.key + entry.name).url
    if isinstance(target, S3Place):
        return Copy(url, target.below(entry.name).url, entry.size, settings)
    return Download(url, target.below(entry.name).path, entry.size, entry.mtime_s)


def _is_there(client: s3native.Client, task: Task, *, newer_is_enough: bool) -> bool:
    """Whether a task's target exists; and with that, is as large and as new as the source."""
    if isinstance(task, Download):
        try:
            there = os.stat(task.path)
        except FileNotFoundError:
            return False
        same = there.st_size == task.size and int(there.st_mtime) >= int(task.mtime_s or 0)
        return same or not newer_is_enough
    if isinstance(task, Refuse):
        return False
    assert isinstance(task, Upload | Copy)
    try:
        info = client.head(task.url)
    except s3native.NotFoundError:
        return False
    if not newer_is_enough:
        return True
    if isinstance(task, Upload):
        source_s = os.stat(task.path).st_mtime
    else:
        source_s = client.head(task.source)._last_modified_ms / 1000
    return info.size == task.size and info._last_modified_ms // 1000 >= int(source_s)


def _stream(
    client: s3native.Client,
    sources: tuple[Place, ...],
    target: Place,
    settings: dict[str, Any],
    *,
    no_clobber: bool,
) -> None:
    """From standard input, or to standard output."""
    (source,) = sources if len(sources) == 1 else (None,)
    if isinstance(source, LocalPlace) and isinstance(target, S3Place) and not target.is_folder:
        mode = "xb" if no_clobber else "wb"
        with client.open(target.url, mode, **settings) as out:
            shutil.copyfileobj(sys.stdin.buffer, out, _PIECE)
    elif isinstance(source, S3Place) and isinstance(target, LocalPlace):
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

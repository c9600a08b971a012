"""Backups of the state: each one complete file, taken beside a running daemon, and readable by its owner alone."""

from __future__ import annotations

import contextlib
import glob
import os
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from state.backups import automatic_backups, way_back
from state.connection import connect
from state.errors import CorruptError, MissingError, ReadOnlyError, telling
from state.schema import require_ours

KEPT_AUTOMATIC_BACKUPS: Final = 5
_PARTIAL: Final = ".partial"
_ABANDONED_SECONDS: Final = 3600


def back_up(path: Path, target: Path) -> Path:
    """Copy the state at `path` as it is at one moment into the new file `target`, of whatever schema version.

    Nothing appears under that name before it is whole, checked and on disk. Raises StateError, also where
    `target` exists.
    """
    database = connect(path, create=False, readonly=True)
    with closing(database.conn) as source:
        require_ours(database, path)
        copy(source, path, target)
    return target


def back_up_beside(path: Path) -> Path:
    """The same into a new file beside it, named by the time, and let go of the oldest ones named so."""
    real = path.resolve()
    for left in real.parent.glob(f"{glob.escape(real.name)}.backup-*Z{_PARTIAL}"):
        with contextlib.suppress(OSError):  # it was published or removed meanwhile
            if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                left.unlink()
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    made = back_up(path, real.with_name(f"{real.name}.backup-{moment}"))
    for old in automatic_backups(path)[KEPT_AUTOMATIC_BACKUPS:]:
        old.unlink(missing_ok=True)
    return made


def copy(source: sqlite3.Connection, path: Path, target: Path) -> None:
    """What `back_up` does, from a connection that is open already."""
    if os.path.lexists(target):
        raise _refused(target)
    partial = target.with_name(target.name + _PARTIAL)
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError as error:
        hint = "another backup is under way; if none is, remove that file"
        raise MissingError("write", target, f"{partial} exists", hint) from error
    except OSError as error:
        hint = "name a file in a folder that exists and that you may write to"
        raise ReadOnlyError("write", target, str(error.strerror), hint) from error
    try:
        _fill(source, path, partial)
        _publish(partial, target)
    finally:
        for left in (partial, partial.with_name(partial.name + "-journal")):
            left.unlink(missing_ok=True)


def _fill(source: sqlite3.Connection, path: Path, partial: Path) -> None:
    with telling("back up to", partial):
        copied = sqlite3.connect(f"{partial.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    with closing(copied):
        with telling("back up", path):
            source.backup(copied)  # in one step: one moment, and a daemon that writes on
        with telling("back up to", partial):
            # One file, with nothing beside it that could get lost; the daemon that takes it up turns WAL on again.
            copied.execute("PRAGMA journal_mode = DELETE")
            found = copied.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise CorruptError(
            "back up", path, f"the state is damaged: {' '.join(found.split())}", way_back(path)
        )


def _publish(partial: Path, target: Path) -> None:
    """Under its name in one step, and never over another file."""
    try:
        descriptor = os.open(partial, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.link(partial, target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError as error:
        raise _refused(target) from error
    except OSError as error:
        raise ReadOnlyError(
            "write", target, str(error.strerror), "choose a folder on a disk that can keep it"
        ) from error


def _refused(target: Path) -> MissingError:
    return MissingError("write", target, "that file exists", "name a new one; a backup overwrites nothing")

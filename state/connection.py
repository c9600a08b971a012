"""Opening the file: one connection for one thread, with the settings that the promises rest on."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from state.errors import MissingError, ReadOnlyError, WriterRunningError, telling

BUSY_SECONDS: Final = 5
WRITER_BUSY_SECONDS: Final = 1
"""The daemon waits for less: it tries again by itself, and must say soon that somebody holds the state locked."""

_PRAGMAS: Final = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",  # 0.2 ms a commit; a lost outbox row costs more
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 67108864",
)


def connect(path: Path, *, create: bool, readonly: bool) -> Database:
    """A database on `path`. A new file is readable by its owner alone, and so are its WAL and index."""
    if not path.parent.is_dir():
        raise MissingError(
            "open", path, f"the folder {path.parent} does not exist", "create it, or correct [daemon] state"
        )
    if path.is_dir():
        raise MissingError("open", path, "is a folder", "[daemon] state must name a file")
    if create:
        _create(path)
    elif not path.exists():
        raise MissingError(
            "open", path, "there is no state yet", "start `subtally run` once, it makes the state"
        )
    mode = "ro" if readonly else "rw"
    with telling("open", path):
        # A URI never makes a file by mistake; what has a meaning in one is quoted by as_uri.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=BUSY_SECONDS
        )
        try:
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            # The first look at the file itself: what is no database says so here.
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            connection.close()
            raise
    return Database(connection)


def _create(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except PermissionError as error:
        raise ReadOnlyError(
            "open", path, str(error.strerror), "make it writable for the daemon's user"
        ) from error
    except OSError as error:
        raise MissingError("open", path, str(error.strerror), "[daemon] state must name a file") from error


def be_impatient(db: Database, path: Path) -> None:
    """From here on wait for other processes only as long as a daemon may."""
    with telling("open", path):
        db.conn.execute(f"PRAGMA busy_timeout = {int(min(BUSY_SECONDS, WRITER_BUSY_SECONDS) * 1000)}")


@contextmanager
def transaction(db: Database, operation: str, path: Path) -> Iterator[sqlite3.Connection]:
    """All or none of what is done inside. It takes the write lock first, so that what it reads stays true."""
    with telling(operation, path):
        db.conn.execute("BEGIN IMMEDIATE")
        try:
            yield db.conn
            db.conn.execute("COMMIT")
        except BaseException:
            if db.conn.in_transaction:  # a full disk has already rolled back
                db.conn.execute("ROLLBACK")
            raise


class WriterLock:
    """At most one daemon per state: a lock on `PATH.lock` that the kernel drops with its process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        real = path.resolve()  # two names of one file are one state
        self._lock_path = real.with_name(real.name + ".lock")
        self._descriptor: int | None = None

    def take(self) -> None:
        """Raises WriterRunningError, which names the process that has it. Taking it twice is fine."""
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            reason = f"cannot open {self._lock_path}: {error.strerror}"
            raise ReadOnlyError(
                "lock", self._path, reason, "make the folder writable for the daemon's user"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise WriterRunningError(self._path, int(holder) if holder.isdecimal() else None) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """The file stays: removing it would let two daemons lock two files of one name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

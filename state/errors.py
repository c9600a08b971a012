"""What can go wrong with the state file, and the one place that reads SQLite's own errors.

    StateError              nothing was changed
    ├── BusyError           another process holds the database: retry
    ├── DiskFullError       no room to write: retry, the operator makes room meanwhile
    ├── ReadOnlyError       the file may not be written: retry, the operator repairs it meanwhile
    ├── DiskError           the disk failed to read or write: retry
    ├── MissingError        the folder, the file or the row asked for is not there: stop
    ├── WriterRunningError  another daemon owns this state: stop
    ├── SchemaError         made by an older or newer Subtally: stop
    ├── CorruptError        damaged, or no database of ours: stop
    └── StatementError      SQLite refused what we asked, which is a fault of ours: stop

`retry` on each class says whether the same operation may succeed later.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from state.backups import way_back

__all__ = [
    "BusyError",
    "CorruptError",
    "DiskError",
    "DiskFullError",
    "MissingError",
    "ReadOnlyError",
    "SchemaError",
    "StateError",
    "StatementError",
    "WriterRunningError",
    "damage",
    "telling",
]


class StateError(Exception):
    """`operation` is what was tried, `reason` what happened, `hint` how to repair it."""

    retry: ClassVar[bool] = False

    def __init__(self, operation: str, path: Path, reason: str, hint: str) -> None:
        super().__init__(f"{operation} {path}: {reason}; {hint}")
        self.operation = operation
        self.path = path
        self.reason = reason
        self.hint = hint


class BusyError(StateError):
    """Another process holds the database."""

    retry = True


class DiskFullError(StateError):
    """There is no room to write."""

    retry = True


class ReadOnlyError(StateError):
    """The file may not be written."""

    retry = True


class DiskError(StateError):
    """The disk failed to read or write."""

    retry = True


class MissingError(StateError):
    """The folder, the file or the row asked for is not there."""


class WriterRunningError(StateError):
    """Another daemon, of process id `pid`, owns this state."""

    def __init__(self, path: Path, pid: int | None) -> None:
        who = "another process" if pid is None else f"process {pid}"
        super().__init__(
            "lock", path, f"{who} already runs on this state", "stop it first, or name another [daemon] state"
        )
        self.pid = pid


class SchemaError(StateError):
    """The file has schema version `found`, the program needs `needed`."""

    def __init__(self, path: Path, found: int, needed: int) -> None:
        if found > needed:
            hint = "update this Subtally, or restore a backup made before the update"
        else:
            hint = "start `subtally run` once, it updates the state"
        reason = f"schema version {found}, but this program needs {needed}"
        super().__init__("open", path, reason, hint)
        self.found = found
        self.needed = needed


class CorruptError(StateError):
    """Damaged, or no database of ours."""


class StatementError(StateError):
    """SQLite refused what we asked."""


_NO_TEXT: Final = "Could not decode to UTF-8"

# By primary result code: https://www.sqlite.org/rescode.html
_BY_CODE: dict[int, tuple[type[StateError], str]] = {
    sqlite3.SQLITE_BUSY: (BusyError, "see who has it open (`fuser` names the process); it is tried again"),
    sqlite3.SQLITE_LOCKED: (BusyError, "see who has it open (`fuser` names the process); it is tried again"),
    sqlite3.SQLITE_FULL: (DiskFullError, "make room on that disk; it is tried again"),
    sqlite3.SQLITE_READONLY: (ReadOnlyError, "make file and folder writable for the daemon's user"),
    sqlite3.SQLITE_PERM: (ReadOnlyError, "make file and folder writable for the daemon's user"),
    sqlite3.SQLITE_IOERR: (DiskError, "look at the disk (`dmesg`, `df -h`); it is tried again"),
    sqlite3.SQLITE_CANTOPEN: (
        MissingError,
        "the daemon's user must be able to read and write file and folder",
    ),
    sqlite3.SQLITE_CORRUPT: (CorruptError, "{way_back}"),
    sqlite3.SQLITE_NOTADB: (
        CorruptError,
        "it is left untouched. If another file is meant, name it as [daemon] state; if this was the state, {way_back}",
    ),
}


REASON_MOST: Final = 200
"""Characters of a reason: SQLite quotes a text that it cannot decode at any length."""


@contextmanager
def telling(operation: str, path: Path) -> Iterator[None]:
    """Turn what SQLite raises inside into the StateError that says what to do; what cannot be read is damage."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        kind, hint = _BY_CODE.get(
            -1 if code is None else code & 0xFF, (StatementError, "this is a bug: please report it")
        )
        if str(error).startswith(_NO_TEXT):  # raised by Python's own module, without a code
            kind, hint = CorruptError, "{way_back}"
        if kind is CorruptError:
            hint = hint.format(way_back=way_back(path))
        raise kind(operation, path, str(error)[:REASON_MOST], hint) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise damage(operation, path, error) from error


def damage(operation: str, path: Path, error: Exception) -> CorruptError:
    """What is stored is not what was stored, although SQLite can read it."""
    reason = f"what is stored cannot be read ({type(error).__name__})"
    return CorruptError(operation, path, reason, way_back(path))

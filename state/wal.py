"""SQLite's write-ahead log on its way into the file, on a connection and a thread of its own: no commit waits for it.

SQLite would do it within every commit that finds the log long, with two waits for the disk. Done beside the commits it
takes as much from them as the disk is shared. What it cannot do, for want of room or of a moment without writers, the
writer does after all once the log is very long.
"""

from __future__ import annotations

import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

from state.connection import connect
from state.errors import StateError

if TYPE_CHECKING:
    from sqlite_utils import Database

EVERY_SECONDS: Final = 2.0
"""Between two goes, while somebody writes: pages that are written again and again go into the file once."""

GOES_MOST: Final = 5
"""In a row: only where no commit came in between does the next one begin at the log's start again."""

LONGEST_PAGES: Final = 16_384
"""64 MiB, from where on the writer does it itself, within its commits."""


class Wal:
    """The log of one state. `relieve` and `after` belong to the thread of its writer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="state log")
        self._db: Database | None = None
        self._changes = 0  # that the writer had made when the last go was asked for
        self._not_before = 0.0
        self._carrying = False

    @staticmethod
    def relieve(writer: sqlite3.Connection) -> None:
        """Its commits need not do it any more."""
        writer.execute(f"PRAGMA wal_autocheckpoint = {LONGEST_PAGES}")

    def after(self, writer: sqlite3.Connection) -> None:
        """Carry into the file what was committed, unless that goes on, or was done just now."""
        if self._changes == writer.total_changes or self._carrying or monotonic() < self._not_before:
            return
        self._changes = writer.total_changes
        self._carrying = True
        self._executor.submit(self._carry)

    def wait(self) -> None:
        """Until what was asked for is done."""
        self._executor.submit(lambda: None).result()

    def close(self) -> None:
        """After what was asked for before."""
        self._executor.submit(self._let_go).result()
        self._executor.shutdown()

    def _carry(self) -> None:
        # What goes wrong here the next commit meets, too, and it says so; nothing is lost meanwhile.
        with contextlib.suppress(StateError, sqlite3.Error):
            if self._db is None:
                self._db = connect(self._path, create=False, readonly=False)
            for _ in range(GOES_MOST):
                busy, pages, carried = self._db.conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if busy or carried == pages:
                    break
        self._not_before = monotonic() + EVERY_SECONDS
        self._carrying = False

    def _let_go(self) -> None:
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.conn.close()
            self._db = None

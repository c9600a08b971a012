"""SQLite's write-ahead log on its way into the file: between two commits, and not within one.

SQLite would do it within the commit that finds the log long, which then waits for the disk two more times, and with it
whatever is to be told. Done right after a commit it delays no more than the next one.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Final

EVERY_WRITES: Final = 64
"""Transactions of some ten pages each, so that the log stays as long as SQLite would let it be."""

EVERY_ROWS: Final = 1_000
"""Or so many rows: on a large desk each lies in a page of its own."""

LONGEST_PAGES: Final = 16_384
"""64 MiB, from where on a commit does it after all."""


class Wal:
    """The log as its writer leaves it. All of it belongs to the writer's thread."""

    def __init__(self, writer: sqlite3.Connection) -> None:
        self._writer = writer
        self._writes = 0  # since the log was last carried
        self._seen = self._carried = writer.total_changes
        writer.execute(f"PRAGMA wal_autocheckpoint = {LONGEST_PAGES}")

    def is_due(self) -> bool:
        """To be asked once after each call of the writer."""
        changes = self._writer.total_changes
        if changes == self._seen:
            return False
        self._writes, self._seen = self._writes + 1, changes
        return self._writes >= EVERY_WRITES or changes - self._carried >= EVERY_ROWS

    def carry(self) -> None:
        """Into the file with it. What goes wrong the next commit meets, too, and it says so; nothing is lost."""
        self._writes, self._carried = 0, self._seen
        with contextlib.suppress(sqlite3.Error):
            self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

"""Whether somebody committed to the state, seen without the connection and its thread.

SQLite writes each commit to the file beside the state that ends in -wal. It is looked at by its name only: to open and
close a file of SQLite's would drop the locks that this process has on it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

SETTLED_NS: Final = 2_000_000_000
"""A commit shows only after its bytes are on the disk: for so long after a write it may still be under way."""

LONGEST_NS: Final = 30_000_000_000
"""A disk may hang for longer, and a clock may jump: so often it is worth a look in any case."""


class Commits:
    """Of any process, this one included; what it says is a reason to look, and never that there is nothing new."""

    def __init__(self, state: Path) -> None:
        real = state.resolve()
        self._path = f"{real}-wal"
        self._seen: tuple[int, int, int] | None = None
        self._looked_ns = 0

    def perhaps(self, now_ns: int) -> bool:
        """Whether there may be a commit that was not there when this last said so. `now_ns` is of the wall clock."""
        try:
            found = os.stat(self._path)  # noqa: PTH116  once a second, without an object for it
        except OSError:
            return True  # nothing can be told
        seen = (found.st_ino, found.st_size, found.st_mtime_ns)
        settled = found.st_mtime_ns + SETTLED_NS <= now_ns
        if seen == self._seen and settled and 0 <= now_ns - self._looked_ns < LONGEST_NS:
            return False
        self._seen, self._looked_ns = seen, now_ns
        return True

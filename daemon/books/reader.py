"""One `[[books]]`: when it is read, and what the engine is told of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import structlog

from daemon.books.command import OUTPUT_BYTES, printed_by
from daemon.books.errors import BooksError
from daemon.books.rows import read_rows
from daemon.config import BooksConfig, Secret, SecretError
from rules.statements import UNCHANGED_MS, BookRow, Books

log = structlog.get_logger(__name__)

T = TypeVar("T")

CONFIRM_MS = 5_000
"""Between two reads of what is new, so that nobody waits for `every` to be sure; never more of them than it takes."""

RETRY_MS = 60_000
"""What could not be read is read again so soon, then after twice as long each time, and at least at every `every`."""


class BooksReader:
    """Reads when it is due, a file also when it changed, and again while that is to be confirmed.

    `confirm` is how many reads make a rule sure. `problem` is why the last read told nothing, "" after one that did.
    Soon after one that failed there is another: only two in a row are more than a hiccup.
    """

    def __init__(self, config: BooksConfig, clock: Callable[[], int]) -> None:
        self.config = config
        self.confirm = 1
        self.problem = ""
        self._clock = clock
        self._due_ms = 0
        self._seen: tuple[int, ...] | None = None
        self._told: tuple[tuple[BookRow, ...], str] | None = None
        self._again = 0  # reads that are still to be made at once, to confirm what is new
        self._alike = 0  # reads in a row that told the same
        self._looks: list[int] = []  # when the last reads were told, as many as make a rule sure
        self._failed = 0  # reads in a row that told nothing
        self._stuck: asyncio.Future[Any] | None = None  # what the file system has not answered yet

    def anew(self) -> None:
        """Tell everything again, because the rules are others now."""
        self._told, self._due_ms, self._again, self._looks = None, 0, 0, []

    async def read_if_due(self) -> Books | None:
        """What the engine is to be told, if anything."""
        now_ms = self._clock()
        changed = False
        if self.config.file is not None:
            seen = await self._marks(self.config.file)
            changed, self._seen = seen != self._seen, seen
        # No wait is longer than `every_ms`, but by a clock that was set back.
        if 0 < self._due_ms - now_ms <= self.config.every_ms and not changed:
            return None
        told = await self._read()
        self._due_ms = now_ms + min(self._wait_ms(), self.config.every_ms)
        return told

    def _wait_ms(self) -> int:
        if self._failed:
            return int(RETRY_MS << min(self._failed - 1, 16))
        return CONFIRM_MS if self._again else self.config.every_ms

    async def _read(self) -> Books | None:
        rows: tuple[BookRow, ...] = ()
        problem = ""
        try:
            rows = read_rows(_text(await self._bytes()))
        except BooksError as error:
            problem = str(error)
        self._log(problem, len(rows))
        self.problem = problem
        now_ms = self._clock()
        if not self._is_told((rows, problem), now_ms):
            return None
        if not problem:
            self._looks = [*self._looks, now_ms][-self.confirm :]
        return Books(self.config.name, now_ms, rows, problem)

    def _is_told(self, found: tuple[tuple[BookRow, ...], str], now_ms: int) -> bool:
        """Whether this read is told. One that only confirms asks for another only where what it says stays the same.

        Else it might go on for ever.
        """
        before, self._told = self._told, found
        rows, problem = found
        if problem or found != before:
            self._alike = 0
        if problem:
            self._again = 0
            self._failed += 1
            return found != before or self._failed == 2  # noqa: PLR2004  that it was no hiccup
        self._failed = 0
        self._alike += 1
        if self._again:
            self._again -= 1
        elif self._alike <= self.confirm:
            self._again = self.confirm - self._alike
        elif now_ms - self._looks[-1] < UNCHANGED_MS and not any(
            self._lacks(row, self._looks) for row in rows
        ):
            return False
        if found == before and not self._again:
            looks = [*self._looks, now_ms]
            self._again = int(any(row.as_of_ms <= now_ms and self._lacks(row, looks) for row in rows))
        return True

    def _lacks(self, row: BookRow, looks: Sequence[int]) -> bool:
        """Whether fewer reads than make a rule sure were told since the time came that a row names."""
        return len(looks) < self.confirm or row.as_of_ms > looks[-self.confirm]

    async def _bytes(self) -> bytes:
        config = self.config
        if config.file is not None:
            return await self._on_disk(_content, config.file)
        try:
            environment = {
                name: given.resolve() if isinstance(given, Secret) else given for name, given in config.env
            }
        except SecretError as error:
            raise BooksError(f"{error.key}: {error.reference}: {error.reason}") from None
        secrets = [environment[name] for name, given in config.env if isinstance(given, Secret)]
        return await printed_by(config.command, environment, config.folder, config.timeout_ms / 1000, secrets)

    async def _marks(self, path: Path) -> tuple[int, ...] | None:
        """What changes with a file. What cannot be told is no change: it is read when it is due."""
        try:
            return await self._on_disk(_marks, path)
        except BooksError:
            return self._seen

    async def _on_disk(self, look: Callable[[Path], T], path: Path) -> T:
        """What a look at the file finds, in time: a file system that hangs keeps one thread, not one at each look."""
        seconds = self.config.timeout_ms / 1000
        hangs = BooksError(f"{path.name}: the file system gives no answer within {seconds:g} s")
        if self._stuck is not None and not self._stuck.done():
            raise hangs
        found: asyncio.Future[T] = asyncio.get_running_loop().run_in_executor(None, look, path)
        done, _ = await asyncio.wait([found], timeout=seconds)
        if not done:
            self._stuck = found
            found.add_done_callback(lambda late: late.cancelled() or late.exception())  # it comes too late
            raise hangs
        return found.result()

    def _log(self, problem: str, rows: int) -> None:
        """What lasts is said when it begins and when it changes."""
        if problem and problem != self.problem:
            log.warning("books.unreadable", books=self.config.name, reason=problem)
        elif self.problem and not problem:
            log.info("books.readable_again", books=self.config.name, rows=rows)
        elif self._told is None and not problem:
            log.info("books.read", books=self.config.name, rows=rows)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BooksError(f"line {line}: is not UTF-8 text") from None


def _marks(path: Path) -> tuple[int, ...]:
    """What changes with a file; empty where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _content(path: Path) -> bytes:
    try:
        # Not to wait for the writer of a pipe: what is no regular file is refused after it is open.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not os.path.isfile(handle):  # noqa: PTH113  of the very file that is open
                raise BooksError(f"{path.name} is not a regular file")
            raw = file.read(OUTPUT_BYTES + 1)
    except FileNotFoundError:
        raise BooksError(f"{path.name}: there is no such file") from None
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "not a usable path"
        raise BooksError(f"{path.name} cannot be read: {why}") from None
    if len(raw) > OUTPUT_BYTES:
        raise BooksError(f"{path.name} is larger than {OUTPUT_BYTES // 1024 // 1024} MiB")
    return raw

"""How long an answer may take: one timer for all calls under way, where one for each cost a tenth of a call."""

from __future__ import annotations

import asyncio
import math
from typing import Protocol

import aiohttp


class Source(Protocol):
    """Where somebody waits for bytes: a connection, or the body that comes on it."""

    def set_exception(self, exc: BaseException, /) -> None: ...


class Wait:
    """One call that was sent. Times are seconds of the loop's clock."""

    __slots__ = ("due", "error", "latest", "source")

    def __init__(self, due: float, latest: float, source: Source) -> None:
        self.due = due
        self.latest = latest
        self.source = source
        self.error: Exception | None = None


class Patience:
    """Ends a call of which nothing new is heard for `silence` seconds, and one that is not complete in `total`."""

    def __init__(self, silence: float, total: float) -> None:
        self._silence = silence
        self._total = total
        self._loop = asyncio.get_running_loop()
        self._waits: set[Wait] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at = math.inf

    def now(self) -> float:
        return self._loop.time()

    def begin(self, source: Source, began: float) -> Wait:
        """The request was sent; `total` counts from `began`."""
        latest = began + self._total
        wait = Wait(min(self._loop.time() + self._silence, latest), latest, source)
        self._waits.add(wait)
        if wait.due < self._looks_at:
            self._arm(wait.due)
        return wait

    def heard(self, wait: Wait, source: Source) -> None:
        """Something came, and the rest is to come from `source`. Raises where it is too late."""
        if wait.error is not None:
            raise wait.error
        # It is never due earlier than before: the timer may stay.
        wait.due = min(self._loop.time() + self._silence, wait.latest)
        wait.source = source

    def end(self, wait: Wait) -> None:
        """All has come, or nobody waits for it any more."""
        self._waits.discard(wait)

    def close(self) -> None:
        """No call is under way any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._looks_at = None, math.inf

    def _arm(self, due: float) -> None:
        """It is not moved for each call: it looks when the first one could have been late, and then for the others."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._looks_at = self._loop.call_at(due, self._look), due

    def _look(self) -> None:
        self._timer, self._looks_at = None, math.inf
        now = self._loop.time()
        for wait in [wait for wait in self._waits if wait.due <= now]:
            self._waits.discard(wait)
            wait.error = TimeoutError() if wait.latest <= now else aiohttp.SocketTimeoutError()
            wait.source.set_exception(wait.error)
        if self._waits:
            self._arm(min(wait.due for wait in self._waits))

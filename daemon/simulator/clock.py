"""The simulator's clock: wall time for timestamps, monotonic time for limits, and waiting.

Tests pass a `ManualClock`, so that rate windows, bans and timestamp tolerances are proved without waiting.
"""

import asyncio
import heapq
import itertools
import time
from typing import Protocol

__all__ = ["Clock", "ManualClock", "SystemClock"]

NANOSECONDS_PER_MILLISECOND = 1_000_000
NANOSECONDS_PER_SECOND = 1_000_000_000


class Clock(Protocol):
    """What the simulator needs to know of time."""

    def now_ms(self) -> int:
        """Wall time, milliseconds since the epoch."""

    def monotonic_ns(self) -> int:
        """Time that never steps back, nanoseconds from an arbitrary origin."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of this clock."""


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        return time.time_ns() // NANOSECONDS_PER_MILLISECOND

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that stands still until it is moved; sleepers wake in the order of their deadlines."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ns = now_ms * NANOSECONDS_PER_MILLISECOND
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now_ms(self) -> int:
        return self._now_ns // NANOSECONDS_PER_MILLISECOND

    def monotonic_ns(self) -> int:
        return self._now_ns

    def set_ms(self, now_ms: int) -> None:
        """Put the clock at a wall time without waking anybody: a step, not a passing of time."""
        self._now_ns = now_ms * NANOSECONDS_PER_MILLISECOND

    @property
    def sleepers(self) -> int:
        """How many are waiting: a test moves the clock once somebody does."""
        return len(self._sleepers)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        deadline_ns = self._now_ns + round(seconds * NANOSECONDS_PER_SECOND)
        heapq.heappush(self._sleepers, (deadline_ns, next(self._order), woken))
        await woken

    def advance(self, seconds: float) -> None:
        """Move on by `seconds` and wake whoever is due."""
        self._now_ns += round(seconds * NANOSECONDS_PER_SECOND)
        while self._sleepers and self._sleepers[0][0] <= self._now_ns:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)

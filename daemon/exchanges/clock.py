"""The venue's clock as this machine sees it: one offset, learned from the middle of a round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

SAMPLES_MOST = 3
ROUND_TRIP_GOOD_MS = 1000


class VenueClock:
    """`ask` answers (venue's time, our time before, our time after), all in ms.

    Binance takes a timestamp less than 1 s ahead of its own clock, so the error, at most half a round trip,
    must stay below that: a slow sample is taken again and the fastest of them counts.
    """

    __slots__ = ("_ask", "_lock", "_now_ms", "generation", "offset_ms")

    def __init__(self, now_ms: Callable[[], int], ask: Callable[[], Awaitable[tuple[int, int, int]]]) -> None:
        self._now_ms = now_ms
        self._ask = ask
        self._lock = asyncio.Lock()
        self.offset_ms = 0
        self.generation = 0  # how often it was learned; 0 is never

    def venue_ms(self) -> int:
        """The venue's time now."""
        return self._now_ms() + self.offset_ms

    async def known(self) -> int:
        """Learn the offset unless it is known. Returns the generation; raises what `ask` raises."""
        if not self.generation:
            await self.relearn(0)
        return self.generation

    async def relearn(self, generation: int) -> None:
        """Learn it again, unless somebody did since `generation`: a hundred refused calls ask once."""
        async with self._lock:
            if self.generation != generation:
                return
            fastest: tuple[int, int] | None = None
            for _ in range(SAMPLES_MOST):
                venue_ms, began_ms, ended_ms = await self._ask()
                sample = (ended_ms - began_ms, venue_ms - (began_ms + ended_ms) // 2)
                fastest = sample if fastest is None else min(fastest, sample)
                if fastest[0] <= ROUND_TRIP_GOOD_MS:
                    break
            if fastest is not None:
                self.offset_ms = fastest[1]
            self.generation += 1

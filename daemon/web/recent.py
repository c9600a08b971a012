"""An answer that many ask for at once is made once, and is good for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

__all__ = ["Recent"]

T = TypeVar("T")


class Recent(Generic[T]):
    """Keeps at most `most` answers, each for `seconds`: fifty open pages cost the daemon what one does."""

    def __init__(self, seconds: float = 1.0, most: int = 64, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._kept: dict[Hashable, tuple[float, asyncio.Future[T]]] = {}

    def forget(self) -> None:
        """Make everything anew: something was changed that an answer may show."""
        self._kept.clear()

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """The answer that is kept, or under way, or made now."""
        kept = self._kept.get(key)
        if kept is not None and (not kept[1].done() or self._clock() - kept[0] < self._seconds):
            return await asyncio.shield(kept[1])
        making = asyncio.ensure_future(make())
        self._kept.pop(key, None)  # to the end of the dict: the first one is the oldest
        self._kept[key] = (self._clock(), making)
        if len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]
        making.add_done_callback(lambda made: self._settled(key, made))
        return await asyncio.shield(making)

    def _settled(self, key: Hashable, made: asyncio.Future[T]) -> None:
        """It is good from now on; a fault is not kept."""
        if self._kept.get(key, (0.0, None))[1] is not made:
            return
        if made.cancelled() or made.exception() is not None:
            del self._kept[key]
        else:
            self._kept[key] = (self._clock(), made)

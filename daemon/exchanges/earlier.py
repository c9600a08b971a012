"""Calls that a pool did not begin itself: of a run that ended, or of a pool that turned out to be the same."""

from __future__ import annotations

import math
from bisect import insort


class Earlier:
    """`count` slots that are in use by them, some of which come free at a time."""

    __slots__ = ("_parts", "count")

    def __init__(self) -> None:
        self.count = 0
        self._parts: list[tuple[float, int]] = []  # free again at, so many; in order

    @property
    def parts(self) -> tuple[tuple[float, int], ...]:
        """When so many of them are free again, in order."""
        return tuple(self._parts)

    @property
    def until(self) -> float:
        """When the next of them are free again."""
        return self._parts[0][0] if self._parts else math.inf

    def add(self, calls: int, until: float) -> None:
        """So many more until then."""
        if calls > 0:
            insort(self._parts, (until, calls))
            self.count += calls

    def expire(self, now: float) -> None:
        """Forget what is free again."""
        while self._parts and self._parts[0][0] <= now:
            self.count -= self._parts.pop(0)[1]

    def at_most(self, calls: int) -> None:
        """There are no more of them than so many: those that would be free first are not there."""
        while self.count > max(0, calls):
            until, part = self._parts.pop(0)
            left = part - (self.count - max(0, calls))
            self.count -= part
            if left > 0:
                self._parts.insert(0, (until, left))
                self.count += left

"""What other programs use of a limit, as far as usage headers show it."""

from __future__ import annotations

import math


class Others:
    """Calls of other clients: `most` is the most that usage headers showed in a window of ours and in the one before.

    A venue that counts by the minute begins each at 0: what it says then tells nothing of the rest of it.
    """

    __slots__ = ("_now", "most", "until")

    def __init__(self) -> None:
        self.most = self._now = 0
        self.until = math.inf  # then they may be fewer

    def seen(self, calls: int, now: float, window_seconds: float) -> None:
        """A header showed so many."""
        if not self.most:
            self.until = now + window_seconds
        self._now = max(self._now, calls)
        self.most = max(self.most, calls)

    def expire(self, now: float, window_seconds: float) -> None:
        """Forget what two windows have passed over."""
        while self.until <= now and self.most:
            self.most = self._now
            self._now = 0
            self.until += window_seconds
        if not self.most:
            self.until = math.inf

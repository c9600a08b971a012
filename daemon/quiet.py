"""The moment after a verdict that is to be told: no ordinary reading begins, so that its message leaves first."""

from __future__ import annotations

import math
from typing import Final

QUIET_SECONDS: Final = 0.015
"""By then the commit is on the disk and the message on its way, where the disk and the machine are well."""

REST_SECONDS: Final = 0.085
"""Between two such moments: a storm of alerts costs readings at most 15 % of their time."""


class Quiet:
    """Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._until = -math.inf

    def begin(self, at: float) -> None:
        """Something is to be told; not again soon after the last time."""
        if at >= self._until + REST_SECONDS:
            self._until = at + QUIET_SECONDS

    def left_seconds(self, at: float) -> float:
        """For how long nothing ordinary is to begin; 0 for none."""
        return max(0.0, self._until - at)

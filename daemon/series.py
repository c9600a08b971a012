"""A backlog that is told in several messages, each of which claims what it may name and no more.

To claim all that waits for each of them again would take the square of its length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CLAIM_MOST: Final = 2_000
"""Rows of one message where nothing is known of how many wait."""

MOST_MESSAGES: Final = 10
"""A backlog that would take more messages than this to name every alert is told as one digest with counts."""


@dataclass(slots=True)
class Series:
    """Of one lane: how many rows are left of a backlog, and how many of them the last message named."""

    _left: int = 0
    _named: int = 0

    @property
    def most(self) -> int:
        """Rows that the next message need claim: somewhat more than the last one named, while a series goes on."""
        return self._named + self._named // 10 + 1 if self._left else CLAIM_MOST

    def claimed(self, rows: int) -> bool:
        """So many were claimed, 0 where nothing is due any more; whether others are left that waited with them."""
        self._left = max(0, self._left - rows) if rows else 0
        return self._left > 0

    def divides(self, rows: int, room: int) -> bool:
        """Whether a message of so many rows, of which it has room for some, leaves the others to the next ones.

        Then they are counted as left: it is asked once for each message.
        """
        if not room < rows <= room * MOST_MESSAGES:
            return False
        self._left, self._named = self._left + rows - room, room
        return True

"""What became of alerts, as the log and the metrics say it; of thousands at once a few lines in a turn of the loop."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

import structlog

from rules.outcome import Transition
from state.prepared import Entry

log = structlog.get_logger(__name__)

LINES_AT_ONCE: Final = 20
"""Each takes a quarter of a millisecond."""

_EVENT_OF: Final = {"firing": "alert.firing", "resolved": "alert.resolved", "closed": "alert.closed"}


class Moves:
    """`counts` tells how often alerts came into each state."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._unsaid: deque[Transition] = deque()
        self._next: asyncio.Handle | None = None

    def committed(self, batch: Sequence[Entry]) -> None:
        """Of what is durable. The lines follow: what is to be told does not wait for them."""
        moves = [moved for entry in batch for moved in entry.outcome.transitions]
        self.counts.update(moved.after for moved in moves)
        self._unsaid.extend(moved for moved in moves if moved.after in _EVENT_OF)
        if self._unsaid and self._next is None:
            self._next = asyncio.get_running_loop().call_soon(self._say_some)

    def close(self) -> None:
        """Say the rest."""
        if self._next is not None:
            self._next.cancel()
        self._say(len(self._unsaid))

    def _say_some(self) -> None:
        self._next = None
        self._say(min(LINES_AT_ONCE, len(self._unsaid)))
        if self._unsaid:
            self._next = asyncio.get_running_loop().call_soon(self._say_some)

    def _say(self, count: int) -> None:
        for _ in range(count):
            moved = self._unsaid.popleft()
            log.info(
                _EVENT_OF[moved.after],
                alert=moved.alert,
                rule=moved.rule,
                severity=moved.severity,
                value=moved.value,
                reason=moved.reason,
            )

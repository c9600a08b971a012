"""What all clients of one process share: the pools and gates, as the venues count them (law 11).

Two exchanges of the file with one key draw on the same budgets per user id; all that call one host draw on
the same budgets per IP and are banned together. The composition root makes one and hands it to every client.
"""

from __future__ import annotations

from decimal import Decimal

from daemon.exchanges.gates import Gate
from daemon.exchanges.limits import Limit, LoopTimeline, Pool, Timeline


class Shared:
    """The registry of pools and gates by what they count on."""

    def __init__(self, timeline: Timeline | None = None) -> None:
        self.timeline: Timeline = timeline or LoopTimeline()
        self._gates: dict[tuple[str, ...], Gate] = {}
        self._pools: dict[tuple[str, ...], Pool] = {}

    def gate(self, *key: str) -> Gate:
        """The gate of a host or of a key."""
        return self._gates.setdefault(key, Gate())

    def pool(
        self,
        key: tuple[str, ...],
        limit: Limit,
        budget: Decimal,
        gates: tuple[Gate, ...],
        backoff_seconds: float,
    ) -> Pool:
        """The pool under `key`; where two budgets share one, the smaller counts for both."""
        slots, window_seconds = limit.lawful(budget)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = Pool(
                slots,
                window_seconds,
                gates=gates,
                timeline=self.timeline,
                backoff_most_seconds=backoff_seconds,
            )
        else:
            pool.tighten(slots, window_seconds)
        return pool

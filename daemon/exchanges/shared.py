"""What all clients of one process share: the pools and gates, as the venues count them (law 11).

Two exchanges of the file with one key draw on the same budgets per user id; all that call one host draw on
the same budgets per IP and are banned together. The composition root makes one and hands it to every client.
What a client spent outlives it, so that a reload spends nothing twice; what is spent by nobody any more is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TypeVar

from daemon.exchanges.gates import Gate
from daemon.exchanges.limits import Limit, Pool
from daemon.exchanges.timeline import LoopTimeline, Timeline

T = TypeVar("T", bound=object)

Key = tuple[str, ...]
Rate = tuple[int, float, float]
"""Slots, the window in seconds, and the longest backoff in seconds."""


class Shared:
    """The registry of pools and gates by what they count on. A `user` is whoever draws on them, until it leaves.

    `quiet_seconds` tells for how long nothing ordinary is to begin, because something is to be told.
    """

    def __init__(self, timeline: Timeline | None = None, quiet_seconds: Callable[[], float] = float) -> None:
        self.timeline: Timeline = timeline or LoopTimeline()
        self._quiet_seconds = quiet_seconds
        self._gates: dict[Key, Gate] = {}
        self._pools: dict[Key, Pool] = {}
        self._gate_users: dict[Key, set[object]] = {}
        self._rates: dict[Key, dict[object, Rate]] = {}
        self._users: dict[Key, list[object]] = {}

    def join(self, key: Key, user: T) -> list[T]:
        """Who has the same API key, this one last; it counts as such until it leaves."""
        users = self._users.setdefault(key, [])
        users.append(user)
        return users  # type: ignore[return-value]  # whoever joins under a key is of one kind

    def gate(self, *key: str, user: object = None) -> Gate:
        """The gate of a host or of a key."""
        self._gate_users.setdefault(key, set()).add(user)
        return self._gates.setdefault(key, Gate())

    def pool(
        self,
        key: Key,
        limit: Limit,
        budget: Decimal,
        gates: tuple[Gate, ...],
        backoff_seconds: float,
        user: object = None,
    ) -> Pool:
        """The pool under `key`; where several budgets share one, the smallest counts for all that use it now."""
        slots, window_seconds = limit.lawful(budget)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = Pool(
                slots,
                window_seconds,
                limit.calls,
                gates=gates,
                timeline=self.timeline,
                quiet_seconds=self._quiet_seconds,
            )
        rates = self._rates.setdefault(key, {})
        rates[user] = (slots, window_seconds, backoff_seconds)
        pool.draw(rates.values())
        return pool

    def leave(self, user: object) -> None:
        """It draws on nothing any more. Its part of a budget is free for those that are left."""
        for users in self._gate_users.values():
            users.discard(user)
        for key, joined in list(self._users.items()):
            if user in joined:
                joined.remove(user)
                if not joined:
                    del self._users[key]
        for key, rates in self._rates.items():
            self._pools[key].evenly.discard(user)
            if rates.pop(user, None) is not None and rates:
                self._pools[key].draw(rates.values())
        for key in [key for key, pool in self._pools.items() if not self._rates[key] and pool.idle]:
            del self._pools[key], self._rates[key]
        for key in list(self._abandoned()):
            del self._gates[key], self._gate_users[key]

    def _abandoned(self) -> Iterator[Key]:
        held = {gate for pool in self._pools.values() for gate in pool.gates}
        for key, gate in self._gates.items():
            if not self._gate_users[key] and gate not in held and gate.until <= self.timeline.time():
                yield key

"""What commands and pages order while the daemon runs: it is in the state already, and here the engine hears of it."""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns

from daemon.engine import Engine
from state.orders import inputs_of
from state.threaded import AsyncStore


class Hearing:
    """Listens once a second, and asks the state only where somebody committed: nothing is read while nobody writes."""

    def __init__(self, engine: Engine, store: AsyncStore, on_order: Callable[[], None]) -> None:
        self._engine = engine
        self._store = store
        self._on_order = on_order
        self._unheard = True  # what was ordered before, and what a look that failed did not hear

    async def listen(self) -> None:
        """Fold in what was ordered since the last time, for the log records it, and let `on_order` know. StateError."""
        self._unheard = self._store.perhaps_changed(time_ns()) or self._unheard
        if not self._unheard:
            return
        world = self._engine.world
        found = await self._store.orders_after(world.orders_seq)
        for order in found:
            # In one turn with its number: a commit in between would keep that alone, and a kill then lose the order.
            world.orders_seq = order.seq
            for event in inputs_of([order]):
                self._engine.judge_now(event)
        if found:
            self._on_order()
        self._unheard = bool(found)  # one look does not take any number of them

"""Time between inputs: the ticks of a daemon that looks once a second, as far as they can change anything."""

from __future__ import annotations

from collections.abc import Iterator

from rules.world import World

TICK_MS = 1_000


class Ticks:
    """Where one fold stands in time."""

    def __init__(self, now_ms: int) -> None:
        self._tick_ms = self._last_ms = now_ms

    def until(self, world: World, now_ms: int) -> Iterator[int]:
        """When to tick before an input at `now_ms`; each tick must be folded in before the next is asked for."""
        while (due_ms := max(world.index.next_due_ms, self._tick_ms + TICK_MS, self._last_ms)) <= now_ms:
            self._tick_ms = due_ms
            yield due_ms
        self.at(now_ms)

    def start(self, now_ms: int) -> None:
        """A start, also one after which the clock is behind."""
        self._last_ms = self._tick_ms = now_ms

    def at(self, now_ms: int) -> None:
        """An input without ticks before it, as after a downtime."""
        self._last_ms = max(self._last_ms, now_ms)

"""A service that wants no messages for a while is left alone for that while, whatever the wall clock says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from daemon.deliver import Lane
from notifiers.outcome import Result, SendOutcome
from rules.ruleset import Settings

HOUR_MS = 3_600_000


class Kept:
    """A store to which everything may be said."""

    def __getattr__(self, name: str) -> Any:
        async def take(*_given: object) -> None: ...

        return take


async def test_retry_after_ends_in_its_time_though_the_clock_is_set_back() -> None:
    wall = [10 * HOUR_MS]
    engine: Any = SimpleNamespace(clock=lambda: wall[0], hurry=lambda: None)
    store: Any = Kept()
    sender: Any = SimpleNamespace()
    lane = Lane("slack", sender, store, engine, Settings)
    message: Any = SimpleNamespace(id="M1A", rows=(), attempt=1, given_ms=wall[0])
    await lane._record(message, Result(SendOutcome.FAILED, "429", retry_after_seconds=30), wall[0])
    wall[0] -= HOUR_MS
    lane.clock_set(-HOUR_MS)
    asked = []
    for _ in range(4):
        asked.append(lane._wanted() is not None)
        wall[0] += 11_000
    assert asked == [False, False, False, True]

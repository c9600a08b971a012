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


async def test_what_fires_is_kept_alive_in_its_time_though_the_clock_is_set_back() -> None:
    wall, kept = [10 * HOUR_MS], []

    class Reminder:
        """A service that forgets what is not said again every minute."""

        keep_every_seconds = 60.0

        async def keep(self, _alerts: object, _seconds: float) -> Result:
            return Result(SendOutcome.DELIVERED)

    class Told(Kept):
        async def told_open(self, _notifier: str) -> set[str]:
            kept.append(wall[0])
            return set()

    engine: Any = SimpleNamespace(clock=lambda: wall[0], world=SimpleNamespace(alerts={}))
    store: Any = Told()
    sender: Any = Reminder()
    lane = Lane("alertmanager", sender, store, engine, Settings)
    await lane._keep_alive()
    wall[0] -= HOUR_MS
    lane.clock_set(-HOUR_MS)
    for _ in range(3):
        wall[0] += 30_000
        await lane._keep_alive()
    assert len(kept) == 2

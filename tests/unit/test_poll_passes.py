"""One call about all accounts has no place in a queue: it is made again when its turn comes, or as soon as it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from daemon.engine import Engine
from daemon.exchanges.base import Answer, Task
from daemon.poll import Poller
from rules.model import Failure, FailureKind, Identity, Pass, Reading
from rules.ruleset import ExchangeSettings, RulesAccepted, Ruleset
from rules.world import World
from state.threaded import AsyncStore
from tests.unit.test_poll_order import OneAtATime

POLL_MS = 1_000
BITGET = ExchangeSettings("okx-main", "bitget", POLL_MS, ("spot",), ("spot",), own_call=False)


class Passes(OneAtATime):
    """Each pass takes as long as the test says, and fails when it says so."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 10_000
        self.takes_ms = POLL_MS + 1
        self.fails = False

    def tasks(self, accounts: Sequence[Identity]) -> list[Task]:
        return [Task("assets", "assets", None, "spot")]

    async def perform(self, task: Task, *, urgent: bool = False) -> AsyncIterator[Answer]:
        async with self.moved:
            self.asked.append(task.name)
            self.moved.notify_all()
        await self.gate.acquire()
        self.now_ms += self.takes_ms
        now = self.now_ms
        yield Reading.of("okx-main", Identity("0", name="desk0"), "spot", now - 1, now, ("free",), {})
        if self.fails:
            yield Failure("okx-main", now, FailureKind.TRANSIENT, "no", until_ms=now + 50)
        yield Pass("okx-main", "spot", now - 1, now, not self.fails, ("free",), {"0": frozenset()})


async def passes_of(folder: Path, venue: Passes, count: int) -> int:
    """How many began, of which so many ended, and nobody dispatched."""
    store = await AsyncStore.open(folder / "state.db", migrate=True)
    engine = Engine(World(), store, clock=lambda: venue.now_ms)
    engine.judge_now(RulesAccepted(1, Ruleset(exchanges={"okx-main": BITGET})))
    poller = Poller(BITGET, venue, engine)
    await poller.start()
    for _ in range(count):
        venue.gate.release()
        await asyncio.sleep(0.02)
    await poller.close()
    await store.close()
    return len(venue.asked)


async def test_a_pass_that_takes_longer_than_poll_every_is_followed_by_the_next(tmp_path: Path) -> None:
    assert await passes_of(tmp_path, Passes(), 3) == 4


async def test_a_shorter_one_waits_for_its_turn(tmp_path: Path) -> None:
    venue = Passes()
    venue.takes_ms = POLL_MS - 1
    assert await passes_of(tmp_path, venue, 3) == 1


async def test_one_that_failed_waits_for_when_it_makes_sense(tmp_path: Path) -> None:
    venue = Passes()
    venue.fails = True
    assert await passes_of(tmp_path, venue, 3) == 1

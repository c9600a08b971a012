"""The real outbox, engine and lanes with a clock of the test's own: no time passes but what the test lets pass."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.deliver import Lane
from daemon.engine import Engine
from notifiers.sending import Sender
from rules.facts import Facts
from rules.model import Severity
from rules.outcome import Notification, NotificationKind
from rules.ruleset import Ruleset, Settings
from state import AsyncStore, NotificationRow

T0_MS = 1_790_000_000_000
PATIENCE_SECONDS = 30


class Watched(Lane):
    """A lane that tells when it has nothing to do."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.idle = asyncio.Event()

    async def _pause(self) -> None:
        self.idle.set()
        await super()._pause()


@dataclass
class Desk:
    store: AsyncStore
    engine: Engine
    settings: Settings = field(default_factory=lambda: Settings(gather_ms=15_000))
    lanes: dict[str, Watched] = field(default_factory=dict)
    now_ms: int = T0_MS

    def open(self, name: str, url: str) -> Watched:
        lane = Watched(name, Sender(name, url), self.store, self.engine, lambda: self.settings)
        self.lanes[name] = lane
        lane.start()
        return lane

    async def tell(
        self,
        *alerts: str,
        kind: NotificationKind = NotificationKind.FIRING,
        severity: Severity = Severity.WARNING,
        notifier: str = "",
        label: str = "mm-1@desk.example",
    ) -> None:
        """An event of each alert, for one notifier or for all."""
        facts = Facts(
            "floor", "low_balance", "x", severity, label=label, asset="USDT", field="free", value="1.5"
        )
        names = [notifier] if notifier else list(self.lanes)
        rows = [
            Notification(alert, name, kind, severity, self.now_ms, facts)
            for alert in alerts
            for name in names
        ]
        await self.store.tell(rows)

    async def quiet(self, *names: str) -> None:
        """Wait until these lanes, or all, have nothing to do at this time."""
        lanes = [self.lanes[name] for name in names or self.lanes]
        for lane in lanes:
            lane.idle.clear()
            lane.wake()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(lane.idle.wait() for lane in lanes))

    async def after(self, seconds: float) -> None:
        """Let so much time pass, and wait until what is due then is done."""
        self.now_ms += int(seconds * 1000)
        await self.quiet()

    async def rows(self) -> list[NotificationRow]:
        """The outbox, the oldest first."""
        page = await self.store.notifications(limit=1000)
        rows = list(page.rows)
        while page.after is not None:
            page = await self.store.notifications(after=page.after, limit=1000)
            rows += page.rows
        return sorted(rows, key=lambda row: row.id)

    async def states(self) -> Counter[str]:
        return Counter(row.state for row in await self.rows())


@contextlib.asynccontextmanager
async def a_desk(folder: Path) -> AsyncIterator[Desk]:
    store = await AsyncStore.open(folder / "subtally.db", migrate=True)
    engine = Engine(await store.load(Ruleset()), store)
    desk = Desk(store, engine)
    engine.clock = lambda: desk.now_ms
    try:
        yield desk
    finally:
        for lane in desk.lanes.values():
            await lane.close()
        await store.close()


def steady(monkeypatch: Any) -> None:
    """Backoff without chance: the tests count seconds."""
    monkeypatch.setattr("daemon.backoff.random.randint", lambda _least, _most: 100)

"""Days of incidents in minutes: the whole daemon with its clock, its clockwork and its limits moved by hand.

Venues, notifier, state and files are real; only time is not. Run it for longer with
`python -m tests.soak.days DAYS`, or `make soak`.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from daemon.app import App
from daemon.exchanges.shared import Shared
from daemon.orders import OrderError
from daemon.simulator import Fault, ManualClock, Simulator
from daemon.startup import start_up
from daemon.web.actions import store_actions
from tests.contract.clients_support import HandTime
from tests.e2e.house import House, recording
from tests.e2e.traps import RULES

STEP_SECONDS = 60
INCIDENT_SECONDS = 600
SAMPLE_SECONDS = 1800
DAY_SECONDS = 86_400
ACCOUNTS = 6
LEAVING_EVERY = 5
VENUES = ("binance", "okx", "bitget")
QUIET_SECONDS = 0.03
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

DAEMON = 'retention = "2h"\nstale_after = "15m"\nrepeat_every = "1h"\ngive_up_after = "2h"\n'


@dataclass
class Clockwork:
    """In place of the scheduler: runs what is due when the time is moved, nothing twice at once."""

    now: float = 0.0
    jobs: dict[str, list[Any]] = field(default_factory=dict)
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def start(self) -> None: ...

    def every(
        self,
        name: str,
        seconds: float,
        job: Callable[[], Awaitable[None]],
        *,
        first_after: float = 0.0,
        in_step: bool = False,  # here the time moves for all at once
    ) -> None:
        self.jobs[name] = [seconds, self.now + first_after, job]

    def forget(self, name: str) -> None:
        self.jobs.pop(name, None)

    def move(self, seconds: float) -> None:
        self.now += seconds
        for name, entry in list(self.jobs.items()):
            every, due, job = entry
            if due <= self.now and name not in self.running:
                entry[1] = self.now + every
                task = asyncio.ensure_future(job())
                self.running[name] = task
                task.add_done_callback(lambda _done, name=name: self.running.pop(name, None))

    async def drain(self, seconds: float) -> None:
        self.jobs.clear()
        for task in list(self.running.values()):
            task.cancel()
        await asyncio.gather(*self.running.values(), return_exceptions=True)


@dataclass(frozen=True)
class Sample:
    """What the process holds at one moment."""

    day: float
    rss_bytes: int
    descriptors: int
    tasks: int
    database_bytes: int
    alerts: int
    accounts: int
    objects: int


@dataclass
class Soak:
    """One daemon and all that befalls it."""

    house: House
    app: App
    clock: ManualClock
    timeline: HandTime
    clockwork: Clockwork
    chance: random.Random
    rules: str
    step_seconds: int = STEP_SECONDS
    samples: list[Sample] = field(default_factory=list)
    incidents: dict[str, int] = field(default_factory=dict)
    added: int = 0
    told: int = 0
    deck: list[str] = field(default_factory=list)
    decks: int = 0

    async def run(self, days: float, on_sample: Callable[[Sample], None] = lambda _: None) -> None:
        passed = 0
        while passed < days * DAY_SECONDS:
            if passed % INCIDENT_SECONDS == 0:
                await self._incident()
            await self._step()
            passed += self.step_seconds
            if passed % SAMPLE_SECONDS == 0:
                self.samples.append(self._sample(passed / DAY_SECONDS))
                on_sample(self.samples[-1])

    async def _step(self) -> None:
        """A while passes: everything that is due is done, but for what waits for a venue."""
        self.clock.advance(self.step_seconds)
        self.clockwork.move(self.step_seconds)
        await self.timeline.advance(self.step_seconds)
        end = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < end and not self._quiet():  # noqa: ASYNC110  a condition over many queues
            await asyncio.sleep(0.001)
        await self.app.engine.settled()

    def _quiet(self) -> bool:
        pollers = self.app.pollers.values()
        return not self.clockwork.running and not any(
            queue.running or queue.hurried for poller in pollers for queue in poller._queues.values()
        )

    async def _incident(self) -> None:
        """Like a deck of cards: every kind within two hours and a half, so that each third of a run meets as much."""
        acts: dict[str, Callable[[], Awaitable[None]]] = {
            "drain": self._drain,
            "refill": self._refill,
            "second refill": self._refill,
            "account comes and another goes": self._churn,
            "outage": self._outage,
            "flap": self._flap,
            "venue well again": self._mend,
            "notifier fails": self._notifier,
            "notifier has another address": self._move_notifier,
            "exchange leaves the file": self._leave,
            "reload": self._reload,
            "second reload": self._reload,
            "reload of a bad file": self._bad_reload,
            "silence": self._silence,
            "ack": self._ack,
        }
        if not self.deck:
            self.deck = self.chance.sample(sorted(acts), len(acts))
            self.decks += 1
            if (
                self.decks % LEAVING_EVERY
            ):  # what is open about an exchange is closed with it: not all day long
                self.deck.remove("exchange leaves the file")
        name = self.deck.pop()
        self.incidents[name] = self.incidents.get(name, 0) + 1
        await acts[name]()

    def _venue(self) -> Any:
        return self.house.simulator.venues[self.chance.choice(VENUES)]

    async def _drain(self) -> None:
        venue = self._venue()
        venue.set_balance(
            self.chance.choice(venue.accounts).name, "USDT", free=str(self.chance.randint(0, 900))
        )

    async def _refill(self) -> None:
        for venue in self.house.simulator.venues.values():
            for account in venue.accounts:
                venue.set_balance(account.name, "USDT", free=str(50_000 + self.chance.randint(0, 9)))

    async def _churn(self) -> None:
        venue = self._venue()
        self.added += 1
        venue.remove(venue.accounts[0].name)
        name = f"soak-{self.added}@desk.example"
        venue.add(name, balances={venue.wallets[0]: {"USDT": "50000", "BTC": "1"}})

    async def _outage(self) -> None:
        kind: Any = self.chance.choice(
            [{"status": 503}, {"end": "reset"}, {"status": 429}, {"body": "<html>"}]
        )
        self._venue().faults.add(Fault(path="*", **kind))

    async def _flap(self) -> None:
        venue = self._venue()
        for _ in range(4):
            await self._drain()
            venue.faults.add(Fault(path="*", status=500, body="", times=20))
            await self._step()
            await self._refill()
            await self._step()

    async def _mend(self) -> None:
        for venue in self.house.simulator.venues.values():
            venue.recover()
        self.house.recorder.answers.clear()

    async def _notifier(self) -> None:
        self.house.recorder.answers += [self.chance.choice([500, 503, 400])] * self.chance.randint(1, 6)

    async def _move_notifier(self) -> None:
        recorder = self.house.recorder
        recorder.url = f"{recorder.url.split('?')[0]}?+X-Soak={self.chance.random()}"
        await self._reload()

    async def _leave(self) -> None:
        await self._reload(*self.chance.sample(VENUES, 2))

    async def _reload(self, *venues: str) -> None:
        bound = self.chance.randint(900, 1_100)
        rules = self.rules.replace("below = 1000", f"below = {bound}")
        self.house.write(rules, venues=venues or VENUES, daemon=DAEMON)
        paced(self.house)
        assert await self.app.reload()

    async def _bad_reload(self) -> None:
        text = self.house.rules_file.read_text()
        self.house.rules_file.write_text(text + f"nonsense = {self.chance.random()}\n")
        await self.app.reload()
        self.house.rules_file.write_text(text)

    async def _silence(self) -> None:
        actions = store_actions(self.app.store, self.app.engine.clock)
        await actions.silence({"account": "soak-*", "for": "1h", "reason": "soak", "by": "kim"})

    async def _ack(self) -> None:
        actions = store_actions(self.app.store, self.app.engine.clock)
        for alert in list(self.app.engine.world.alerts.values())[:3]:
            try:
                await actions.ack(alert.id, "kim")
            except OrderError:
                continue  # it ended meanwhile

    def _sample(self, day: float) -> Sample:
        # What the simulator and the recorder remember is not the daemon's.
        self.told += len(self.house.recorder.messages)
        self.house.recorder.messages.clear()
        for venue in self.house.simulator.venues.values():
            venue.records.requests.clear()
            venue.records.paths.clear()
        gc.collect()
        world = self.app.engine.world
        files = self.house.folder.glob("subtally.db*")
        return Sample(
            day=round(day, 3),
            rss_bytes=int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES,
            descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            tasks=len(asyncio.all_tasks()),
            database_bytes=sum(file.stat().st_size for file in files),
            alerts=len(world.alerts),
            accounts=len(world.accounts),
            objects=len(gc.get_objects()),
        )


def paced(house: House) -> None:
    """The pace of a real file: every account each five minutes, not each second."""
    house.rules_file.write_text(house.rules_file.read_text().replace('"1s"', '"5m"', 1))


async def soaked(
    folder: Path,
    days: float,
    rules: str = RULES,
    step_seconds: int = STEP_SECONDS,
    seed: int = 1,
    on_sample: Callable[[Sample], None] = lambda _: None,
) -> Soak:
    """Run so many simulated days and stop cleanly."""
    clock = ManualClock(1_763_607_520_000)
    sizes: dict[str, Any] = {f"{venue}_accounts": ACCOUNTS for venue in VENUES}
    async with recording() as recorder, Simulator(**sizes, limits_scale=1_000, clock=clock) as simulator:
        house = House(folder, simulator, recorder)
        house.write(rules, daemon=DAEMON)
        paced(house)
        app = App(house.rules_file, await start_up(house.rules_file))
        timeline, clockwork = HandTime(), Clockwork()
        app.engine.clock = clock.now_ms
        app._schedule = clockwork  # type: ignore[assignment]
        app._shared = Shared(timeline)
        soak = Soak(house, app, clock, timeline, clockwork, random.Random(seed), rules, step_seconds)
        try:
            await app.start()
            await app.begin_telling()
            await soak.run(days, on_sample)
        finally:
            await app.close()
        return soak


def thirds(soak: Soak, figure: str) -> tuple[float, float]:
    """The middle and the last third of a run, each by its mean."""
    values = [getattr(sample, figure) for sample in soak.samples]
    third = len(values) // 3
    middle, last = values[third : 2 * third], values[-third:]
    return sum(middle) / len(middle), sum(last) / len(last)


def main() -> None:
    days = float(sys.argv[1]) if len(sys.argv) > 1 else 7.0
    began = time.monotonic()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

    def show(sample: Sample) -> None:
        print(sample, flush=True)  # noqa: T201

    with tempfile.TemporaryDirectory() as folder:
        soak = asyncio.run(soaked(Path(folder), days, on_sample=show))
    seconds = time.monotonic() - began
    print(f"{days:g} days in {seconds:.0f} s, {soak.told} messages; incidents: {soak.incidents}")  # noqa: T201
    for figure in ("rss_bytes", "descriptors", "tasks", "database_bytes", "alerts", "accounts", "objects"):
        middle, last = thirds(soak, figure)
        print(f"{figure:15} middle third {middle:14,.0f}   last third {last:14,.0f}   {last / middle:.3f}")  # noqa: T201


if __name__ == "__main__":
    main()

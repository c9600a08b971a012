"""Those that matter are read first and more often, the others no later than the bound: in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from daemon.engine import Engine
from daemon.exchanges.base import Answer, Task
from daemon.poll import Poller
from daemon.waiting import SHARE
from rules.model import Identity, ListedAccount, Listing, Reading
from rules.ruleset import ExchangeSettings, Rule, RulesAccepted, Ruleset
from rules.world import World
from state.threaded import AsyncStore
from tests.engine import high, low
from tests.unit.test_poll_order import OneAtATime

CALL_MS, POLL_MS = 1_000, 10_000
Balance = Callable[[str, int], str]


class Desk(OneAtATime):
    """So many accounts, each call of which takes a second of the engine's clock."""

    def __init__(self, count: int, balance: Balance) -> None:
        super().__init__()
        self.names = tuple(f"desk{number:03}" for number in range(count))
        self.balance = balance
        self.now_ms = 1_000_000
        self.read_at: dict[str, list[int]] = {name: [] for name in self.names}
        self.urgent: list[tuple[int, str]] = []
        self.calls = 0

    async def perform(self, task: Task, *, urgent: bool = False) -> AsyncIterator[Answer]:
        assert task.account is not None
        name = task.account.label
        await self.gate.acquire()
        began_ms = self.now_ms
        self.now_ms += CALL_MS
        self.calls += 1
        if urgent:
            self.urgent.append((began_ms, name))
        else:
            self.read_at[name].append(began_ms)
        rows = {"USDT": (self.balance(name, began_ms),)}
        yield Reading.of("okx-main", task.account, "funding", began_ms, self.now_ms, ("free",), rows)

    async def listing(self) -> AsyncIterator[Answer]:
        rows = tuple(ListedAccount(Identity(str(at), name=name)) for at, name in enumerate(self.names))
        yield Listing("okx-main", "list", self.now_ms - 1, self.now_ms, complete=True, accounts=rows)


@asynccontextmanager
async def polled(
    folder: Path, desk: Desk, *rules: Rule, poll_ms: int = POLL_MS
) -> AsyncIterator[tuple[Poller, Engine]]:
    settings = ExchangeSettings(
        "okx-main", "okx", poll_ms, ("funding",), ("funding",), read_us=CALL_MS * 1_000
    )
    store = await AsyncStore.open(folder / "state.db", migrate=True)
    engine = Engine(World(), store, clock=lambda: desk.now_ms)
    engine.start()
    engine.judge_now(RulesAccepted(1, Ruleset(exchanges={"okx-main": settings}, rules=rules)))
    poller = Poller(settings, desk, engine)
    engine.on_outcome.append(lambda outcome: poller.recheck(outcome.rechecks))
    await poller.start()
    yield poller, engine
    await poller.close()
    await engine.close()
    await store.close()


async def run(poller: Poller, desk: Desk, calls: int, every_ms: int = POLL_MS) -> None:
    """So many calls, one after the other, with the dispatcher at its pace."""
    due_ms = desk.now_ms + every_ms
    for _ in range(calls):
        before = desk.calls
        desk.gate.release()
        async with asyncio.timeout(10):
            while desk.calls == before or len(poller._queues["funding"].running) != 1:
                if desk.calls > before and not poller._queues["funding"].running:
                    desk.now_ms = max(desk.now_ms, due_ms)  # a sweep that fits is at its end
                if desk.now_ms >= due_ms:
                    due_ms += every_ms
                    await poller.dispatch()
                await asyncio.sleep(0)
        if desk.now_ms >= due_ms:
            due_ms += every_ms
            await poller.dispatch()


def gaps(times: list[int]) -> list[int]:
    return [after - before for before, after in pairwise(times)]


async def test_what_fires_is_read_every_poll_while_a_long_sweep_goes_on(tmp_path: Path) -> None:
    desk = Desk(60, lambda name, _: "5" if name == "desk050" else "5000")
    async with polled(tmp_path, desk, low("floor", below="100", confirm=1)) as (poller, _):
        await run(poller, desk, 300)
    firing = desk.read_at["desk050"]
    assert len(firing) > 20
    assert min(gaps(firing)) >= POLL_MS, "poll_every is the least time between two ordinary readings"
    assert max(gaps(firing)) <= POLL_MS + (SHARE + 1) * CALL_MS


async def test_the_others_wait_no_longer_than_the_bound_however_many_matter(tmp_path: Path) -> None:
    desk = Desk(60, lambda name, _: "5" if name >= "desk020" else "5000")
    async with polled(tmp_path, desk, low("floor", below="100", confirm=1)) as (poller, _):
        await run(poller, desk, 500)
    bound_ms = 60 * CALL_MS * SHARE // (SHARE - 1)
    for name, times in desk.read_at.items():
        assert len(times) >= 5, name
        assert max(gaps(times)) <= bound_ms + POLL_MS, name
        assert min(gaps(times)) >= POLL_MS, name
    calm = [gap for name in desk.names[:20] for gap in gaps(desk.read_at[name])]
    assert max(calm) <= bound_ms + SHARE * CALL_MS


async def test_nothing_is_asked_that_would_not_be_asked_without(tmp_path: Path) -> None:
    """One call at a time and none more: what matters takes the places of others, it adds none."""
    desk = Desk(40, lambda name, at: str(5_000 + at % 7))
    async with polled(tmp_path, desk, low("floor", below="100")) as (poller, _):
        began = desk.now_ms
        await run(poller, desk, 200)
        assert len(poller._queues["funding"].running) == 1
    assert desk.now_ms - began == 200 * CALL_MS == desk.calls * CALL_MS


async def test_what_is_near_its_threshold_is_read_more_often_and_what_changed_for_two_readings(
    tmp_path: Path,
) -> None:
    def balance(name: str, at: int) -> str:
        if name == "desk007":
            return "109"  # the floor is 100
        if name == "desk008":
            return "111"
        return "4000" if name == "desk030" and at > 1_100_000 else "5000"

    desk = Desk(60, balance)
    async with polled(tmp_path, desk, low("floor", below="100")) as (poller, _):
        await run(poller, desk, 400)
    bound_ms = POLL_MS + (SHARE + 2) * CALL_MS
    assert max(gaps(desk.read_at["desk007"])) <= bound_ms
    assert min(gaps(desk.read_at["desk008"])) > 3 * POLL_MS
    changed = next(at for at in desk.read_at["desk030"] if at > 1_100_000)
    after = [at - changed for at in desk.read_at["desk030"] if at >= changed]
    assert after[2] <= 2 * bound_ms
    assert after[3] - after[2] > 3 * POLL_MS, "then it is one of the many again"


async def test_a_ceiling_is_near_from_below_and_a_threshold_of_zero_from_nowhere(tmp_path: Path) -> None:
    desk = Desk(60, lambda name, _: {"desk003": "95", "desk004": "0"}.get(name, "50"))
    rules = (high("full", above="100", field="free"), high("any", above="0", asset="BTC", field="free"))
    async with polled(tmp_path, desk, *rules) as (poller, _):
        await run(poller, desk, 250)
    assert max(gaps(desk.read_at["desk003"])) <= POLL_MS + (SHARE + 1) * CALL_MS
    assert min(gaps(desk.read_at["desk004"])) > 3 * POLL_MS


@asynccontextmanager
async def restarted(poller: Poller, desk: Desk, engine: Engine) -> AsyncIterator[tuple[Poller, Desk]]:
    """The same exchange, opened anew on what is known of it."""
    await poller.close()
    again = Desk(len(desk.names), desk.balance)
    again.now_ms = desk.now_ms
    engine.clock = lambda: again.now_ms
    second = Poller(poller.settings, again, engine)
    await second.start()
    yield second, again
    await second.close()


async def test_a_sweep_that_fits_begins_with_those_that_matter(tmp_path: Path) -> None:
    desk = Desk(6, lambda name, _: "5" if name in {"desk003", "desk005"} else "5000")
    async with polled(tmp_path, desk, low("floor", below="100", confirm=1)) as (poller, engine):
        await run(poller, desk, 6)
        desk.now_ms += 60_000
        async with restarted(poller, desk, engine) as (second, again):
            await run(second, again, 6, every_ms=1_000_000)
    order = sorted((times[0], name) for name, times in again.read_at.items() if times)
    assert [name for _, name in order[:3]] == ["desk003", "desk005", "desk000"]


async def test_a_restart_goes_on_with_those_read_longest_ago(tmp_path: Path) -> None:
    desk = Desk(40, lambda *_: "5000")
    async with polled(tmp_path, desk) as (poller, engine):
        await run(poller, desk, 15)
        async with restarted(poller, desk, engine) as (second, again):
            await run(second, again, 25)
    assert {name for name, times in again.read_at.items() if times} == set(desk.names[15:])


async def test_what_mattered_in_a_long_sweep_is_forgotten_once_sweeps_fit(tmp_path: Path) -> None:
    desk = Desk(30, lambda name, _: "101" if name == "desk002" else "5000")
    async with polled(tmp_path, desk, low("floor", below="100")) as (poller, engine):
        await run(poller, desk, 60)
        key = next(account.key for account in engine.world.accounts.values() if account.label == "desk002")
        assert poller._matters.rank(key)
        poller.settings = replace(poller.settings, poll_every_ms=100 * POLL_MS)
        await run(poller, desk, 60, every_ms=100 * POLL_MS)  # nobody waits from one sweep to the next
        assert not poller._matters.rank(key)

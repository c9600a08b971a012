"""Which reading goes first: confirming ones ahead of the queue, the most severe ahead of all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from daemon.engine import Engine
from daemon.exchanges.base import Answer, Task
from daemon.poll import ANSWERS_AT_ONCE, STARTS_AT_ONCE, Poller
from daemon.retries import URGENT_TRIES
from rules.model import (
    MASTER_IDENTITY,
    ClockSeen,
    Failure,
    FailureKind,
    Identity,
    ListedAccount,
    Listing,
    Pass,
    Reading,
    Severity,
)
from rules.outcome import Recheck
from rules.ruleset import ExchangeSettings, RulesAccepted, Ruleset
from rules.world import World
from state.threaded import AsyncStore

SETTINGS = ExchangeSettings("okx-main", "okx", 1_000, ("funding",), ("funding",))
NAMES = tuple(f"desk{number}" for number in range(6))


class OneAtATime:
    """A venue whose calls wait for the test, one at a time."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = asyncio.Semaphore(0)
        self.moved = asyncio.Condition()

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def keep_only(self, accounts: Collection[Identity]) -> None: ...

    def tasks(self, accounts: Sequence[Identity]) -> list[Task]:
        return [Task("funding", "funding", account, "funding") for account in accounts]

    def width(self, pool: str) -> int:
        return 1

    def waiting(self, pool: str) -> int:
        return 0

    def pace(self, *, evenly: bool) -> None:
        self.evenly = evenly

    def when_begun(self, hear: Callable[[int], None]) -> None:
        self.begun_heard = hear

    async def perform(self, task: Task, *, urgent: bool = False) -> AsyncIterator[Answer]:
        assert task.account is not None
        async with self.moved:
            self.asked.append(task.account.label)
            self.moved.notify_all()
        await self.gate.acquire()
        yield Reading.of("okx-main", task.account, "funding", 1_000, 1_001, ("free",), {"USDT": ("5",)})

    async def listing(self) -> AsyncIterator[Answer]:
        rows = tuple(ListedAccount(Identity(str(at), name=name)) for at, name in enumerate(NAMES))
        yield Listing("okx-main", "list", 1_000, 1_001, complete=True, accounts=rows)

    async def examine(self) -> AsyncIterator[Answer]:
        return
        yield

    def spent(self) -> dict[str, object]:
        return {}

    def restore(self, spent: object) -> None: ...

    def usage(self) -> tuple[()]:
        return ()

    async def until(self, count: int) -> None:
        async with self.moved, asyncio.timeout(10):
            await self.moved.wait_for(lambda: len(self.asked) >= count)


async def test_the_most_severe_are_confirmed_first_and_all_of_them_before_the_queue(tmp_path: Path) -> None:
    store = await AsyncStore.open(tmp_path / "state.db", migrate=True)
    engine = Engine(World(), store, clock=lambda: 2_000)
    engine.judge_now(RulesAccepted(1, Ruleset(exchanges={"okx-main": SETTINGS})))
    venue = OneAtATime()
    poller = Poller(SETTINGS, venue, engine)
    await poller.start()
    await venue.until(1)  # desk0 is under way, the others wait in their order
    keys = {account.label: account.key for account in engine.world.accounts.values()}
    wanted = [("desk4", Severity.INFO), ("desk5", Severity.CRITICAL), ("desk3", Severity.WARNING)]
    poller.recheck(Recheck("okx-main", keys[name], "funding", severity) for name, severity in wanted)
    await venue.until(2)  # what is urgent does not wait until an ordinary one has had its slot
    for _ in range(5):
        venue.gate.release()
    await venue.until(6)
    assert venue.asked == ["desk0", "desk5", "desk3", "desk4", "desk1", "desk2"]
    await poller.close()
    await store.close()


class Silent(OneAtATime):
    """A venue that never answers and, once closed, must not be asked."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False
        self.asking = asyncio.Event()

    async def close(self) -> None:
        self.closed = True

    async def examine(self) -> AsyncIterator[Answer]:
        self.asking.set()
        try:
            await asyncio.Event().wait()
        finally:
            assert not self.closed, "what is under way ends before the session does"
        yield ClockSeen("okx-main", 1_000, 0)

    listing = examine


async def test_what_is_being_asked_ends_with_the_exchange_and_the_job_that_asked_goes_on(
    tmp_path: Path,
) -> None:
    store = await AsyncStore.open(tmp_path / "state.db", migrate=True)
    engine = Engine(World(), store, clock=lambda: 2_000)
    engine.judge_now(RulesAccepted(1, Ruleset(exchanges={"okx-main": SETTINGS})))
    for asking in (Poller.examine, Poller.list_accounts):
        venue = Silent()
        poller = Poller(SETTINGS, venue, engine)
        job = asyncio.create_task(asking(poller))
        await venue.asking.wait()
        await poller.close()
        async with asyncio.timeout(10):
            await job
    await store.close()


class AllAtOnce(OneAtATime):
    """A venue that tells of many accounts with one call, as Binance's summary and Bitget's pass do."""

    async def listing(self) -> AsyncIterator[Answer]:
        for number in range(400):
            who = Identity(str(number), name=f"desk{number}")
            yield Reading.of("okx-main", who, "funding", 1_000, 1_001, ("free",), {"USDT": ("5",)})


async def test_a_call_that_tells_of_hundreds_of_accounts_lets_others_have_their_turn(tmp_path: Path) -> None:
    store = await AsyncStore.open(tmp_path / "state.db", migrate=True)
    engine = Engine(World(), store, clock=lambda: 2_000)
    engine.judge_now(RulesAccepted(1, Ruleset(exchanges={"okx-main": SETTINGS})))
    engine.start()
    poller = Poller(SETTINGS, AllAtOnce(), engine)
    listing = asyncio.create_task(poller.list_accounts())
    known: list[int] = []
    while not listing.done():
        known.append(len(engine.world.accounts))
        await asyncio.sleep(0)
    assert poller.counters.reads == 400
    assert max(after - before for before, after in pairwise(known)) <= ANSWERS_AT_ONCE
    await poller.close()
    await engine.close()
    await store.close()


class Wide(OneAtATime):
    """A venue that has room for all calls at once; it notes in which turn of the loop each began."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = 0
        self.begun: list[int] = []
        self.gate = asyncio.Semaphore(1_000)

    def width(self, pool: str) -> int:
        return 50

    async def perform(self, task: Task, *, urgent: bool = False) -> AsyncIterator[Answer]:
        self.begun.append(self.turn)
        async for answer in super().perform(task, urgent=urgent):
            yield answer

    async def count_turns(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.turn += 1


async def wide(folder: Path) -> tuple[AsyncStore, Engine, Wide, Poller]:
    store = await AsyncStore.open(folder / "state.db", migrate=True)
    engine = Engine(World(), store, clock=lambda: 2_000)
    engine.judge_now(RulesAccepted(1, Ruleset(exchanges={"okx-main": SETTINGS})))
    venue = Wide()
    return store, engine, venue, Poller(SETTINGS, venue, engine)


async def test_a_sweep_begins_a_few_readings_in_each_turn_of_the_loop(tmp_path: Path) -> None:
    store, _, venue, poller = await wide(tmp_path)
    counting = asyncio.create_task(venue.count_turns())
    await poller.start()
    await venue.until(len(NAMES))
    counting.cancel()
    assert max(venue.begun.count(turn) for turn in venue.begun) <= STARTS_AT_ONCE
    await poller.close()
    await store.close()


class Refusing(Wide):
    """A venue of which every call fails at once, without a wait."""

    async def perform(self, task: Task, *, urgent: bool = False) -> AsyncIterator[Answer]:
        self.begun.append(self.turn)
        yield Failure("okx-main", 1_000, FailureKind.TRANSIENT, "refused", account=task.account)

    def width(self, pool: str) -> int:
        return 1


async def test_what_fails_without_a_wait_begins_a_few_times_in_each_turn_of_the_loop(tmp_path: Path) -> None:
    store, engine, _, _ = await wide(tmp_path)
    venue = Refusing()
    poller = Poller(SETTINGS, venue, engine)
    counting = asyncio.create_task(venue.count_turns())
    await poller.start()
    async with asyncio.timeout(10):
        while len(venue.begun) < len(NAMES):  # noqa: ASYNC110  the turns are what is counted
            await asyncio.sleep(0)
    counting.cancel()
    assert max(venue.begun.count(turn) for turn in venue.begun) <= STARTS_AT_ONCE
    await poller.close()
    await store.close()


class Pools(OneAtATime):
    """A venue that has a pool for each wallet of an account."""

    def tasks(self, accounts: Sequence[Identity]) -> list[Task]:
        return [Task(wallet, wallet, account, wallet) for wallet in ("a", "b") for account in accounts]

    async def perform(self, task: Task, *, urgent: bool = False) -> AsyncIterator[Answer]:
        self.asked.append(task.pool)
        if task.pool == "a":
            await self.gate.acquire()
        yield Reading.of(
            "okx-main", task.account or MASTER_IDENTITY, "funding", 1_000, 1_001, ("free",), {"USDT": ("5",)}
        )


async def test_what_became_due_in_another_pool_begins_at_the_end_of_a_reading(tmp_path: Path) -> None:
    store, engine, _, _ = await wide(tmp_path)
    venue = Pools()
    poller = Poller(SETTINGS, venue, engine)
    await poller.start()
    async with asyncio.timeout(10):
        while venue.asked.count("b") < len(NAMES):  # noqa: ASYNC110  all of that pool
            await asyncio.sleep(0)
        mine = next(task for task in poller.tasks() if task.pool == "b")
        poller._queue("b").add(mine)
        venue.gate.release()
        while venue.asked.count("a") < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert venue.asked.count("b") == len(NAMES) + 1
    await poller.close()
    await store.close()


class Faulty(OneAtATime):
    """A venue whose client fails in ways of its own for some accounts; one call at a time."""

    async def perform(self, task: Task, *, urgent: bool = False) -> AsyncIterator[Answer]:
        self.gate.release()
        async for answer in super().perform(task, urgent=urgent):
            if self.asked[-1] == "desk1":
                raise LookupError("a fault of the client")
            if self.asked[-1] == "desk3":
                raise asyncio.CancelledError
            yield answer
            if self.asked[-1] == "desk4":
                raise LookupError("a fault after the answer")


async def test_a_fault_in_the_midst_of_readings_ends_only_the_one_it_is_in(tmp_path: Path) -> None:
    store, engine, _, _ = await wide(tmp_path)
    venue = Faulty()
    poller = Poller(SETTINGS, venue, engine)
    await poller.start()
    await venue.until(len(NAMES))
    assert venue.asked == list(NAMES)
    await poller.close()
    await store.close()


CROWDED = replace(SETTINGS, read_us=1_000_000)
"""A sweep takes longer than `poll_every`."""


@asynccontextmanager
async def started(
    folder: Path, venue: OneAtATime, settings: ExchangeSettings = SETTINGS
) -> AsyncIterator[tuple[Poller, Engine]]:
    store, engine, _, _ = await wide(folder)
    poller = Poller(settings, venue, engine)
    await poller.start()
    yield poller, engine
    await poller.close()
    await store.close()


class Failing(OneAtATime):
    """A venue of which the first reading of an account fails, to be asked again after some milliseconds."""

    def __init__(self, now_ms: int = 2_000) -> None:
        super().__init__()
        self.now_ms = now_ms
        self.urgent: list[bool] = []
        self.failing = True

    async def perform(self, task: Task, *, urgent: bool = False) -> AsyncIterator[Answer]:
        self.urgent.append(urgent)
        self.gate.release()
        async for answer in super().perform(task, urgent=urgent):
            if self.failing:
                self.failing = False
                until_ms = self.now_ms + 30
                yield Failure(
                    "okx-main", self.now_ms, FailureKind.TRANSIENT, "no", task.account, until_ms=until_ms
                )
            else:
                yield answer


async def test_in_a_sweep_that_fits_what_failed_is_read_again_with_the_next(tmp_path: Path) -> None:
    venue = Failing()
    async with started(tmp_path, venue):
        await venue.until(len(NAMES))
        await asyncio.sleep(0.15)
        assert venue.asked == list(NAMES)


async def test_what_failed_is_read_again_when_that_makes_sense_and_not_a_sweep_later(tmp_path: Path) -> None:
    venue = Failing()
    async with started(tmp_path, venue, CROWDED):
        await venue.until(len(NAMES) + 1)
        assert venue.asked == [*NAMES, "desk0"]
        await asyncio.sleep(0.05)
        assert len(venue.asked) == len(NAMES) + 1, "and no more once it was read"


@pytest.mark.parametrize("again", [False, True])
async def test_a_confirming_read_that_failed_stays_urgent(tmp_path: Path, again: bool) -> None:  # noqa: FBT001
    """`again`: it is an ordinary reading that failed, and the confirming one is wanted before it may be repeated."""
    venue = Failing()
    venue.failing = False
    async with started(tmp_path, venue) as (poller, engine):
        await venue.until(len(NAMES))
        await asyncio.sleep(0.01)
        key = next(account.key for account in engine.world.accounts.values() if account.label == "desk3")
        wanted = Recheck("okx-main", key, "funding", Severity.CRITICAL)
        venue.failing, known = True, len(venue.asked)
        if again:
            poller._queue("funding").add(
                next(task for task in poller.tasks() if task.account.name == "desk3")
            )
            poller._pump()
            await venue.until(known + 1)
            await asyncio.sleep(0)
        poller.recheck([wanted])
        await venue.until(known + 2)
        assert venue.asked[known:] == ["desk3", "desk3"]
        assert venue.urgent[known:] == [not again, True]


async def test_what_failed_is_dropped_with_its_exchange_and_with_its_account(tmp_path: Path) -> None:
    store, engine, _, _ = await wide(tmp_path)
    for gone in (False, True):
        venue = Failing()
        poller = Poller(CROWDED, venue, engine)
        await poller.start()
        await venue.until(len(NAMES))
        if gone:
            poller._parts.known.clear()
        else:
            await poller.close()
        await asyncio.sleep(0.06)
        assert venue.asked == list(NAMES)
        await poller.close()
    await store.close()


class Slow(OneAtATime):
    """A venue whose calls wait for slots: `through` of them have one."""

    through = 0

    def width(self, pool: str) -> int:
        return 50

    def waiting(self, pool: str) -> int:
        return max(0, len(self.asked) - self.through)


async def test_no_more_tasks_wait_for_slots_than_come_free_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.poll.WAITING_MOST", 2)
    monkeypatch.setattr("daemon.poll.STARTS_AT_ONCE", 1)
    venue = Slow()
    async with started(tmp_path, venue):
        await venue.until(2)
        await asyncio.sleep(0.05)
        assert 2 <= len(venue.asked) <= 3, "one was begun while the other had not come to wait"
        venue.through = 3  # they have their slots, and no answers
        venue.begun_heard(5)
        await asyncio.sleep(0.01)
        assert len(venue.asked) <= 3, "who has read goes on with the next"
        venue.begun_heard(0)
        await venue.until(5)


async def test_a_sweep_that_takes_longer_than_poll_every_is_read_at_an_even_pace(tmp_path: Path) -> None:
    store, engine, _, _ = await wide(tmp_path)
    for read_us, evenly in ((1_000, False), (1_000_000, True)):
        venue = OneAtATime()
        poller = Poller(replace(SETTINGS, read_us=read_us), venue, engine)
        await poller.start()
        assert venue.evenly is evenly
        await poller.close()
    await store.close()


class Denying(OneAtATime):
    """A venue of which every call is refused, each to be repeated after some milliseconds."""

    kind = FailureKind.DENIED

    async def perform(self, task: Task, *, urgent: bool = False) -> AsyncIterator[Answer]:
        self.gate.release()
        async for _ in super().perform(task, urgent=urgent):
            yield Failure("okx-main", 2_000, self.kind, "no", account=task.account, until_ms=1_990)


@pytest.mark.parametrize("kind", [FailureKind.DENIED, FailureKind.ACCOUNT])
async def test_what_the_venue_says_of_an_account_is_an_answer_and_not_asked_for_at_once(
    tmp_path: Path, kind: FailureKind
) -> None:
    venue = Denying()
    venue.kind = kind
    async with started(tmp_path, venue, CROWDED):
        await venue.until(len(NAMES))
        await asyncio.sleep(0.1)
        assert venue.asked == list(NAMES)


async def test_a_failure_that_was_heard_of_late_is_repeated_all_the_same_while_the_account_is_there(
    tmp_path: Path,
) -> None:
    venue = Denying()
    venue.kind = FailureKind.TRANSIENT
    async with started(tmp_path, venue, CROWDED) as (poller, _):
        await venue.until(2 * len(NAMES))
        poller._parts.known.clear()
        poller._retries.keep_only(poller._parts.known)
        known = len(venue.asked)
        await asyncio.sleep(0.1)
        assert len(venue.asked) <= known + 2, "but for what was under way"


async def test_the_ordinary_ones_go_on_beside_many_that_are_urgent(tmp_path: Path) -> None:
    venue = OneAtATime()
    venue.width = lambda pool: 2  # type: ignore[method-assign]
    async with started(tmp_path, venue) as (poller, engine):
        await venue.until(2)
        keys = {account.label: account.key for account in engine.world.accounts.values()}
        poller.recheck(Recheck("okx-main", keys[name], "funding", Severity.INFO) for name in NAMES[3:])
        await venue.until(4)
        assert venue.asked == ["desk0", "desk1", "desk3", "desk4"]
        venue.gate.release()
        await venue.until(5)
        assert venue.asked[4] == "desk2", "one of the two that were begun first has ended"


class Held(OneAtATime):
    """A venue with two places of each kind; a call of an account waits for the test."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[tuple[str, bool]] = []
        self.go = {name: asyncio.Event() for name in NAMES}

    def width(self, pool: str) -> int:
        return 2

    async def perform(self, task: Task, *, urgent: bool = False) -> AsyncIterator[Answer]:
        assert task.account is not None
        self.begun.append((task.account.label, urgent))
        await self.go[task.account.label].wait()
        self.gate.release()
        async for answer in super().perform(task, urgent=urgent):
            yield answer


async def test_a_confirming_read_stays_urgent_though_its_own_turn_comes_before_an_urgent_place_is_free(
    tmp_path: Path,
) -> None:
    venue = Held()
    async with started(tmp_path, venue) as (poller, engine):
        keys = {account.label: account.key for account in engine.world.accounts.values()}
        wanted = [("desk4", Severity.CRITICAL), ("desk5", Severity.CRITICAL), ("desk2", Severity.WARNING)]
        poller.recheck(Recheck("okx-main", keys[name], "funding", severity) for name, severity in wanted)
        urgent = [("desk4", True), ("desk5", True)]
        venue.go["desk0"].set()
        await venue.until(1)
        await asyncio.sleep(0.01)
        assert venue.begun == [(NAMES[0], False), (NAMES[1], False), *urgent, ("desk3", False)]
        venue.go["desk4"].set()
        await venue.until(2)
        await asyncio.sleep(0.01)
        assert venue.begun[-1] == ("desk2", True)


PASSES = ExchangeSettings("okx-main", "bitget", 1_000, ("spot",), ("spot",))


class Passing(OneAtATime):
    """A venue that reads all accounts with one pass, of which each that is to fail does so after some rows."""

    def __init__(self) -> None:
        super().__init__()
        self.urgent: list[bool] = []
        self.failing = False
        self.again_ms = 60
        self.wanting: Callable[[], None] | None = None
        self.gate.release()

    def tasks(self, accounts: Sequence[Identity]) -> list[Task]:
        return [Task("assets", "assets", None, "spot")]

    async def perform(self, task: Task, *, urgent: bool = False) -> AsyncIterator[Answer]:
        self.urgent.append(urgent)
        failing, self.failing = self.failing, False
        yield Reading.of(
            "okx-main", Identity("0", name="desk0"), "spot", 1_000, 1_001, ("free",), {"USDT": ("5",)}
        )
        if self.wanting is not None:
            wanting, self.wanting = self.wanting, None
            wanting()
        if failing:
            yield Failure("okx-main", 2_000, FailureKind.TRANSIENT, "no", until_ms=2_000 + self.again_ms)
        yield Pass("okx-main", "spot", 1_000, 1_001, not failing, ("free",), {"0": frozenset({"USDT"})})
        async with self.moved:
            self.asked.append("pass")
            self.moved.notify_all()

    async def listing(self) -> AsyncIterator[Answer]:
        rows = (ListedAccount(Identity("0", name="desk0")),)
        yield Listing("okx-main", "list", 1_000, 1_001, complete=True, accounts=rows)


@asynccontextmanager
async def passing(folder: Path) -> AsyncIterator[tuple[Passing, Callable[[], None], Callable[[], None]]]:
    """The venue after its first pass; how a confirming pass is wanted, and how an ordinary one is begun."""
    venue = Passing()
    async with started(folder, venue, PASSES) as (poller, engine):
        await venue.until(1)
        await asyncio.sleep(0.01)
        wanted = Recheck("okx-main", next(iter(engine.world.accounts)), "spot", Severity.CRITICAL)

        def begin() -> None:
            poller._queue("assets").add(poller.tasks()[0])
            poller._pump()

        yield venue, lambda: poller.recheck([wanted]), begin


async def test_a_pass_that_told_of_all_ends_the_row_of_urgent_tries(tmp_path: Path) -> None:
    async with passing(tmp_path) as (venue, want, begin):
        for turn in range(URGENT_TRIES + 2):
            venue.failing = True
            begin()
            await venue.until(2 + 2 * turn)
            await asyncio.sleep(0.01)
            want()
            await venue.until(3 + 2 * turn)
            await asyncio.sleep(0.01)
        assert venue.urgent[1:] == [False, True] * (URGENT_TRIES + 2)


async def test_a_pass_that_failed_with_news_is_asked_for_again_when_that_makes_sense(tmp_path: Path) -> None:
    async with passing(tmp_path) as (venue, want, begin):
        venue.failing, venue.wanting, venue.again_ms = True, want, 300
        begin()
        await venue.until(2)
        await asyncio.sleep(0.1)
        assert venue.urgent == [False, False]
        await venue.until(3)
        assert venue.urgent == [False, False, True]

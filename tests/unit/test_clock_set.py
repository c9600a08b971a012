"""The wall clock is set while the daemon runs: nothing waits for a time of before, and nothing is done twice for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from daemon.app import App
from daemon.exchanges.base import Task
from daemon.poll import Poller
from daemon.schedule import Schedule
from daemon.startup import Started
from daemon.waiting import Queue
from rules.model import Failure, FailureKind, Identity, Severity, Start
from rules.outcome import Recheck
from rules.ruleset import NotifierSettings, Rule
from rules.types.presence import Presence
from rules.world import World
from state.errors import StateError
from tests.engine import Engine, disappeared, low, status
from tests.unit.test_poll_order import NAMES, SETTINGS, Failing, wide

HOUR_MS = 3_600_000
DAY_SECONDS = 86_400


class Wall:
    """What the clockwork and APScheduler take for the time of day."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        wall = self

        class Shifted(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + timedelta(seconds=wall.ahead)

        patch.setattr("daemon.schedule.time", lambda: time.time() + wall.ahead, raising=False)
        patch.setattr("daemon.schedule.datetime", Shifted)
        patch.setattr("apscheduler.schedulers.base.datetime", Shifted)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    return Wall(monkeypatch)


class Ran:
    """A job that notes when it ran."""

    def __init__(self) -> None:
        self.at: list[float] = []

    async def __call__(self) -> None:
        self.at.append(time.monotonic())

    async def times(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.at) < count:  # noqa: ASYNC110  time is what is looked at
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("seconds", [-3_600, 2 * DAY_SECONDS])
async def test_jobs_go_on_at_their_pace_and_are_not_run_more_often_for_it(wall: Wall, seconds: float) -> None:
    schedule, often, late = Schedule(), Ran(), Ran()
    schedule.every("often", 0.05, often)
    schedule.every("late", 1, late, first_after=1)
    schedule.start()
    await often.times(2)
    wall.ahead, before, began = seconds, len(often.at), time.monotonic()
    await often.times(before + 5)
    await late.times(1)
    took = time.monotonic() - began
    await schedule.drain(1)
    assert max(after - one for one, after in pairwise(often.at)) < 1
    assert len(often.at) - before <= took / 0.05 + 2
    assert late.at[0] - often.at[0] >= 0.9, "it has its own time as before"


@pytest.mark.parametrize("step_seconds", [-3_600, 3_600])
async def test_a_job_that_is_made_just_after_the_step_keeps_its_own_pace(
    wall: Wall, step_seconds: float
) -> None:
    for when in ("before the start", "after it"):
        schedule, ran = Schedule(), Ran()
        if when == "after it":
            schedule.start()
        wall.ahead += step_seconds
        schedule.every("new", 0.05, ran, first_after=0.1)
        if when == "before the start":
            schedule.start()
        began = time.monotonic()
        await asyncio.sleep(0.6)
        await schedule.drain(1)
        assert len(ran.at) >= 3, when
        assert ran.at[0] - began >= 0.05, when


@pytest.mark.parametrize("seconds", [-3_600, -2, 2, 400 * DAY_SECONDS])
async def test_who_listens_hears_by_how_many_seconds_the_clock_was_set(wall: Wall, seconds: float) -> None:
    heard: list[float] = []
    schedule, often, seldom = Schedule(heard.append), Ran(), Ran()
    schedule.every("seldom", 20, seldom)
    schedule.start()
    await seldom.times(1)
    wall.ahead = seconds
    schedule._scheduler.wakeup()
    wall.ahead += 0.5  # that is no step
    schedule._scheduler.wakeup()
    schedule.every("often", 0.05, often)
    await often.times(3)
    await schedule.drain(1)
    assert heard == pytest.approx([seconds], abs=0.5)
    assert len(seldom.at) == 1


@pytest.mark.parametrize("urgent", [False, True])
async def test_what_was_to_be_asked_again_later_is_asked_though_the_clock_was_set_back(
    tmp_path: Path,
    urgent: bool,  # noqa: FBT001
) -> None:
    """`urgent`: a confirming read of it is wanted; else it is asked with the next sweep."""
    now_ms = 2 * HOUR_MS
    store, engine, _, _ = await wide(tmp_path)
    engine.clock = lambda: now_ms
    venue = Failing(now_ms)
    poller = Poller(SETTINGS, venue, engine)
    await poller.start()
    await venue.until(len(NAMES))  # desk0 failed, to be asked again after 30 ms
    await asyncio.sleep(0.01)
    now_ms -= HOUR_MS
    poller.clock_set_back(now_ms)
    if urgent:
        keys = {account.label: account.key for account in engine.world.accounts.values()}
        poller.recheck([Recheck("okx-main", keys["desk0"], "funding", Severity.CRITICAL)])
        await venue.until(len(NAMES) + 1)
        assert (venue.asked[-1], venue.urgent[-1]) == ("desk0", True)
    else:
        await poller.dispatch()
        await venue.until(2 * len(NAMES))
        assert "desk0" in venue.asked[len(NAMES) :]
    await poller.close()
    await store.close()


def test_what_matters_is_due_after_its_usual_time_though_the_clock_was_set_back() -> None:
    one, every_ms = Task("p", "p", Identity(name="1"), "spot"), 60_000
    last_ms = 2 * HOUR_MS
    queue = Queue(every_ms, lambda _: 3, lambda _: last_ms)
    queue.prefer(one)
    now_ms = last_ms = HOUR_MS
    queue.clock_set_back(now_ms)
    assert queue.next(now_ms + every_ms - 1) is None
    assert queue.next(now_ms + every_ms) == one


class Heard:
    """What pollers and the store are told, and an outbox that waits for the disk."""

    def __init__(self) -> None:
        self.told: list[tuple[int, ...]] = []
        self.refuses = False

    def clock_set_back(self, *given: int) -> None:
        self.told.append(given)

    async def committed(self, *given: int) -> None:
        self.told.append(given)
        if self.refuses:
            raise StateError("write", Path("state.db"), "the disk is full", "make room")


@pytest.mark.parametrize("refuses", [False, True])
async def test_all_who_wait_for_a_time_hear_of_a_clock_that_was_set(refuses: bool) -> None:  # noqa: FBT001
    """`refuses`: the outbox cannot be written; its lanes look all the same."""
    pollers, outbox, woken = Heard(), Heard(), asyncio.Event()
    outbox.refuses = refuses
    moved: list[int] = []
    config, store = SimpleNamespace(exchanges=()), SimpleNamespace(clock_set_back=outbox.committed)
    app = App(Path("rules.toml"), cast("Started", SimpleNamespace(config=config, store=store, world=World())))
    app.pollers, app.lanes = (
        {"okx-main": pollers},
        {"slack": SimpleNamespace(wake=woken.set, clock_set=moved.append)},
    )
    app.engine.clock = lambda: 5 * HOUR_MS
    app._clock_set(-5)
    await asyncio.wait_for(woken.wait(), 5)
    assert (pollers.told, outbox.told) == ([(5 * HOUR_MS,)], [(5 * HOUR_MS, -5_000)])
    for hours, seconds in ((4, -3_600.25), (6, 7_200)):
        app.engine.clock = lambda now_ms=hours * HOUR_MS: now_ms
        app._clock_set(seconds)
        assert app.engine.world.started_ms == hours * HOUR_MS
        await asyncio.sleep(0)
    assert pollers.told[1:] == [(4 * HOUR_MS,)]
    assert outbox.told[1:] == [(4 * HOUR_MS, -3_600_250)]
    assert moved == [-5_000, -3_600_250, 7_200_000]


@pytest.mark.parametrize("before", ["1s", "5h"])
def test_an_exchange_that_falls_silent_as_the_clock_is_set_back_is_told_of_in_its_time(before: str) -> None:
    engine = Engine()
    engine.reads("mm-1", USDT="500")
    engine.ticks()
    engine.after(before)
    engine.reads("mm-1", USDT="500")
    engine.ticks()
    engine.now_ms -= HOUR_MS
    began_ms = engine.now_ms
    engine.says(Start(began_ms))
    while not (told := engine.told()):
        engine.fails("mm-1", reason="connection refused")
        engine.ticks()
        engine.now_ms += 4_000
    assert told == ["firing subtally/stale-exchange"]
    assert 300_000 <= engine.now_ms - began_ms <= 310_000


def test_an_account_that_vanishes_after_the_clock_was_set_back_is_gone_and_not_unlisted() -> None:
    engine = Engine(Rule("gone", "account_disappeared", Presence(appeared=False)))
    for _ in range(3):
        engine.lists("a@x", "b@x")
        engine.reads("a@x", USDT="5")
        engine.reads("b@x", USDT="5")
        engine.after("1m")
    assert engine.told() == []
    engine.now_ms -= HOUR_MS
    engine.says(Start(engine.now_ms))
    for _ in range(4):
        engine.lists("a@x")
        engine.fails("b@x", kind=FailureKind.DENIED, reason="no such account")
        engine.after("5s")
    assert [one.split()[:2] for one in engine.told()] == [["event", "gone"]]


@pytest.mark.parametrize("back_ms", [0, HOUR_MS])
def test_one_account_that_falls_silent_and_its_reminders_are_told_in_their_time(back_ms: int) -> None:
    engine = Engine(repeat_every_ms=600_000, repeat_max_ms=600_000)
    names = ("a@x", "b@x")
    engine.lists(*names)
    for _ in range(3):
        for name in names:
            engine.reads(name, USDT="5")
        engine.ticks()
        engine.after("1m")
    engine.now_ms -= back_ms
    engine.says(Start(engine.now_ms))
    began_ms, told = engine.now_ms, []
    while engine.now_ms < began_ms + 45 * 60_000:
        engine.reads("a@x", USDT="5")
        engine.ticks()
        told += [(one, (engine.now_ms - began_ms) // 60_000) for one in engine.told()]
        engine.after("30s")
    assert told[0] == ("firing subtally/stale-account b@x", 5)
    assert [words.split()[0] for words, _ in told[1:]] == ["reminder"] * 3
    assert all(minute in {15, 16, 25, 26, 35, 36} for _, minute in told[1:])


def test_who_is_to_be_reminded_or_to_hear_of_what_nobody_acks_waits_no_longer() -> None:
    rule = low("floor", "100", confirm=1, notify=("oncall",), escalate_after="15m", escalate_to=("boss",))
    engine = Engine(
        rule,
        notifiers=[NotifierSettings("oncall", Severity.INFO), NotifierSettings("boss", Severity.INFO)],
        repeat_every_ms=600_000,
        repeat_max_ms=600_000,
    )
    engine.reads("a@x", USDT="5")
    assert engine.told() == ["firing floor a@x USDT 5"]
    engine.now_ms -= HOUR_MS
    engine.says(Start(engine.now_ms))
    told = []
    for _ in range(17):
        engine.after("1m").reads("a@x", USDT="5")
        engine.ticks()
        told += [words.split()[0] for words in engine.told()]
    assert sorted(told) == ["escalated", "reminder"]


def vanishing(engine: Engine) -> None:
    """One of two accounts is in no list, and its own call says that there is none."""
    engine.lists("a@x")
    engine.reads("a@x", USDT="5")
    engine.fails("b@x", kind=FailureKind.DENIED, reason="no such account")


def clearing(engine: Engine) -> None:
    engine.reads("a@x", USDT="500")


def missed(engine: Engine) -> None:
    for _ in range(3):
        engine.lists("a@x", "b@x")
        engine.reads("a@x", USDT="5")
        engine.reads("b@x", USDT="5")
        engine.after("30s")
    engine.lists("a@x")


def fallen(engine: Engine) -> None:
    for _ in range(3):
        engine.reads("a@x", USDT="5")
        engine.after("30s")


def banned(engine: Engine) -> None:
    fallen(engine)
    engine.says(Failure("x", engine.now_ms, FailureKind.BANNED, "418", until_ms=engine.now_ms + 10_000))


def blind(engine: Engine) -> None:
    engine.lists("a@x")
    for _ in range(3):
        unseen(engine)
        engine.after("30s")


def unseen(engine: Engine) -> None:
    engine.reads(
        "a@x", fields=("free", "locked", "frozen", "withdrawing"), rows={"USDT": ("5", "0", "0", "")}
    )


def judging(engine: Engine) -> None:
    engine.lists("a@x", "b@x")
    engine.reads("a@x", USDT="5")
    engine.ticks()


def half_judged(engine: Engine) -> None:
    engine.reads("a@x", USDT="5")
    engine.fails("b@x", reason="HTTP 500")


@pytest.mark.parametrize("back_ms", [0, 90_000, HOUR_MS])
@pytest.mark.parametrize(
    "rule, before, then, told, at_most_seconds",
    [
        (disappeared(), missed, vanishing, "event disappeared b@x", 60),
        (low("floor", "100"), fallen, clearing, "resolved floor a@x USDT 500", 120),
        (low("floor", "100"), banned, clearing, "resolved subtally/ban", 60),
        (low("floor", "100", field="withdrawing"), blind, unseen, "firing subtally/unknown a@x USDT", 360),
        (low("floor", "100", confirm=1), judging, half_judged, "firing floor a@x USDT 5", 90),
    ],
    ids=["vanishes", "clears", "ban", "blind", "first"],
)
def test_what_is_under_way_as_the_clock_is_set_back_comes_to_its_end(
    rule: Rule,
    before: Callable[[Engine], None],
    then: Callable[[Engine], None],
    told: str,
    at_most_seconds: int,
    back_ms: int,
) -> None:
    engine = Engine(rule, first=before is judging)
    before(engine)
    engine.told()
    engine.now_ms -= back_ms
    engine.says(Start(engine.now_ms))
    began_ms, found = engine.now_ms, []
    engine.after("11s")
    while told not in found and engine.now_ms - began_ms < 2 * HOUR_MS:
        then(engine)
        engine.ticks()
        found += engine.told()
        engine.after("15s")
    assert (engine.now_ms - began_ms) / 1000 <= at_most_seconds, found


def test_law_3_a_denial_of_before_is_none_where_the_account_answered_since() -> None:
    engine = Engine(disappeared(), status())
    for _ in range(3):
        engine.lists("a@x", "b@x")
        engine.reads("b@x", USDT="5")
        engine.after("30s")
    engine.fails("b@x", kind=FailureKind.DENIED, reason="no such account")
    engine.now_ms -= HOUR_MS
    engine.says(Start(engine.now_ms))
    for names in (("a@x", "b@x"), ("a@x", "b@x"), ("a@x",), ("a@x",), ("a@x",)):
        engine.lists(*names)
        engine.reads("b@x", USDT="5")
        engine.after("10s")
    assert [words for words in engine.told() if "disappeared" in words] == []


@pytest.mark.parametrize("back_ms", [30_000, 59_000])
def test_a_short_step_back_makes_no_account_stale(back_ms: int) -> None:
    engine = Engine()
    names = [f"s{number}@x" for number in range(20)]
    for _ in range(3):
        engine.lists(*names)
        for name in names:
            engine.reads(name, USDT="5")
            engine.now_ms -= 900
        engine.ticks()
        engine.after("1m")
    for name in names:
        engine.reads(name, USDT="5")
        engine.now_ms -= 900
    engine.now_ms -= back_ms
    engine.says(Start(engine.now_ms))
    engine.edits()
    for _ in range(10):
        engine.ticks()
        engine.after("5s")
    assert engine.told() == []

"""What is committed together, and what waits for nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from daemon.engine import Engine
from rules.model import Failure, FailureKind, Identity, ListedAccount, Listing, Reading, Severity, Start
from rules.ruleset import NotifierSettings, RulesAccepted, Ruleset, Settings
from rules.world import World
from state.outbox import Message
from state.prepared import Entry, Wanted
from state.threaded import AsyncStore
from tests.engine import binance, low

NOW_MS = 1_700_000_000_000
PEOPLE = tuple(Identity(venue_id=f"id-{number}", email=f"mm-{number}") for number in range(10))
RULES = Ruleset(
    Settings(),
    {"x": binance()},
    {"slack": NotifierSettings("slack", Severity.INFO)},
    (low("floor", {"warning": "60"}, confirm=1),),
)


class Busy:
    """A lane that is sending something."""

    has_time = False

    def wants(self) -> Wanted | None:
        return None

    def hand(self, message: Message | None) -> None:
        raise AssertionError(f"it asked for nothing, and got {message}")


@dataclass
class Desk:
    """An engine, and how many inputs each of its commits held."""

    engine: Engine
    clock: list[int]
    commits: list[int] = field(default_factory=list)
    committed: asyncio.Event = field(default_factory=asyncio.Event)

    def heard(self, batch: list[Entry]) -> None:
        self.commits.append(len(batch))
        self.committed.set()

    def read(self, who: Identity, free: str) -> None:
        self.clock[0] += 1
        now = self.clock[0]
        self.engine.judge_now(
            Reading.of("x", who, "spot", now, now, ("free", "locked"), {"USDT": (free, "0")})
        )


@asynccontextmanager
async def a_desk(path: Path) -> AsyncIterator[Desk]:
    """Everybody was read, and the first judgement is over."""
    store = await AsyncStore.open(path / "subtally.db", migrate=True)
    clock = [NOW_MS]
    desk = Desk(Engine(World(), store, lambda: clock[0]), clock)
    desk.engine.on_commit.append(desk.heard)
    desk.engine.start()
    listed = tuple(map(ListedAccount, PEOPLE))
    for event in (RulesAccepted(NOW_MS, RULES), Start(NOW_MS)):
        desk.engine.judge_now(event)
    desk.engine.judge_now(Listing("x", "list", NOW_MS, NOW_MS, complete=True, accounts=listed))
    for who in PEOPLE:
        desk.read(who, "100")
    clock[0] += 120_000
    for who in PEOPLE:
        desk.read(who, "100")
    await desk.engine.settled()
    desk.commits.clear()
    desk.committed.clear()
    yield desk
    await desk.engine.close()
    await store.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment as long as a test may take: whatever waits for its end is seen to wait."""
    monkeypatch.setattr("daemon.engine.GATHER_SECONDS", 3_600.0)


@pytest.mark.usefixtures("patient")
async def test_answers_that_come_soon_after_each_other_are_one_commit(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        for number, who in enumerate(PEOPLE):
            desk.read(who, f"20{number}")
            for _ in range(5):  # turns of the loop in which a commit could begin
                await asyncio.sleep(0)
        assert desk.commits == []
        await desk.engine.settled()  # whoever waits until all is durable does not wait for the moment to end
        assert desk.commits == [len(PEOPLE)]


@pytest.mark.usefixtures("patient")
async def test_a_listing_of_which_nothing_is_told_is_committed_with_the_sweep_that_it_begins(
    tmp_path: Path,
) -> None:
    async with a_desk(tmp_path) as desk:
        now, listed = desk.clock[0], tuple(map(ListedAccount, PEOPLE))
        desk.engine.judge_now(Listing("x", "list", now, now, complete=True, accounts=listed))
        for _ in range(5):
            await asyncio.sleep(0)
        assert desk.commits == []
        desk.read(PEOPLE[0], "50")
        await asyncio.wait_for(desk.committed.wait(), 30)
        assert desk.commits == [2]


async def test_what_nobody_waits_for_is_committed_when_the_moment_is_over(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        desk.read(PEOPLE[0], "200")
        await asyncio.wait_for(desk.committed.wait(), 30)
        assert desk.commits == [1]


@pytest.mark.usefixtures("patient")
async def test_what_is_to_be_told_waits_for_no_other_answer(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        desk.read(PEOPLE[0], "200")
        await asyncio.sleep(0)
        desk.read(PEOPLE[1], "50")
        await asyncio.wait_for(desk.committed.wait(), 30)
        assert desk.commits == [2], "what came before it is in the same commit"


@pytest.mark.usefixtures("patient")
async def test_alerts_that_nobody_has_time_to_tell_are_one_commit(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        desk.engine.claimers = lambda _: (Busy(),)
        for who in PEOPLE[:3]:
            desk.read(who, "50")
            for _ in range(5):  # turns of the loop in which a commit could begin
                await asyncio.sleep(0)
        assert desk.commits == []
        desk.engine.hurry()
        await asyncio.wait_for(desk.committed.wait(), 30)
        assert desk.commits == [3]


@pytest.mark.usefixtures("patient")
async def test_time_to_tell_something_hurries_no_answer_of_which_nothing_is_told(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        desk.read(PEOPLE[0], "200")
        desk.engine.hurry()
        for _ in range(5):
            await asyncio.sleep(0)
        assert desk.commits == []


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("busy", [False, True])
async def test_law_11_a_ban_is_durable_at_once(tmp_path: Path, busy: bool) -> None:  # noqa: FBT001
    """Also while nobody has time to tell its alert: a kill before would forget it."""
    async with a_desk(tmp_path) as desk:
        if busy:
            desk.engine.claimers = lambda _: (Busy(),)
        until_ms = desk.clock[0] + 600_000
        ban = Failure("x", desk.clock[0], FailureKind.BANNED, "HTTP 418", until_ms=until_ms)
        assert desk.engine.judge_now(ban).notifications
        await asyncio.wait_for(desk.committed.wait(), 30)
        assert desk.commits == [1]


@pytest.mark.usefixtures("patient")
async def test_readers_never_wait_for_the_moment_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.gathering.MOST_WAITING", 5)
    async with a_desk(tmp_path) as desk:
        for number in range(20):
            now = desk.clock[0]
            rows = {"USDT": (f"2{number:02}", "0")}
            reading = Reading.of("x", PEOPLE[0], "spot", now, now, ("free", "locked"), rows)
            await asyncio.wait_for(desk.engine.take(reading), 30)
        await desk.engine.settled()
        assert sum(desk.commits) == 20
        assert max(desk.commits) <= 5

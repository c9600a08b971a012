"""What would hold up the event loop on a large desk does not come about in one go."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

import daemon.engine
from daemon.engine import Engine
from daemon.gathering import EACH_INPUT, MOST_WEIGHT
from rules.judge import judge
from rules.model import Identity, ListedAccount, Listing, Reading, Start, Tick
from rules.repeats import Repeats
from rules.ruleset import ExchangeSettings, RulesAccepted, Ruleset
from rules.world import World
from state.threaded import AsyncStore
from tests.engine import low

NOW_MS = 1_700_000_000_000
FIELDS = ("free", "locked")
RULES = Ruleset(
    exchanges={"okx-main": ExchangeSettings("okx-main", "okx", 60_000, ("funding",), ("funding",))}
)
PEOPLE = tuple(Identity(email=f"mm-{number}@x") for number in range(50))
LISTED = Listing(
    "okx-main", "list", NOW_MS, NOW_MS, complete=True, accounts=tuple(map(ListedAccount, PEOPLE))
)
BEGIN = (RulesAccepted(NOW_MS, RULES), Start(NOW_MS), LISTED)


def reading(who: Identity, assets: int) -> Reading:
    rows = {f"COIN{number}": ("1", "0") for number in range(assets)}
    return Reading.of("okx-main", who, "funding", NOW_MS, NOW_MS + 1, FIELDS, rows)


def test_to_know_who_is_read_compiles_the_rules_of_no_account_but_the_one_that_spoke() -> None:
    world = World()
    for event in (*BEGIN, Tick(NOW_MS + 1), reading(PEOPLE[7], 1), Tick(NOW_MS + 600_000)):
        judge(world, event, NOW_MS + 2)
    assert len(world.accounts) == len(PEOPLE)
    assert len(world.index.plans) == 1


def test_a_reading_waits_while_sums_over_all_accounts_are_added_up_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon.engine, "RECKONING_SECONDS", 0.0)  # each step is a turn of the loop
    summing = replace(RULES, rules=(low("all", "1", sum_over=["account"], asset="*", confirm=1),))

    async def scenario() -> None:
        store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
        engine = Engine(World(), store, lambda: NOW_MS)
        engine.start()
        for event in (*BEGIN, *(reading(who, 3) for who in PEOPLE)):
            await engine.take(event)
        await engine.take(RulesAccepted(NOW_MS, summing))
        taking = asyncio.create_task(engine.take(reading(PEOPLE[0], 3)))
        turns = 0
        while not taking.done():
            assert not engine.world.index.judged  # since the edit
            turns += 1
            await asyncio.sleep(0)
        assert turns > 3
        (sums,) = engine.world.index.sums.values()
        assert sums.parts == tuple((number, "funding") for number in range(1, len(PEOPLE) + 1))
        # And while they are added up, an edit makes an end of it.
        engine.judge_now(RulesAccepted(NOW_MS, RULES))
        await engine.take(RulesAccepted(NOW_MS, summing))
        engine.judge_now(RulesAccepted(NOW_MS, RULES))
        await engine.take(reading(PEOPLE[1], 3))
        assert not engine.world.index.sums
        await engine.settled()
        await engine.close()
        await store.close()

    asyncio.run(scenario())


def test_readers_wait_while_many_changed_rows_wait_for_the_disk(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
        engine = Engine(World(), store, lambda: NOW_MS)
        batches: list[int] = []
        engine.on_commit.append(
            lambda batch: batches.append(sum(len(entry.outcome.changes) for entry in batch))
        )
        engine.start()
        for event in (*BEGIN, *(reading(who, 500) for who in PEOPLE)):
            await engine.take(event)
        await engine.settled()
        await engine.close()
        await store.close()
        return batches

    batches = asyncio.run(scenario())
    assert sum(batches) == 500 * len(PEOPLE)
    assert max(batches) < MOST_WEIGHT + 500


def test_readers_wait_while_many_readings_of_one_change_each_wait_for_the_disk(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
        engine = Engine(World(), store, lambda: NOW_MS)
        batches: list[int] = []
        engine.on_commit.append(lambda batch: batches.append(len(batch)))
        engine.start()
        for event in BEGIN:
            await engine.take(event)
        for number in range(20):
            for who in PEOPLE:
                rows = {"USDT": (str(number), "0")}
                await engine.take(Reading.of("okx-main", who, "funding", NOW_MS, NOW_MS + 1, FIELDS, rows))
        await engine.settled()
        await engine.close()
        await store.close()
        return batches

    batches = asyncio.run(scenario())
    assert sum(batches) == 20 * len(PEOPLE) + len(BEGIN)
    assert max(batches) <= MOST_WEIGHT // EACH_INPUT


def test_after_a_checkpoint_and_a_restart_few_readings_are_committed_together_for_each_is_whole_in_the_log(
    tmp_path: Path,
) -> None:
    contents = [reading(who, 90).contents for who in PEOPLE]

    async def swept(engine: Engine, batches: list[int], sweeps: int) -> list[list[int]]:
        found = []
        for number in range(sweeps):
            batches.clear()
            at_ms = NOW_MS + 10 * (number + 1)
            for told in contents:
                await engine.take(Reading((told, at_ms, at_ms + 1)))
            await engine.settled()
            found.append(list(batches))
        return found

    async def started() -> tuple[AsyncStore, Engine, list[int]]:
        store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
        engine, batches = Engine(await store.load(RULES), store, lambda: NOW_MS + 100), list[int]()
        engine.on_commit.append(
            lambda batch: batches.append(
                sum(len(one.input) if isinstance(one.input, Repeats) else 1 for one in batch)
            )
        )
        engine.start()
        return store, engine, batches

    async def scenario() -> None:
        store, engine, batches = await started()
        for event in BEGIN:
            await engine.take(event)
        first, again, third = await swept(engine, batches, 3)
        assert max(first) <= MOST_WEIGHT // 90 + 1
        assert again == third == [len(PEOPLE)]
        engine.checkpoint_soon()
        while await store.checkpointed_ms() is None:  # noqa: ASYNC110  it is the state that tells
            await asyncio.sleep(0.001)
        whole = [*await swept(engine, batches, 2)]
        assert all(max(one) <= MOST_WEIGHT // (EACH_INPUT + 90) and sum(one) == len(PEOPLE) for one in whole)
        assert await swept(engine, batches, 1) == [[len(PEOPLE)]], "two sweeps later it is as ever"
        await engine.close()
        await store.close()
        store, engine, batches = await started()
        (restarted,) = await swept(engine, batches, 1)
        assert max(restarted) <= MOST_WEIGHT // (EACH_INPUT + 90)
        await engine.close()
        await store.close()

    asyncio.run(scenario())

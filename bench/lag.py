"""How long the event loop is held up: `python -m bench.lag`, the daemon's own engine and store, no network.

A probe asks to be woken every millisecond. How late it is woken is what an answer, a page or a signal would have
waited. Other processes' turns count in that, so the CPU time of the loop's own thread stands beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import tempfile
import time
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.desk import EXCHANGE, Desk, memo, name_of, ruleset
from daemon.engine import Engine
from daemon.exchanges.memo import Memo
from daemon.garbage import Settled
from daemon.running import GARBAGE_AFTER
from rules.judge import Input
from rules.model import Contents, ListedAccount, Listing, Reading, Start, Tick
from rules.patterns import EVERYTHING, Patterns
from rules.ruleset import RulesAccepted, Ruleset
from rules.world import World
from state.threaded import AsyncStore

EVERY_SECONDS = 0.001
TOGETHER = 8
"""Answers that are judged in one turn of the loop, as the poller has it."""

SUMS = 10
OVER = frozenset({"account"})


@dataclass(frozen=True, slots=True)
class Held:
    """The longest that the loop was held up in one phase, in ms: by the clock, and of its own CPU time."""

    phase: str
    wall_ms: float
    cpu_ms: float


async def held(phase: str, work: Awaitable[object]) -> Held:
    """Await the work, and look at the loop meanwhile."""
    task = asyncio.ensure_future(work)
    wall, cpu = [0.0], [0.0]
    before, before_cpu = time.perf_counter(), time.thread_time()
    while not task.done():
        await asyncio.sleep(EVERY_SECONDS)
        now, now_cpu = time.perf_counter(), time.thread_time()
        wall.append(now - before - EVERY_SECONDS)
        cpu.append(now_cpu - before_cpu)
        before, before_cpu = now, now_cpu
    await task
    return Held(phase, max(wall) * 1000, max(cpu) * 1000)


async def sweep(engine: Engine, desk: Desk, memory: Memo[Any, Contents]) -> None:
    """Every body once, as fast as they are taken; then all of it is durable."""
    for number, (who, body) in enumerate(zip(desk.people, desk.bodies, strict=True)):
        now_ms = engine.clock()
        contents = memory.recall(who.email or "", who, body)
        await engine.take(Reading((contents, now_ms - 15, now_ms)))
        if not number % TOGETHER:
            await asyncio.sleep(0)
    await engine.settled()


async def judged(engine: Engine, *events: Input) -> None:
    """Inputs of which each is judged in one turn of the loop; then all of it is durable."""
    for event in events:
        await engine.take(event)
    await engine.settled()


async def checkpointed(engine: Engine, store: AsyncStore) -> None:
    """The World copied between two commits, and kept."""
    engine.checkpoint_soon()
    while await store.checkpointed_ms() is None:  # noqa: ASYNC110  it is the state that tells
        await asyncio.sleep(EVERY_SECONDS)


def listing(engine: Engine, desk: Desk) -> Listing:
    """All of them, as new objects, as a client decodes them."""
    now_ms = engine.clock()
    people = tuple(ListedAccount(replace(who)) for who in desk.people)
    return Listing(EXCHANGE, "list", now_ms, now_ms, complete=True, accounts=people)


def edits(rules: Ruleset) -> tuple[tuple[str, Ruleset], ...]:
    """One rule edited, one that is new, and ten more that sum up one coin over all accounts."""
    first, *others = rules.rules
    edited = replace(rules, rules=(replace(first, description="edited"), *others))
    new = replace(edited, rules=(*edited.rules, replace(first, name="new", account=EVERYTHING)))
    sums = (
        replace(first, name=f"sum {n}", account=EVERYTHING, asset=Patterns.of(name_of(n)), sum_over=OVER)
        for n in range(SUMS)
    )
    return ("edited", edited), ("new", new), ("summing", replace(new, rules=(*new.rules, *sums)))


def started(world: World, store: AsyncStore) -> Engine:
    """With the looks for garbage that the daemon has."""
    engine, settled = Engine(world, store), Settled(world)
    engine.start()
    engine.on_commit.append(lambda batch: settled.look(len(batch)))
    return engine


async def phases(accounts: int, path: Path) -> list[Held]:
    """A desk that is new, the same again, 1 % changed, edits of its rules, and a restart."""
    desk, rules, found = Desk(accounts), ruleset(accounts), []
    memory = memo()
    store = await AsyncStore.open(path, migrate=True)
    engine = started(World(), store)
    now_ms = engine.clock()
    await judged(engine, Start(now_ms), RulesAccepted(now_ms, rules))
    gc.freeze()
    found.append(await held("first listing", judged(engine, listing(engine, desk))))
    found.append(await held("first sweep", sweep(engine, desk, memory)))
    found.append(await held("the same listing", judged(engine, listing(engine, desk))))
    found.append(await held("unchanged sweep", sweep(engine, desk, memory)))
    desk.change(0.01)
    found.append(await held("sweep with 1 % changed", sweep(engine, desk, memory)))
    for name, rules in edits(rules):  # noqa: B020  each edit is in force from then on
        found.append(await held(f"rule {name}", judged(engine, RulesAccepted(engine.clock(), rules))))
        found.append(await held("  its first sweep", sweep(engine, desk, memory)))
    engine.world.index.look_soon()
    found.append(await held("tick with all due", judged(engine, Tick(engine.clock()))))
    found.append(await held("checkpoint", checkpointed(engine, store)))
    found.append(await held("  its first sweep", sweep(engine, desk, memory)))
    await engine.close()
    await store.close()
    store = await AsyncStore.open(path, migrate=True)
    found.append(await held("load", store.load(rules)))
    engine = started(await store.load(rules), store)
    gc.freeze()  # as the daemon does once it is ready
    now_ms = engine.clock()
    found.append(await held("restart", judged(engine, RulesAccepted(now_ms, rules), Start(now_ms))))
    found.append(await held("  its first sweep", sweep(engine, desk, memory)))
    await engine.close()
    await store.close()
    return found


def main() -> None:
    """Print one line a phase."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000, help="of 50 balances each (10000)")
    given = parser.parse_args()
    gc.set_threshold(GARBAGE_AFTER, 20, 20)  # as the daemon has it
    with tempfile.TemporaryDirectory() as folder:
        for one in asyncio.run(phases(given.accounts, Path(folder) / "state.db")):
            print(f"{one.phase:<24} {one.wall_ms:7.1f} ms late, {one.cpu_ms:7.1f} ms of CPU")


if __name__ == "__main__":
    main()

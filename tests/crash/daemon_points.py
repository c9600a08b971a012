"""Kills the heart of the daemon at many points: the real engine, store and lanes on a fixed sequence of inputs.

    python -m tests.crash.daemon_points FOLDER PORT WORKER WORKERS KILLS

Every point is a process of its own on a copy of one state. First a point before each SQL statement, where the
process ends itself; then KILLS points at random instants, where it is killed from outside, some of them again
while it recovers. After its last kill it runs until everything is told. What died where is printed as JSON.
"""

import asyncio
import itertools
import json
import logging
import os
import random
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import state.store
from daemon import backoff
from daemon.deliver import Lane
from daemon.engine import Engine
from daemon.logs import set_up
from notifiers.sending import Sender
from notifiers.service import preload
from rules.judge import Input
from rules.model import Identity, ListedAccount, Listing, Reading, Severity, Start
from rules.ruleset import NotifierSettings, RulesAccepted, Ruleset, Settings
from state import AsyncStore
from tests.engine import appeared, binance, low

NOTIFIERS = ("slack", "telegram")
DIED = 7
T0_MS = time.time_ns() // 1_000_000 - 60_000
RULESET = Ruleset(
    Settings(gather_ms=0),
    {"x": binance()},
    {name: NotifierSettings(name, Severity.INFO) for name in NOTIFIERS},
    (low("floor", {"warning": "60", "critical": "20"}, confirm=1), appeared()),
    sources=(("rules.toml", "# known transitions"),),
    digest="known",
)


def reads(second: int, account: str, free: str) -> Reading:
    at_ms = T0_MS + second * 1_000
    who = Identity(venue_id=f"id-{account}", email=account)
    return Reading.of("x", who, "spot", at_ms - 100, at_ms, ("free", "locked"), {"USDT": (free, "0")})


def lists(second: int, *accounts: str) -> Listing:
    at_ms = T0_MS + second * 1_000
    rows = tuple(ListedAccount(Identity(venue_id=f"id-{name}", email=name)) for name in accounts)
    return Listing("x", "list", at_ms - 100, at_ms, complete=True, accounts=rows)


BEFORE = (lists(0, "mm-1", "mm-2"), reads(1, "mm-1", "100"), reads(2, "mm-2", "100"))
SCRIPT: tuple[tuple[Input, ...], ...] = (
    (reads(10, "mm-1", "50"), reads(11, "mm-2", "10")),
    (lists(12, "mm-1", "mm-2", "mm-3"),),
    (reads(13, "mm-1", "5.000000000000000001"), reads(14, "mm-1", "100")),
    (reads(15, "mm-2", "100.000000000000000001"),),
)


class Watched(Lane):
    """A lane that tells when it has nothing to do."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.idle = asyncio.Event()

    async def _pause(self) -> None:
        self.idle.set()
        await super()._pause()


async def live(path: Path, urls: dict[str, str], inputs: tuple[tuple[Input, ...], ...]) -> None:
    """As the daemon does: open, judge the rules and the start, recover, deliver; then the inputs that are left."""
    store = await AsyncStore.open(path, migrate=True)
    known = await store.accepted_rules() is not None
    world = await store.load(RULESET if known else Ruleset())
    done = len(await store.run(_inputs))
    engine = Engine(world, store)
    lanes = [
        Watched(name, Sender(name, url), store, engine, lambda: RULESET.settings)
        for name, url in urls.items()
    ]
    engine.on_commit.append(lambda _batch: [lane.wake() for lane in lanes])
    engine.claimers = lambda _batch: lanes
    engine.start()
    now = engine.clock()
    engine.judge_now(RulesAccepted(now, RULESET))
    engine.judge_now(Start(now))
    await engine.settled()
    await store.recover(now)
    for lane in lanes:
        lane.start()
    for group in inputs:
        for event in group[done:]:
            engine.judge_now(event)
        done = max(done - len(group), 0)
        await engine.settled()
    while any(count.queued or count.claimed for count in (await store.counts()).values()):
        for lane in lanes:
            lane.idle.clear()
            lane.wake()
        await asyncio.gather(*(lane.idle.wait() for lane in lanes))
    await engine.close()
    await asyncio.gather(*(lane.close() for lane in lanes))
    await store.close()


def _inputs(store: state.store.Store) -> list[Input]:
    """Those of the sequence that are durable: the log has them all, and what a start adds to them."""
    told = (event for _seq, _at, event in store.log(lambda _digest: RULESET))
    return [event for event in told if isinstance(event, Reading | Listing) and event not in BEFORE]


_statements = itertools.count()


def end_before(statement: int) -> None:
    """End this process before the SQL statement of that number, counted from 0 over all connections."""
    connect = state.store.connect  # type: ignore[attr-defined]  # what the store calls

    def trace(_: str) -> None:
        if next(_statements) == statement:
            os._exit(DIED)

    def traced(*args: Any, **options: Any) -> Any:
        db = connect(*args, **options)
        db.conn.set_trace_callback(trace)
        return db

    state.store.connect = traced  # type: ignore[attr-defined]


def statements() -> int:
    """How many there were since `end_before`."""
    return next(_statements)


def run(path: Path, urls: dict[str, str], statement: int | None, seconds: float | None) -> bool:
    """One process, to its end or to its death; whether it was killed."""
    child = os.fork()
    if not child:
        code = 1
        try:
            if statement is not None:
                end_before(statement)
            asyncio.run(live(path, urls, SCRIPT))
            code = 0
        finally:
            os._exit(code)
    if seconds is not None:
        time.sleep(seconds)  # this is the instant of the kill: nothing is waited for
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, DIED, -signal.SIGKILL):
        raise SystemExit(f"{path.parent.name}: ended with {code}")
    return code != 0


def every_statement(worker: int, workers: int) -> Iterator[tuple[str, list[tuple[int | None, float | None]]]]:
    for statement in range(worker, 10_000, workers):
        yield f"statement-{statement}", [(statement, None)]


def random_instants(
    worker: int, kills: int, whole: float
) -> Iterator[tuple[str, list[tuple[int | None, float | None]]]]:
    chance = random.Random(worker)
    for number in range(kills):
        times = [chance.uniform(0.0, whole) for _ in range(1 + number % 3)]
        yield f"instant-{worker}-{number}", [(None, seconds) for seconds in times]


def main(folder: Path, port: int, worker: int, workers: int, kills: int) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # of forking: no thread runs here
    preload("json")
    set_up(stream=sys.stderr, level=logging.ERROR)
    backoff.FIRST_BACKOFF_MS = 0
    base, warm = (folder / f"{name}-{worker}.db" for name in ("base", "warm"))
    urls = {name: f"json://127.0.0.1:{port}/base-{worker}/{name}" for name in NOTIFIERS}
    asyncio.run(live(base, urls, (BEFORE,)))
    shutil.copy(base, warm)
    asyncio.run(live(warm, urls, SCRIPT))  # templates are compiled once, for all children

    def killed(name: str, ends: list[tuple[int | None, float | None]]) -> int:
        (folder / name).mkdir()
        path = folder / name / "subtally.db"
        shutil.copy(base, path)
        urls = {who: f"json://127.0.0.1:{port}/{name}/{who}" for who in NOTIFIERS}
        deaths = [run(path, urls, statement, seconds) for statement, seconds in ends]
        run(path, urls, None, None)
        return sum(deaths)

    died: dict[str, int] = {}
    for name, ends in every_statement(worker, workers):
        began = time.monotonic()
        died[name] = killed(name, ends)
        if not died[name]:
            break
    whole = (time.monotonic() - began) / 2
    for name, ends in random_instants(worker, kills, whole):
        died[name] = killed(name, ends)
    sys.stdout.write(json.dumps({"died": died, "whole_seconds": whole}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:6]))

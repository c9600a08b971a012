"""What the pages cost with 10,000 accounts: first byte, bytes, and what fifty open pages do to the event loop.

    python -m bench.page [--accounts 10000] [--assets 50] [--pages 50] [--seconds 20]

A state with that many balances is made by the engine itself, then the real server is asked over loopback. The poll
loop is stood in for by a task that judges one reading every 20 ms, as Binance's limit allows, and commits it: told is
how late each was, alone and beside open pages that ask every 3 s as the page's script does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from daemon.app import App
from daemon.config import load
from daemon.counters import Counters
from daemon.snapshots import alert_page, rule_views, snapshot
from daemon.web.recent import Recent
from daemon.web.server import WebServer
from daemon.web.sources import Sources
from rules.judge import judge
from rules.model import Identity, ListedAccount, Listing, Reading, Start
from rules.ruleset import RulesAccepted
from state import AsyncStore, Entry, Store

RULES = """
[[exchange]]
name = "binance-main"
kind = "binance"
api_key = { env = "PATH" }
api_secret = { env = "PATH" }
read = ["assets"]

[[rule]]
name = "floor"
type = "low_balance"
asset = "COIN0"
below = 100
"""
FIELDS = ("free", "locked", "frozen", "withdrawing")
PACE_SECONDS = 0.02
ASK_SECONDS = 3.0


def reading(number: int, assets: int, at_ms: int, chance: random.Random) -> Reading:
    """One account of so many assets, all of them moved."""
    who = Identity(str(number), f"desk-{number}@desk.example")
    rows = {
        f"COIN{one}": (f"{chance.randrange(10**9)}.{chance.randrange(10**8):08d}", "0", "0", "0")
        for one in range(assets)
    }
    return Reading.of("binance-main", who, "spot", at_ms - 50, at_ms, FIELDS, rows)


def fill(path: Path, config_path: Path, accounts: int, assets: int) -> None:
    """A listing, then two readings of each account, so that there is a course to draw."""
    chance = random.Random(7)
    now = time.time_ns() // 1_000_000 - 60_000
    with Store.open(path, migrate=True) as store:
        world = store.load(load(config_path).ruleset)
        listed = tuple(
            ListedAccount(Identity(str(one), f"desk-{one}@desk.example")) for one in range(accounts)
        )
        first = [RulesAccepted(now, load(config_path).ruleset), Start(now)]
        first += [Listing("binance-main", "list", now - 50, now, complete=True, accounts=listed)]
        store.commit([Entry(event, now, judge(world, event, now)) for event in first], world)
        for turn in range(2):
            for begin in range(0, accounts, 500):
                at = now + 10_000 * (turn + 1)
                events = [
                    reading(one, assets, at, chance) for one in range(begin, min(begin + 500, accounts))
                ]
                store.commit([Entry(event, at, judge(world, event, at)) for event in events], world)


class Beat:
    """Judges one reading at its time, and writes down how late it came to it."""

    def __init__(self, app: App, accounts: int, assets: int) -> None:
        self.late_ms: list[float] = []
        self._app, self._accounts, self._assets = app, accounts, assets

    async def run(self) -> None:
        chance = random.Random(3)
        due = time.monotonic()
        while True:
            due += PACE_SECONDS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.late_ms.append(max(0.0, time.monotonic() - due) * 1000)
            now = self._app.engine.clock()
            event = reading(chance.randrange(self._accounts), self._assets, now, chance)
            await self._app.engine.take(event)


@contextlib.asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[App, WebServer]]:
    """The engine over the state and the server over the engine; no venue is asked."""
    config = load(folder / "rules.toml")
    store = await AsyncStore.open(folder / "state.db", migrate=True)
    reads = await AsyncStore.open(folder / "state.db", readonly=True)
    world = await store.load(config.ruleset)
    started = type("Started", (), {"config": config, "store": store, "world": world, "rejected": None})()
    app = App(folder / "rules.toml", started)
    poller = type(
        "Silent", (), {"settings": config.exchanges[0].settings, "halted": "", "counters": Counters()}
    )()
    poller.venue = type("Venue", (), {"usage": staticmethod(tuple)})()
    app.pollers["binance-main"] = poller
    app.engine.start()
    looks: Recent = Recent(seconds=0.5)
    web = WebServer(
        "127.0.0.1",
        0,
        Sources(
            snapshot=lambda: looks.get("now", lambda: snapshot(app)),
            alert_of=lambda alert: alert_page(app, reads, alert),
            reads=reads,
            rules=lambda: rule_views(app, None),
        ),
    )
    await web.start()
    try:
        yield app, web
    finally:
        await web.stop()
        await app.engine.close()
        await reads.close()
        await store.close()


async def ask(session: aiohttp.ClientSession, url: str) -> tuple[float, int]:
    """Milliseconds to the first byte, and bytes."""
    began = time.perf_counter()
    async with session.get(url) as answer:
        first = await answer.content.read(1)
        taken = (time.perf_counter() - began) * 1000
        return taken, len(first) + len(await answer.read())


async def open_page(session: aiohttp.ClientSession, url: str, first: float) -> None:
    """As live.js does."""
    await asyncio.sleep(first)
    tag = ""
    while True:
        async with session.get(url, headers={"If-None-Match": tag} if tag else {}) as answer:
            tag = answer.headers.get("ETag", tag)
            await answer.read()
        await asyncio.sleep(ASK_SECONDS)


def line(name: str, late_ms: list[float]) -> str:
    """How late readings were, in one line."""
    ordered = sorted(late_ms)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

    return f"{name:28} n {len(ordered):6}  p50 {at(0.5):7.2f} ms  p99 {at(0.99):7.2f} ms  max {ordered[-1]:7.2f} ms"


async def measure(folder: Path, arguments: argparse.Namespace) -> None:
    """Print what pages cost, then what they do to readings."""
    async with (
        served(folder) as (app, web),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        root = f"http://127.0.0.1:{web.port}"
        gc.freeze()
        for path in (
            "/",
            "/accounts",
            "/accounts?name=desk-99",
            "/metrics",
            "/api/v1/balances?limit=1000",
            "/api/v1/accounts",
        ):
            taken = []
            for _ in range(5):
                await asyncio.sleep(1.1)  # past what is kept for those who ask at once
                taken.append(await ask(session, root + path))
            print(
                f"{path:28} first byte {statistics.median(one for one, _ in taken):7.1f} ms  {taken[-1][1]:8,} bytes"
            )
        for pages in (0, arguments.pages):
            beat = Beat(app, arguments.accounts, arguments.assets)
            tasks = [asyncio.create_task(beat.run())]
            tasks += [
                asyncio.create_task(open_page(session, root + "/", ASK_SECONDS * one / max(pages, 1)))
                for one in range(pages)
            ]
            await asyncio.sleep(arguments.seconds)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            print(line(f"readings beside {pages} pages", beat.late_ms))


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--assets", type=int, default=50)
    parser.add_argument("--pages", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rules.toml").write_text(RULES)
        began = time.perf_counter()
        fill(folder / "state.db", folder / "rules.toml", arguments.accounts, arguments.assets)
        size = (folder / "state.db").stat().st_size
        took = time.perf_counter() - began
        print(f"{arguments.accounts:,} × {arguments.assets} balances made in {took:.1f} s, {size:,} bytes")
        asyncio.run(measure(folder, arguments))


if __name__ == "__main__":
    main()

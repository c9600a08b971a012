"""Goals 6 and 7: CPU per read of our Binance client and of ccxt's async loop, on the same simulator.

Both read the same accounts from another process with the same number of calls under way. At 50 a second our client
waits for slots that come free at that pace, as in a sweep that never ends, and ccxt for its own limiter. What is
measured is this process: the request signed, sent and answered, and what it told of each asset, as exact text. Both
sides do as in the course of a day: every account was read before, and 1 % of all balances moved since the last sweep.
Our very first reading of an account, which no sweep repeats, is measured beside it and told in the note.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from decimal import Decimal
from statistics import median
from typing import Any, cast

from bench.goals import Result
from bench.peers import fetched
from bench.process import venue
from daemon.engine import now_ms
from daemon.exchanges import make
from daemon.exchanges.base import Credentials, Task, Venue
from daemon.exchanges.gates import Gate
from daemon.exchanges.limits import Limit, Pool
from daemon.exchanges.shared import Shared
from daemon.exchanges.timeline import LoopTimeline, Timer
from rules.model import Identity, Reading
from rules.ruleset import ExchangeSettings

ASSETS = 50
ABREAST = 10
PACE = 50
UNTHROTTLED = 1_000
SPREAD = 0.01  # of all balances, moved between two sweeps
PATH = "/sapi/v4/sub-account/assets"

Read = Callable[[str], Awaitable[object]]


class Shifted(LoopTimeline):
    """The loop's clock, ahead of itself or behind: what lies a minute back can be made to have happened."""

    def __init__(self) -> None:
        self.offset = 0.0

    def time(self) -> float:
        return super().time() + self.offset

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        return super().call_at(when - self.offset, callback)


class Watched(Shared):
    """Remembers the pools that a client draws on."""

    def __init__(self, timeline: Shifted) -> None:
        super().__init__(timeline)
        self.pools: dict[str, Pool] = {}

    def pool(
        self,
        key: tuple[str, ...],
        limit: Limit,
        budget: Decimal,
        gates: tuple[Gate, ...],
        backoff_seconds: float,
        user: object = None,
    ) -> Pool:
        pool = super().pool(key, limit, budget, gates, backoff_seconds, user)
        self.pools[key[-1]] = pool
        return pool


async def _spent(pool: Pool, timeline: Shifted) -> None:
    """As after a minute of calls at an even pace: every slot is in use, and one comes free every 1/50 s."""
    start = timeline.offset = -pool.window_seconds
    for number in range(pool.slots - pool.slots // 200):
        timeline.offset = start + number / PACE
        (await pool.take(urgent=False)).close()
    timeline.offset = 0.0


async def _ours(told: dict[str, Any], budget: Decimal, shared: Shared) -> Venue:
    settings = ExchangeSettings("desk", "binance", 30_000, ("assets",), ("spot",))
    secrets = Credentials(told["api_key"], told["api_secret"])
    client = make(settings, secrets, told["base_url"], budget, now_ms, shared)
    await client.open()
    async with aclosing(cast("Any", client.examine())) as answers:
        async for _ in answers:
            pass
    return client


def _reader(client: Venue) -> Read:
    async def read(email: str) -> None:
        task = Task("assets", "assets", Identity(email=email), "spot")
        async with aclosing(cast("Any", client.perform(task))) as answers:
            async for answer in answers:
                if not isinstance(answer, Reading):
                    raise RuntimeError(f"not read: {answer}")  # noqa: TRY004  a failure is a value here

    return read


def _theirs(told: dict[str, Any], *, paced: bool) -> Any:  # noqa: ANN401  ccxt ships no types
    import ccxt.async_support as ccxt  # noqa: PLC0415  a peer: only who measures it needs it

    exchange = ccxt.binance(
        {
            "apiKey": told["api_key"],
            "secret": told["api_secret"],
            "enableRateLimit": paced,  # at 50 a second for this call, which is the default
        }
    )
    api = exchange.urls["api"]
    for name, url in api.items():
        if isinstance(url, str) and url.startswith("https://"):
            api[name] = told["base_url"] + ("/" + url.split("/", 3)[3] if url.count("/") > 2 else "")
    return exchange


async def _cpu_per_read(read: Read, emails: list[str], count: int) -> tuple[float, float]:
    """CPU seconds per read, and reads per second, over `count` reads with ABREAST under way."""
    places = iter(range(count))

    async def one() -> None:
        for place in places:
            await read(emails[place % len(emails)])

    gc.collect()
    gc.freeze()  # what the other side holds is not walked through in this one's time
    began, cpu = time.monotonic(), time.process_time()
    await asyncio.gather(*(one() for _ in range(ABREAST)))
    cpu, took = time.process_time() - cpu, time.monotonic() - began
    gc.unfreeze()
    return cpu / count, count / took


async def _swept(read: Read, told: dict[str, Any], reads: int) -> tuple[float, float]:
    """As `_cpu_per_read`, where balances move before each sweep over the accounts."""
    emails, sweeps = told["accounts"], []
    while reads > 0:
        fetched(f"{told['beside']}/move", {"share": SPREAD})
        count = min(reads, len(emails))
        sweeps.append((count, *await _cpu_per_read(read, emails, count)))
        reads -= count
    whole = sum(count for count, _, _ in sweeps)
    cpu = sum(count * cpu for count, cpu, _ in sweeps)
    return cpu / whole, whole / sum(count / rate for count, _, rate in sweeps)


async def _ours_measured(told: dict[str, Any], reads: int, *, paced: bool) -> tuple[float, float, float]:
    """CPU per read, reads per second, and CPU per first read.

    With a client of its own: slots that come free while the other side reads would be a gift.
    """
    timeline = Shifted()
    timeline.offset = -1_000.0  # what the first sweep uses was freed long ago
    shared = Watched(timeline)
    client = await _ours(told, Decimal(1) if paced else Decimal(UNTHROTTLED), shared)
    try:
        read, emails = _reader(client), told["accounts"]
        await _cpu_per_read(read, emails[:1], 2 * ABREAST)  # connections
        first, _ = await _cpu_per_read(read, emails, len(emails))
        timeline.offset = 0.0
        if paced:
            await _spent(shared.pools[PATH], timeline)
        return *await _swept(read, told, reads), first
    finally:
        await client.close()


async def _theirs_measured(told: dict[str, Any], reads: int, *, paced: bool) -> tuple[float, float]:
    exchange = _theirs(told, paced=paced)
    try:
        ask, emails = exchange.sapiV4GetSubAccountAssets, told["accounts"]

        async def read(email: str) -> None:
            await ask({"email": email})

        # It keeps nothing of an account: connections are all that has to be made beforehand.
        await _cpu_per_read(read, emails, 2 * ABREAST if paced else len(emails))
        return await _swept(read, told, reads)
    finally:
        await exchange.close()


async def _measured(accounts: int, reads: int, rounds: int, *, paced: bool) -> Result:
    pairs = []
    with venue(accounts, ASSETS, scale=1_000) as told:
        for _ in range(rounds + 1):
            ours = await _ours_measured(told, reads, paced=paced)
            pairs.append((ours, await _theirs_measured(told, reads, paced=paced)))
    pairs = pairs[1:]  # the first round fills caches of both
    ratio = median(ours[0] / theirs[0] for ours, theirs in pairs)
    told_of = [
        f"{median(one[0] for one in side) * 1e6:.0f} µs at {median(one[1] for one in side):.0f}/s"
        for side in zip(*pairs, strict=True)
    ]
    first = median(ours[2] for ours, _ in pairs)
    note = f"{told_of[0]} ÷ ccxt {told_of[1]}, {ASSETS} rows an answer; our first read {first * 1e6:.0f} µs"
    return Result(6 if paced else 7, ratio, note)


def measure(accounts: int, rounds: int) -> list[Result]:
    """Goals 6 and 7; at most 500 accounts are read."""
    accounts = min(accounts, 500)
    return [
        asyncio.run(_measured(accounts, min(accounts, 250), rounds, paced=True)),
        asyncio.run(_measured(accounts, 2 * accounts, rounds, paced=False)),
    ]

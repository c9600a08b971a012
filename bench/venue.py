"""The venue that is measured against, as a process: `python -m bench.venue` prints its addresses as one line of JSON.

It is the simulator's Binance, and beside it, on the same balances, an exporter for Prometheus at `/metrics` and orders
of the benchmark. Times are of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from aiohttp import web

from bench.process import until_signalled
from daemon.simulator import Key, Simulator
from daemon.simulator.binance import ASSETS_V4, Binance
from daemon.simulator.clock import SystemClock
from daemon.simulator.seeding import seed_binance

SAMPLE = 'balance{{account="{account}",asset="{asset}"}} {free:f}\n'
CROSSED = Decimal("0.25")
CHURN_EVERY_SECONDS = 1.0


class Desk(Binance):
    """A Binance of which some accounts cross a threshold just when they are read."""

    def begin(self, key: Key) -> None:
        """What the class's own constructor leaves to its user."""
        self.use_key(key)
        self.planned: dict[str, float] = {}  # account → seconds that its next answer takes
        self.crossed: dict[str, float] = {}  # account → when
        self.answered: dict[str, float] = {}  # account → when the answer that tells it is written out

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        email = request.query.get("email", "")
        delay = self.planned.pop(email, None) if self.planned else None
        if delay is None:
            return await super().handle(request)
        await asyncio.sleep(delay)
        self.set_balance(email, "USDT", free=CROSSED)
        self.crossed[email] = time.monotonic()
        answer = await super().handle(request)
        await answer.prepare(request)
        self.answered[email] = time.monotonic()
        await answer.write_eof()
        return answer


@dataclass(slots=True)
class Exporter:
    """The balances in the text format; only what changed is written anew, for that is not what is measured."""

    venue: Binance
    lines: dict[str, tuple[tuple[Decimal, ...], str]] = field(default_factory=dict)

    async def metrics(self, _request: web.Request) -> web.Response:
        told = []
        for account in self.venue.accounts:
            held = account.holdings("spot")
            amounts = tuple(balance.free for balance in held.values())
            known = self.lines.get(account.name)
            if known is None or known[0] != amounts:
                text = "".join(
                    SAMPLE.format(account=account.name, asset=asset, free=balance.free)
                    for asset, balance in held.items()
                )
                known = self.lines[account.name] = (amounts, text)
            told.append(known[1])
        return web.Response(text="".join(told), content_type="text/plain")


class Mover:
    """Moves balances at random, the same ones in every run; none of USDT, which cross when they are told to."""

    def __init__(self, venue: Binance) -> None:
        self._venue, self._chance, self._owed = venue, random.Random(3), 0.0
        self._places = [
            (one.name, asset) for one in venue.accounts for asset in one.holdings("spot") if asset != "USDT"
        ]

    def move(self, share: float) -> None:
        """Give that share of all balances another amount; what is left over of a balance is owed."""
        self._owed += share * len(self._places)
        while self._owed >= 1:
            self._owed -= 1
            email, asset = self._chance.choice(self._places)
            amount = Decimal(self._chance.randrange(10**8, 10**14)).scaleb(-8)
            self._venue.set_balance(email, asset, free=amount)


async def churn(mover: Mover, share_per_second: float) -> None:
    """Move that share of all balances every second."""
    while True:
        await asyncio.sleep(CHURN_EVERY_SECONDS)
        mover.move(share_per_second * CHURN_EVERY_SECONDS)


@dataclass(slots=True)
class Orders:
    """What the benchmark may ask for."""

    venue: Desk
    mover: Mover

    async def plan(self, request: web.Request) -> web.Response:
        """`{account: seconds}`: at its next reading it crosses, after so many seconds."""
        self.venue.planned.update(await request.json())
        return web.Response()

    async def restore(self, _request: web.Request) -> web.Response:
        """Every account that crossed has enough again."""
        for email in self.venue.crossed:
            self.venue.set_balance(email, "USDT", free=50_000)
        self.venue.crossed.clear()
        self.venue.answered.clear()
        return web.Response()

    async def move(self, request: web.Request) -> web.Response:
        """`{"share": …}`: move that share of all balances now, spread at random."""
        self.mover.move((await request.json())["share"])
        return web.Response()

    async def seen(self, _request: web.Request) -> web.Response:
        """When accounts crossed, when the answers that tell it left, and how often accounts were read."""
        reads = self.venue.records.paths[ASSETS_V4]
        refused = self.venue.records.rate_limited
        crossed, answered = self.venue.crossed, self.venue.answered
        return web.json_response(
            {"crossed": crossed, "answered": answered, "reads": reads, "refused": refused}
        )


async def serve(accounts: int, assets: int, scale: float, share: float) -> None:
    """Until it is cancelled."""
    simulator = Simulator(0, 0, 0, limits_scale=scale)
    desk = Desk(SystemClock(), simulator.binance.key, "sliding", scale)
    desk.begin(simulator.binance.key)
    seed_binance(desk, accounts, assets, 1)
    simulator.binance = desk
    mover = Mover(desk)
    orders, exporter = Orders(desk, mover), Exporter(desk)
    app = web.Application()
    app.add_routes(
        [
            web.get("/metrics", exporter.metrics),
            web.post("/plan", orders.plan),
            web.post("/restore", orders.restore),
            web.post("/move", orders.move),
            web.get("/seen", orders.seen),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await simulator.start()
    changing = asyncio.create_task(churn(mover, share))
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        told: Mapping[str, str] = simulator.credentials()["binance"]
        names = [one.name for one in desk.accounts]
        beside = f"http://127.0.0.1:{runner.addresses[0][1]}"
        print(json.dumps({**told, "beside": beside, "accounts": names}), flush=True)
        await asyncio.Event().wait()
    finally:
        changing.cancel()
        await runner.cleanup()
        await simulator.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The venue that is measured against.")
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--assets", type=int, default=4)
    parser.add_argument("--scale", type=float, default=1, help="times the documented limits")
    parser.add_argument(
        "--churn", type=float, default=0, help="share of the balances that change in a second"
    )
    given = parser.parse_args()
    asyncio.run(until_signalled(serve(given.accounts, given.assets, given.scale, given.churn)))
    sys.exit(0)

"""Goal 8: how much of a venue's limit its client uses, and that no server refuses it, in virtual time.

The real clients call the simulator's venues directly, over a line that takes 20 to 300 ms in each direction, with a
budget of 1.0. What a line allows is L/(W + RTT), and for Bitget, whose next page is known only from the last one,
never more than 1/RTT.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import parse_qsl

from multidict import CIMultiDict

from bench.goals import Result
from bench.virtual import VirtualLoop
from daemon.exchanges import KINDS, make, wallets_of
from daemon.exchanges.base import Credentials
from daemon.exchanges.http import Response
from daemon.exchanges.shared import Shared
from daemon.simulator import Simulator
from daemon.simulator.limits import WindowStyle
from daemon.simulator.venue import Call
from rules.model import Failure, Identity
from rules.ruleset import ExchangeSettings

if TYPE_CHECKING:
    from daemon.exchanges.binance import Binance
    from daemon.exchanges.bitget import Bitget
    from daemon.exchanges.okx import Okx
    from daemon.simulator.venue import Venue as FakeVenue

    Client = Binance | Okx | Bitget

STYLES: tuple[WindowStyle, ...] = ("fixed", "sliding", "bucket")
OKX_MOST = 1_000
TRIP_SECONDS = (0.02, 0.3)


@dataclass(frozen=True, slots=True)
class Pace:
    """One venue under one way of counting: the share of what the line allows, and the calls refused."""

    kind: str
    style: str
    reached: float
    refused: int

    def __str__(self) -> str:
        return f"{self.kind} {self.style} {self.reached:.3f}" + (
            f", {self.refused} refused" if self.refused else ""
        )


@dataclass(slots=True)
class Line:
    """What stands in for HTTP: there and back with jitter, the simulator's own answer between."""

    venue: FakeVenue
    path: str
    authority: str = "127.0.0.1"
    calls: int = 0
    seconds: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    async def get(self, target: str, headers: Mapping[str, str]) -> Response:
        """Ask once."""
        there, back = self.chance.uniform(*TRIP_SECONDS), self.chance.uniform(*TRIP_SECONDS)
        await asyncio.sleep(there)
        path, _, query = target.partition("?")
        given = dict(parse_qsl(query, keep_blank_values=True))
        answer = self.venue.answer(
            Call("GET", target, path, query, given, CIMultiDict(headers), self.venue.clock.now_ms())
        )
        await asyncio.sleep(back)
        if path == self.path:
            self.calls += 1
            self.seconds += there + back
        return Response(answer.status, CIMultiDict(answer.headers), answer.body)

    async def open(self) -> None:
        """There is no session."""

    async def close(self) -> None:
        """There is no session."""


async def _read_on(client: Client, tasks: list[Any], refusals: list[Failure], stop: asyncio.Event) -> None:
    """What the poller does without end: as many under way as the client says, each task in turn."""

    async def one(first: int) -> None:
        place = first
        while not stop.is_set():
            async with aclosing(cast("Any", client.perform(tasks[place % len(tasks)]))) as answers:
                refusals.extend([one async for one in answers if isinstance(one, Failure)])
            place += width

    width = client.width(tasks[0].pool)
    await asyncio.gather(*(one(first) for first in range(width)))


async def _paced(loop: VirtualLoop, kind: str, style: WindowStyle, accounts: int, windows: int) -> Pace:
    sizes = {name: accounts if name == kind else 0 for name in KINDS}
    simulator = Simulator(sizes["binance"], sizes["okx"], sizes["bitget"], window=style, clock=loop)
    venue = simulator.venues[kind]
    word: Literal["assets", "funding", "spot"] = {"binance": "assets", "okx": "funding", "bitget": "spot"}[
        kind
    ]  # type: ignore[assignment]
    settings = ExchangeSettings("desk", kind, 30_000, (word,), wallets_of(kind, (word,)))
    secrets = Credentials(venue.key.api_key, venue.key.api_secret, venue.key.passphrase or "")
    client = cast(
        "Client", make(settings, secrets, "http://127.0.0.1", Decimal(1), loop.now_ms, Shared(loop))
    )
    endpoint = client.ENDPOINTS["funding" if kind == "okx" else "assets"]
    line = Line(venue, endpoint.path)
    client._http = line  # type: ignore[assignment]  # noqa: SLF001  the one seam below the client
    people = [
        Identity(email=one.name) if kind == "binance" else Identity(name=one.name, venue_id=one.id)
        for one in venue.accounts
    ]
    tasks = [task for task in client.tasks(people) if kind == "bitget" or task.account is not None]
    stop, refusals = asyncio.Event(), list[Failure]()
    reading = asyncio.create_task(_read_on(client, tasks, refusals, stop))
    limit = endpoint.limit
    settled = 2 * limit.window_seconds + 2  # the first burst is a gift that comes once
    await asyncio.sleep(settled)
    calls, seconds, began = line.calls, line.seconds, loop.time()
    await asyncio.sleep(windows * (limit.window_seconds + sum(TRIP_SECONDS)))  # whole turns of every slot
    calls, seconds, took = line.calls - calls, line.seconds - seconds, loop.time() - began
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading  # what failed shows here
    if not calls:
        raise RuntimeError(f"nothing was read: {refusals[:1]}")
    trip = seconds / calls
    allowed = limit.calls / (limit.window_seconds + trip)
    if kind == "bitget":
        allowed = min(allowed, 1 / trip)
    refused = venue.records.rate_limited + len(refusals)
    return Pace(kind, style, calls / took / allowed, refused)


def paces(accounts: int, *, quick: bool = False) -> list[Pace]:
    """Every venue under every way of counting."""
    found = []
    for kind, windows in (("binance", 1 if quick else 4), ("okx", 120), ("bitget", 60 if quick else 240)):
        for style in STYLES:
            loop = VirtualLoop()
            with asyncio.Runner(loop_factory=lambda loop=loop: loop) as runner:  # type: ignore[misc]
                most = min(accounts, OKX_MOST) if kind == "okx" else accounts
                found.append(runner.run(_paced(loop, kind, style, most, windows)))
    return found


def measure(accounts: int) -> list[Result]:
    """Goal 8: the worst of the nine; nothing where a single call was refused."""
    found = paces(accounts)
    refused = sum(one.refused for one in found)
    value = 0.0 if refused else min(one.reached for one in found)
    return [Result(8, value, f"{refused} refusals; " + ", ".join(map(str, found)))]


if __name__ == "__main__":
    for pace in paces(200, quick=True):
        print(pace)

"""What the tests of the clients share: clients of a simulator, a clock moved by hand, gathered answers."""

import asyncio
import heapq
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from daemon.exchanges import KINDS, make, wallets_of
from daemon.exchanges.base import Answer, Credentials
from daemon.exchanges.binance import Binance
from daemon.exchanges.bitget import Bitget
from daemon.exchanges.okx import Okx
from daemon.exchanges.shared import Shared
from daemon.simulator import Simulator
from rules.ruleset import ExchangeSettings

VECTORS = Path(__file__).parents[1] / "payloads" / "vectors"
CLIENTS = {"binance": Binance, "okx": Okx, "bitget": Bitget}
POLL_EVERY_MS = 30_000
A = TypeVar("A")


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class HandTime:
    """A timeline that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self._due: list[tuple[float, int, Callable[[], None], HandTimer]] = []
        self._count = itertools.count()
        self.wakes = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None], /) -> "HandTimer":
        timer = HandTimer()
        heapq.heappush(self._due, (when, next(self._count), callback, timer))
        return timer

    def next_due(self) -> float | None:
        while self._due and self._due[0][3].cancelled:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    async def advance(self, seconds: float) -> None:
        """Move on, calling what is due at its own time."""
        end = self.now + seconds
        while (due := self.next_due()) is not None and due <= end:
            _, _, callback, _ = heapq.heappop(self._due)
            self.now = max(self.now, due)
            self.wakes += 1
            callback()
            await settle()
        self.now = end
        await settle()


class HastyTime(HandTime):
    """A timeline that jumps to whatever is waited for, so that lawful pauses take no time."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> "HandTimer":
        timer = HandTimer()

        def jump() -> None:
            if not timer.cancelled:
                self.now = max(self.now, when)
                callback()

        asyncio.get_running_loop().call_soon(jump)
        return timer


class HandTimer:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(6):
        await asyncio.sleep(0)


def settings(kind: str, *read: str, name: str = "", quote: str = "USDT") -> ExchangeSettings:
    words = read or KINDS[kind].words
    return ExchangeSettings(
        name=name or f"{kind}-main",
        kind=kind,
        poll_every_ms=POLL_EVERY_MS,
        read=words,
        wallets=wallets_of(kind, words),
        quote=quote,
    )


def client_at(
    kind: str,
    base_url: str,
    credentials: Credentials,
    *read: str,
    shared: Shared | None = None,
    clock: Callable[[], int] = now_ms,
    name: str = "",
) -> Any:
    return make(
        settings(kind, *read, name=name), credentials, base_url, Decimal("0.8"), clock, shared or Shared()
    )


def client_of(simulator: Simulator, kind: str, *read: str, **options: Any) -> Any:
    told = simulator.credentials()[kind]
    secrets = Credentials(
        told["api_key"], options.pop("secret", told["api_secret"]), told.get("passphrase", "")
    )
    return client_at(kind, told["base_url"], secrets, *read, **options)


async def gathered(answers: AsyncIterator[Answer]) -> list[Any]:
    return [answer async for answer in answers]


def of(kind: type[A], answers: list[Any]) -> list[A]:
    return [answer for answer in answers if isinstance(answer, kind)]


def only(kind: type[A], answers: list[Any]) -> A:
    found = of(kind, answers)
    assert len(found) == 1, answers
    return found[0]

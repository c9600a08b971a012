"""A venue's real client over a venue of the simulator, with one endpoint's answers in the hand of the fuzzer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from multidict import CIMultiDict

from daemon.exchanges import make, wallets_of
from daemon.exchanges.base import Credentials
from daemon.exchanges.http import Response
from daemon.exchanges.shared import Shared
from daemon.simulator import ManualClock, Simulator
from daemon.simulator.venue import Venue
from rules.model import Identity
from rules.ruleset import ExchangeSettings
from tests.contract.clients_support import HastyTime

NOW_MS = 1_763_607_520_000
READ = {
    "binance": ("assets", "summary", "wallets", "master"),
    "okx": ("funding", "trading", "master"),
    "bitget": ("spot", "master"),
}


@dataclass
class Wire:
    """In place of the socket: the simulator's honest answer, or the spoilt one for one path."""

    model: Venue
    path: str = ""
    body: bytes | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: int = 0

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def get(self, target: str, headers: Mapping[str, str]) -> Response:
        self.asked += 1
        assert self.asked < 500, "calls without end"
        path = target.partition("?")[0]
        if path == self.path and self.body is not None:
            return Response(self.status, CIMultiDict(self.headers), self.body)
        answer = self.model.answer(self.model._call("GET", target, CIMultiDict(headers)))
        return Response(answer.status, CIMultiDict(answer.headers), answer.body)


def honest(kind: str) -> tuple[Simulator, Venue]:
    sizes = {f"{name}_accounts": 4 if name == kind else 0 for name in READ}
    simulator = Simulator(**sizes, limits_scale=1_000_000, clock=ManualClock(NOW_MS))
    return simulator, simulator.venues[kind]


def client_over(kind: str, model: Venue) -> tuple[Any, Wire]:
    """A client as it is in service, but for the socket and the pauses."""
    read = READ[kind]
    settings = ExchangeSettings(
        name=f"{kind}-main",
        kind=kind,
        poll_every_ms=30_000,
        read=read,
        wallets=wallets_of(kind, read),
        quote="USDT",
    )
    key = model.key
    credentials = Credentials(key.api_key, key.api_secret, key.passphrase or "")
    client: Any = make(
        settings, credentials, "http://127.0.0.1:9", Decimal(1), lambda: NOW_MS, Shared(HastyTime())
    )
    wire = Wire(model)
    client._http = wire
    return client, wire


def identities(kind: str, model: Venue) -> list[Identity]:
    if kind == "binance":
        return [Identity(email=account.name) for account in model.accounts]
    return [Identity(venue_id=account.id, name=account.name) for account in model.accounts]

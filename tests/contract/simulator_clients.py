"""Signing clients for the tests of the simulator, written from the venues' pages and from nothing of ours."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from daemon.simulator import Simulator
from daemon.simulator.venue import Venue

VECTORS = Path(__file__).parents[1] / "payloads" / "vectors"


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Reply:
    status: int
    text: str
    headers: Any = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> Any:
        return self.json["code"]


@dataclass
class Client:
    """Sends exact targets; `get` signs them in the way of the venue, at the venue's own time."""

    session: aiohttp.ClientSession
    venue: Venue

    def now_ms(self) -> int:
        return self.venue.clock.now_ms() + self.venue.clock_offset_ms

    async def send(self, target: str, headers: dict[str, str] | None = None, method: str = "GET") -> Reply:
        url = URL(self.venue.base_url + target, encoded=True)
        async with self.session.request(method, url, headers=headers) as response:
            return Reply(response.status, await response.text(), response.headers)

    async def get(self, target: str) -> Reply:
        return await getattr(self, f"_get_{self.venue.kind}")(target)

    async def _get_binance(self, target: str) -> Reply:
        path, _, query = target.partition("?")
        query = f"{query}&" if query else ""
        query += f"timestamp={self.now_ms()}"
        digest = hmac.new(self.venue.key.api_secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        return await self.send(f"{path}?{query}&signature={digest}", {"X-MBX-APIKEY": self.venue.key.api_key})

    async def _get_okx(self, target: str) -> Reply:
        stamp = datetime.fromtimestamp(self.now_ms() / 1000, UTC).isoformat(timespec="milliseconds")
        return await self.send(target, okx_headers(self.venue, target, stamp.replace("+00:00", "Z")))

    async def _get_bitget(self, target: str) -> Reply:
        return await self.send(target, bitget_headers(self.venue, target, str(self.now_ms())))


def base64_hmac(secret: str, prehash: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), prehash.encode(), "sha256")).decode()


def okx_headers(venue: Venue, target: str, stamp: str) -> dict[str, str]:
    return {
        "OK-ACCESS-KEY": venue.key.api_key,
        "OK-ACCESS-SIGN": base64_hmac(venue.key.api_secret, f"{stamp}GET{target}"),
        "OK-ACCESS-TIMESTAMP": stamp,
        "OK-ACCESS-PASSPHRASE": venue.key.passphrase,
    }


def bitget_headers(venue: Venue, target: str, stamp: str) -> dict[str, str]:
    return {
        "ACCESS-KEY": venue.key.api_key,
        "ACCESS-SIGN": base64_hmac(venue.key.api_secret, f"{stamp}GET{target}"),
        "ACCESS-TIMESTAMP": stamp,
        "ACCESS-PASSPHRASE": venue.key.passphrase,
    }


def client(session: aiohttp.ClientSession, simulator: Simulator, kind: str) -> Client:
    return Client(session, simulator.venues[kind])


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, not for a time; fail after ten seconds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is a fact of the other side, which signals nothing
            await asyncio.sleep(0)

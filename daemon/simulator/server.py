"""The three fake venues, each on a loopback port of its own."""

import asyncio
import json
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from aiohttp import web

from daemon.simulator.binance import Binance
from daemon.simulator.bitget import Bitget
from daemon.simulator.clock import Clock, SystemClock
from daemon.simulator.keys import new_key
from daemon.simulator.limits import WindowStyle
from daemon.simulator.okx import Okx
from daemon.simulator.script import Incident, Script, play
from daemon.simulator.seeding import seed_binance, seed_bitget, seed_okx
from daemon.simulator.venue import Venue

__all__ = ["Simulator", "serve"]

SHUTDOWN_SECONDS = 1.0
DEFAULT_ASSETS = 4


class Simulator:
    """Fake Binance, OKX and Bitget. Mutate `binance`, `okx` and `bitget` at any time.

    `assets` is the number of coins per wallet. `window` is how limits are counted, `limits_scale` multiplies
    them. An async context manager: entering starts it on free ports of 127.0.0.1.
    """

    def __init__(
        self,
        binance_accounts: int = 6,
        okx_accounts: int = 4,
        bitget_accounts: int = 6,
        *,
        assets: int = DEFAULT_ASSETS,
        seed: int = 1,
        window: WindowStyle = "sliding",
        limits_scale: float = 1,
        clock: Clock | None = None,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.binance = Binance(self.clock, new_key("binance", passphrase=False), window, limits_scale)
        self.okx = Okx(self.clock, new_key("okx", passphrase=True), window, limits_scale)
        self.bitget = Bitget(self.clock, new_key("bitget", passphrase=True), window, limits_scale)
        seed_binance(self.binance, binance_accounts, assets, seed)
        seed_okx(self.okx, okx_accounts, assets, seed)
        seed_bitget(self.bitget, bitget_accounts, assets, seed)
        self._runners: list[web.ServerRunner] = []

    @property
    def venues(self) -> dict[str, Venue]:
        return {"binance": self.binance, "okx": self.okx, "bitget": self.bitget}

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen: on `port` and the two after it, or on free ports for 0. Raises OSError if one is taken."""
        try:
            for offset, venue in enumerate(self.venues.values()):
                await self._listen(venue, host, port + offset if port else 0)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop listening and end every connection, hanging ones too. Harmless when not started."""
        for venue in self.venues.values():
            venue.stopping.set()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    def credentials(self) -> dict[str, dict[str, str]]:
        """What a client needs to be pointed at each venue; known once started."""
        told: dict[str, dict[str, str]] = {}
        for name, venue in self.venues.items():
            key = venue.key
            told[name] = {"base_url": venue.base_url, "api_key": key.api_key, "api_secret": key.api_secret}
            if key.passphrase:
                told[name]["passphrase"] = key.passphrase
        return told

    async def play(self, script: Script, on_incident: Callable[[Incident], None] | None = None) -> None:
        """Play a script to its end; `on_incident` hears of each incident once it has happened."""
        await play(script, self.venues, self.clock, on_incident)

    async def _listen(self, venue: Venue, host: str, port: int) -> None:
        venue.stopping.clear()
        runner = web.ServerRunner(
            web.Server(venue.handle, handler_cancellation=True, access_log=None),
            shutdown_timeout=SHUTDOWN_SECONDS,
        )
        self._runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        bound_host, bound_port = runner.addresses[0][:2]
        venue.base_url = f"http://{bound_host}:{bound_port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()


async def serve(
    simulator: Simulator,
    script: Script | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    out: TextIO | None = None,
    on_incident: Callable[[Incident], None] | None = None,
) -> None:
    """Run until cancelled: start, print the credentials as the first line of `out`, play the script, stay."""
    try:
        await simulator.start(host, port)
        print(json.dumps(simulator.credentials()), file=out or sys.stdout, flush=True)
        if script is not None:
            await simulator.play(script, on_incident)
        await asyncio.Event().wait()
    finally:
        await simulator.stop()

"""What the notifiers call, as a process of its own: `python -m bench.sink` prints its address as one line of JSON.

It keeps what arrived at `/hook/SIDE`, and when. Times are of the monotonic clock, which all processes of a machine
share. It stands apart from the venue, as a user's chat service does: neither holds up the other.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field

from aiohttp import web

from bench.process import until_signalled

NOBODY = "nobody"
"""The side of which nothing is kept: the POSTs that are the measure."""


@dataclass(slots=True)
class Sink:
    """What arrived for each side, with the monotonic second of each arrival."""

    arrived: dict[str, list[tuple[float, str]]] = field(default_factory=dict)

    async def take(self, request: web.Request) -> web.Response:
        at = time.monotonic()
        side = request.match_info["side"]
        body = (await request.read()).decode()
        if side != NOBODY:
            self.arrived.setdefault(side, []).append((at, body))
        return web.Response()

    async def seen(self, _request: web.Request) -> web.Response:
        """All that arrived since it was last forgotten."""
        return web.json_response(self.arrived)

    async def forget(self, _request: web.Request) -> web.Response:
        """Begin anew."""
        self.arrived.clear()
        return web.Response()


async def serve() -> None:
    """Until it is cancelled."""
    sink = Sink()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.add_routes(
        [
            web.post("/hook/{side}", sink.take),
            web.get("/arrived", sink.seen),
            web.post("/forget", sink.forget),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(json.dumps({"sink": f"http://127.0.0.1:{runner.addresses[0][1]}"}), flush=True)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(until_signalled(serve()))

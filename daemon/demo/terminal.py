"""The demo's notifier: a loopback server that takes what Apprise posts and prints it as it arrived."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

MOST_BYTES = 1 << 20


class Terminal:
    """Receives messages at `url`, an ordinary Apprise URL, and hands title and body to `show`."""

    def __init__(self, show: Callable[[str, str], None]) -> None:
        self._show = show
        self._runner: web.AppRunner | None = None
        self.url = ""
        self.messages = 0
        self.forward: Callable[[str, str], Awaitable[None]] | None = None

    async def start(self) -> None:
        """Listen on a free loopback port."""
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_post("/", self._receive)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"json://{host}:{port}/"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        told = await request.json()
        self.messages += 1
        title, body = str(told.get("title", "")), str(told.get("message", ""))
        self._show(title, body)
        if self.forward is not None:
            await self.forward(title, body)
        return web.Response(text="ok")

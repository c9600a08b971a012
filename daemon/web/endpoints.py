"""Health, metrics and the files that pages are made of. Only GET and HEAD: nothing here changes anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from daemon.snapshot import Snapshot
from daemon.web.etags import conditional, etag_of
from daemon.web.metrics import exposition

__all__ = ["Endpoints"]

_STATIC = Path(__file__).parent / "static"
_STATIC_TYPES = {"style.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}


class Endpoints:
    """The handlers, over the one question that they ask the daemon."""

    def __init__(self, snapshot: Callable[[], Awaitable[Snapshot]]) -> None:
        self._snapshot = snapshot
        self._static = {name: (_STATIC / name).read_bytes() for name in _STATIC_TYPES}

    def routes(self) -> Iterable[web.RouteDef]:
        """Every path; aiohttp answers HEAD wherever there is GET."""
        return (
            web.get("/healthz", self._healthz),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._metrics),
            web.get("/static/{name}", self._file),
        )

    async def _healthz(self, _: web.Request) -> web.Response:
        """The loop turns: that is all it says, so it asks for nothing that could fail."""
        return web.json_response({"status": "ok"})

    async def _readyz(self, _: web.Request) -> web.Response:
        now = await self._snapshot()
        told = {
            "status": "unready" if now.unready else "ready",
            "reasons": list(now.unready),
            "warnings": list(now.warnings),
        }
        return web.json_response(
            told, status=HTTPStatus.SERVICE_UNAVAILABLE if now.unready else HTTPStatus.OK
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        body, content_type = exposition(await self._snapshot(), request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._static:
            raise web.HTTPNotFound
        body = self._static[name]
        return conditional(request, body, f"{_STATIC_TYPES[name]}; charset=utf-8", etag_of(body))

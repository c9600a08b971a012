"""What is read at which path. Only GET and HEAD: nothing here changes anything."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from daemon.snapshot import Snapshot
from daemon.web import pages
from daemon.web.answers import failure, html, root_of
from daemon.web.metrics import exposition
from daemon.web.pages import AlertPage

__all__ = ["Endpoints"]

_STATIC = Path(__file__).parent / "static"
_STATIC_TYPES = {"style.css": "text/css", "icon.svg": "image/svg+xml"}
_ALERT_ID = re.compile(r"A[0-9A-Z]{4,8}", re.ASCII | re.IGNORECASE)


class Endpoints:
    """The handlers, over the two questions that they ask the daemon; `can_ack` tells whether a form may."""

    def __init__(
        self,
        snapshot: Callable[[], Awaitable[Snapshot]],
        alert_of: Callable[[str], Awaitable[AlertPage | None]],
        can_ack: Callable[[], bool],
    ) -> None:
        self._snapshot = snapshot
        self._alert_of = alert_of
        self._can_ack = can_ack
        pages.load()
        self._static = {name: (_STATIC / name).read_bytes() for name in _STATIC_TYPES}

    def routes(self) -> Iterable[web.RouteDef]:
        """Every path; aiohttp answers HEAD wherever there is GET."""
        return (
            web.get("/healthz", self._healthz),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._metrics),
            web.get("/", self._status),
            web.get("/alerts/{id}", self._alert),
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

    async def _status(self, request: web.Request) -> web.Response:
        return html(pages.status_page(await self._snapshot(), root=root_of(request)))

    async def _alert(self, request: web.Request) -> web.Response:
        ident = request.match_info["id"]
        page = await self._alert_of(ident.upper()) if _ALERT_ID.fullmatch(ident) else None
        if page is None:
            return failure(
                request, HTTPStatus.NOT_FOUND, "there is no alert of that id, or it is too long ago"
            )
        return html(pages.alert_page(page, root=root_of(request), can_ack=self._can_ack()))

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._static:
            raise web.HTTPNotFound
        return web.Response(body=self._static[name], content_type=_STATIC_TYPES[name], charset="utf-8")

"""Health, metrics and the files that pages are made of. Only GET and HEAD: nothing here changes anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from pathlib import Path

import structlog
from aiohttp import web

from daemon.snapshot import Snapshot
from daemon.web.etags import conditional, etag_of
from daemon.web.exported import read_exported
from state.errors import StateError
from state.store import Store
from state.threaded import AsyncStore

__all__ = ["Endpoints"]

log = structlog.get_logger(__name__)

_STATIC = Path(__file__).parent / "static"
_STATIC_TYPES = {"style.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}


class Endpoints:
    """The handlers, over the one question that they ask the daemon."""

    def __init__(self, snapshot: Callable[[], Awaitable[Snapshot]], reads: AsyncStore | None = None) -> None:
        self._snapshot = snapshot
        self._reads = reads
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
        body, content_type = await self._exposition(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _exposition(self, accept: str) -> tuple[bytes, str]:
        snapshot = await self._snapshot()
        from daemon.web.metrics import exposition  # noqa: PLC0415  a start does not wait for it

        if self._reads is None:
            return exposition(snapshot, accept)

        def make(store: Store) -> tuple[bytes, str]:
            return exposition(snapshot, accept, read_exported(store) if snapshot.export_balances else None)

        try:
            return await self._reads.run(make)
        except StateError as error:
            log.warning("http.unreadable", path="/metrics", reason=str(error))
            return exposition(snapshot, accept)

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._static:
            raise web.HTTPNotFound
        body = self._static[name]
        return conditional(request, body, f"{_STATIC_TYPES[name]}; charset=utf-8", etag_of(body))

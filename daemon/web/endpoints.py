"""What is answered at which path. Only GET and HEAD: nothing here changes anything."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from daemon.snapshot import Snapshot
from daemon.web import pages
from daemon.web.metrics import exposition
from daemon.web.pages import AlertPage

__all__ = ["Endpoints", "failure"]

_STATIC = Path(__file__).parent / "static"
_STATIC_TYPES = {"style.css": "text/css", "icon.svg": "image/svg+xml"}
_ALERT_ID = re.compile(r"A[0-9A-Z]{4,8}", re.ASCII | re.IGNORECASE)


class Endpoints:
    """The handlers, over the two questions that they ask the daemon."""

    def __init__(
        self,
        snapshot: Callable[[], Awaitable[Snapshot]],
        alert_of: Callable[[str], Awaitable[AlertPage | None]],
    ) -> None:
        self._snapshot = snapshot
        self._alert_of = alert_of
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
        return _html(pages.status_page(await self._snapshot(), root=_root(request)))

    async def _alert(self, request: web.Request) -> web.Response:
        ident = request.match_info["id"]
        page = await self._alert_of(ident.upper()) if _ALERT_ID.fullmatch(ident) else None
        if page is None:
            return failure(
                request, HTTPStatus.NOT_FOUND, "there is no alert of that id, or it is too long ago"
            )
        return _html(pages.alert_page(page, root=_root(request)))

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._static:
            raise web.HTTPNotFound
        return web.Response(body=self._static[name], content_type=_STATIC_TYPES[name], charset="utf-8")


def failure(
    request: web.Request, status: HTTPStatus, text: str = "", headers: Mapping[str, str] | None = None
) -> web.Response:
    """An error that says what is wrong, as a page for who prefers one and as JSON for programs."""
    text = text or status.description or status.phrase
    if "text/html" in request.headers.get("Accept", ""):
        return _html(pages.error_page(status, text, root=_root(request)), status, headers)
    return web.json_response({"error": text}, status=status, headers=headers)


def _html(text: str, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=headers)


def _root(request: web.Request) -> str:
    """From this page back to `/`, as a relative link: a proxy may serve us under a path of its own."""
    depth = request.rel_url.raw_path.count("/") - 1
    return "../" * depth or "./"

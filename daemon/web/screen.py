"""The pages at their paths: made off the loop, once for all who ask within a second, sent only where they changed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

from daemon.web import pages
from daemon.web.alerts import AlertPage
from daemon.web.answers import failure, root_of
from daemon.web.asked import AFTER, AskedError, Parameter, read_query, text
from daemon.web.board import read_account, read_accounts, read_board, read_rules, read_told
from daemon.web.changes import Changes
from daemon.web.etags import conditional, etag_of
from daemon.web.pages import Viewer
from daemon.web.picture import gaps_of, picture
from daemon.web.recent import Recent
from daemon.web.sources import Sources
from notifiers.pictures import PNG_TYPE
from state.errors import StateError
from state.store import Store

__all__ = ["Pages"]

log = structlog.get_logger(__name__)

HTML_TYPE: Final = "text/html; charset=utf-8"

_ALERT_ID: Final = re.compile(r"A[0-9A-Z]{4,8}", re.ASCII | re.IGNORECASE)
_ACCOUNT_ID: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
# What passes by itself: ages in words, and the time that the page is of.
_PASSING: Final = re.compile(rb'<time id="as-of".*?</time>|(?<=>)[^<>]*(?=</time>)', re.DOTALL)

Page = tuple[bytes, str]
"""A page and its tag."""


class _NotThere(LookupError):  # noqa: N818  it is an answer
    """No page of that id."""


class Pages:
    """The handlers; `changes` knows whether, and for whom, something can be ordered."""

    def __init__(self, sources: Sources, changes: Changes) -> None:
        self._sources = sources
        self._changes = changes
        self._recent: Recent[Page] = Recent()
        changes.on_change = self._recent.forget

    def routes(self) -> Iterable[web.RouteDef]:
        """Every path; what is only in the state is there where the state can be read."""
        yield web.get("/", self._handler(self._status, ()))
        yield web.get("/alerts/{id}", self._handler(self._alert, ()))
        if self._sources.reads is not None:
            yield web.get("/alerts/{id}/chart.png", self._chart)
            exchange, name = text("exchange", "of this exchange"), text("name", "a part of a name")
            yield web.get("/accounts", self._handler(self._accounts, (_blank(exchange), _blank(name), AFTER)))
            yield web.get("/accounts/{id}", self._handler(self._account, ()))
            yield web.get("/notifications", self._handler(self._notifications, (AFTER,)))
            yield web.get("/rules", self._handler(self._rules, ()))

    def _handler(
        self,
        make: Callable[[web.Request, Viewer, dict[str, str | None]], Awaitable[str]],
        parameters: tuple[Parameter, ...],
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            try:
                asked = read_query(request.rel_url.raw_query_string, parameters) if parameters else {}
                viewer = self._viewer(request)
                key = (request.rel_url.raw_path, tuple(asked.items()), viewer)
                body, etag = await self._recent.get(key, lambda: _tagged(make(request, viewer, asked)))
            except AskedError as error:
                return failure(request, HTTPStatus.BAD_REQUEST, str(error))
            except _NotThere as error:
                return failure(request, HTTPStatus.NOT_FOUND, str(error))
            except StateError as error:
                log.warning("http.unreadable", path=request.rel_url.raw_path, reason=str(error))
                return failure(request, HTTPStatus.SERVICE_UNAVAILABLE, "the state cannot be read: try again")
            return conditional(request, body, HTML_TYPE, etag)

        return answer

    def _viewer(self, request: web.Request) -> Viewer:
        session = self._changes.session(request)
        return Viewer(root_of(request), self._changes.allowed, "" if session is None else session.by)

    async def _status(self, request: web.Request, viewer: Viewer, _: dict[str, str | None]) -> str:
        snapshot, rules, reads = await self._sources.snapshot(), self._sources.rules(), self._sources.reads
        if reads is None:
            return pages.status_page(snapshot, viewer)

        def make(store: Store) -> str:
            return pages.status_page(snapshot, viewer, read_board(store, snapshot, rules))

        try:
            return await reads.run(make)
        except StateError as error:
            # What fires is in memory: it must be seen above all while the disk has trouble.
            log.warning("http.unreadable", path="/", reason=str(error))
            return pages.status_page(snapshot, viewer)

    async def _alert(self, request: web.Request, viewer: Viewer, _: dict[str, str | None]) -> str:
        ident = request.match_info["id"]
        page = await self._sources.alert_of(ident.upper()) if _ALERT_ID.fullmatch(ident) else None
        if page is None:
            raise _NotThere("there is no alert of that id, or it is too long ago")
        found: AlertPage = page
        if self._sources.reads is None:
            return pages.alert_page(found, viewer)
        return await self._sources.reads.run(lambda _: pages.alert_page(found, viewer))

    async def _chart(self, request: web.Request) -> web.Response:
        """What messages link to where no picture can be attached."""
        try:
            key = (request.rel_url.raw_path, (), None)
            png, etag = await self._recent.get(key, lambda: self._drawn(request.match_info["id"]))
        except _NotThere as error:
            return failure(request, HTTPStatus.NOT_FOUND, str(error))
        except StateError as error:
            log.warning("http.unreadable", path=request.rel_url.raw_path, reason=str(error))
            return failure(request, HTTPStatus.SERVICE_UNAVAILABLE, "the state cannot be read: try again")
        return conditional(request, png, PNG_TYPE, etag)

    async def _drawn(self, ident: str) -> Page:
        page = await self._sources.alert_of(ident.upper()) if _ALERT_ID.fullmatch(ident) else None
        reads, png = self._sources.reads, None
        if page is not None and reads is not None:
            found: AlertPage = page
            png = await reads.run(lambda store: picture(found, gaps_of(store, found)))
        if png is None:
            raise _NotThere("there is no alert of that id, or it has no figure to draw")
        return png, etag_of(png)

    async def _accounts(self, request: web.Request, viewer: Viewer, asked: dict[str, str | None]) -> str:
        snapshot = await self._sources.snapshot()

        def make(store: Store) -> str:
            found = read_accounts(store, snapshot.now_ms, asked["exchange"], asked["name"], asked["after"])
            return pages.accounts_page(snapshot, viewer, found)

        return await self._read(make)

    async def _account(self, request: web.Request, viewer: Viewer, _: dict[str, str | None]) -> str:
        snapshot, ident = await self._sources.snapshot(), request.match_info["id"]

        def make(store: Store) -> str:
            found = read_account(store, int(ident), snapshot.now_ms) if _ACCOUNT_ID.fullmatch(ident) else None
            if found is None:
                raise _NotThere("there is no account of that id")
            return pages.account_page(snapshot, viewer, found)

        return await self._read(make)

    async def _notifications(self, request: web.Request, viewer: Viewer, asked: dict[str, str | None]) -> str:
        snapshot = await self._sources.snapshot()
        return await self._read(
            lambda store: pages.told_page(snapshot, viewer, read_told(store, asked["after"]))
        )

    async def _rules(self, request: web.Request, viewer: Viewer, _: dict[str, str | None]) -> str:
        snapshot, rules = await self._sources.snapshot(), self._sources.rules()
        return await self._read(
            lambda store: pages.rules_page(snapshot, viewer, read_rules(store, snapshot, rules))
        )

    async def _read(self, make: Callable[[Store], str]) -> str:
        reads = self._sources.reads
        if reads is None:
            raise AssertionError("these pages are only served where the state can be read")
        return await reads.run(make)


async def _tagged(making: Awaitable[str]) -> Page:
    body = (await making).encode(errors="backslashreplace")
    return body, f"W/{etag_of(_PASSING.sub(b'', body))}"


def _blank(parameter: Parameter) -> Parameter:
    """A field of a form that may be sent empty, which means any."""
    return Parameter(
        parameter.name,
        parameter.text,
        parameter.schema,
        lambda value: parameter.read(value) if value else None,
    )

"""The JSON API: what is known, by pages. Reading and encoding happen on the reader's thread, never on the loop."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp import web

from daemon.plain import (
    label_of_keys,
    plain_account,
    plain_alert,
    plain_balance,
    plain_exchange,
    plain_happened,
    plain_notification,
)
from daemon.snapshot import Snapshot
from daemon.web.answers import failure
from daemon.web.asked import AFTER, LIMIT, PAGE_ROWS, SINCE, AskedError, Parameter, choice, read_query, text
from daemon.web.etags import conditional, etag_of
from daemon.web.named import NotFound, accounts_named
from rules.model import Severity
from state.errors import StateError
from state.queries import AlertFilter
from state.record import KINDS, RecordFilter
from state.store import Store
from state.threaded import AsyncStore

__all__ = ["COLLECTIONS", "Api", "Collection"]

log = structlog.get_logger(__name__)

JSON_TYPE: Final = "application/json; charset=utf-8"
OPENAPI_TYPE: Final = "application/vnd.oai.openapi+json; charset=utf-8"

Asked = Mapping[str, Any]
Found = tuple[list[dict[str, Any]], str | None]


@dataclass(frozen=True, slots=True)
class Collection:
    """One path of `/api/v1/`: `item` names the schema, `fetch` reads one page of it on the reader's thread."""

    name: str
    item: str
    text: str
    parameters: tuple[Parameter, ...]
    fetch: Callable[[Store, Asked], Found]


def _limit(asked: Asked) -> int:
    return int(asked["limit"] or PAGE_ROWS)


def _accounts(store: Store, asked: Asked) -> Found:
    page = store.accounts(asked["exchange"], asked["name"], after=asked["after"], limit=_limit(asked))
    return [plain_account(row) for row in page.rows], page.after


def _balances(store: Store, asked: Asked) -> Found:
    keys = accounts_named(store, asked["exchange"], asked["account"])
    page = store.balances(
        asked["exchange"], keys, asked["asset"], asked["wallet"], after=asked["after"], limit=_limit(asked)
    )
    return [plain_balance(row) for row in page.rows], page.after


def _filter(store: Store, asked: Asked) -> AlertFilter:
    return AlertFilter(
        state=asked["state"],
        exchange=asked["exchange"],
        accounts=accounts_named(store, asked["exchange"], asked["account"]),
        rule=asked["rule"],
        severity=asked["severity"],
        type=asked.get("type"),
    )


def _alerts(store: Store, asked: Asked) -> Found:
    page = store.alerts_where(_filter(store, asked), after=asked["after"], limit=_limit(asked))
    return [plain_alert(row) for row in page.rows], page.after


def _breaks(store: Store, asked: Asked) -> Found:
    page = store.breaks(_filter(store, asked), after=asked["after"], limit=_limit(asked))
    return [plain_alert(row) for row in page.rows], page.after


def _notifications(store: Store, asked: Asked) -> Found:
    alert = asked["alert"]
    page = store.notifications(
        asked["state"],
        None if alert is None else alert.strip().upper(),
        asked["notifier"],
        after=asked["after"],
        limit=_limit(asked),
    )
    return [plain_notification(row) for row in page.rows], page.after


def _history(store: Store, asked: Asked) -> Found:
    alerts: frozenset[str] | None = None
    if asked["account"] is not None:
        alerts = store.alerts_of_accounts(accounts_named(store, None, asked["account"]) or ())
    if asked["alert"] is not None:
        ident = asked["alert"].strip().upper()
        alerts = frozenset({ident}) if alerts is None else alerts & {ident}
    wanted = RecordFilter(
        None if alerts is None else tuple(sorted(alerts)), asked["since"] or 0, asked["event"]
    )
    page = store.record(wanted, after=asked["after"], limit=_limit(asked))
    labels = label_of_keys(store, page.rows)
    return [plain_happened(row, labels) for row in page.rows], page.after


EXCHANGE: Final = text("exchange", "Only of this exchange.")
ACCOUNT: Final = text("account", "Only of this account: any of its names, its venue's id, or our id.")
PAGING: Final = (LIMIT, AFTER)
_ABOUT: Final = (
    choice(
        "state",
        "Only in this state; open is pending or firing.",
        ("open", "pending", "firing", "resolved", "closed"),
    ),
    EXCHANGE,
    ACCOUNT,
    text("rule", "Only of the rule of this name."),
    choice("severity", "Only of this severity.", tuple(one.value for one in Severity)),
)

COLLECTIONS: Final = (
    Collection(
        "accounts",
        "Account",
        "Accounts in the order in which they became known.",
        (
            EXCHANGE,
            text("name", "Only those with this in one of their names, or with this id of ours."),
            *PAGING,
        ),
        _accounts,
    ),
    Collection(
        "balances",
        "Balance",
        "The last known quantities, with the time of the reading that showed them.",
        (EXCHANGE, ACCOUNT, text("asset", "Only this coin."), text("wallet", "Only this wallet."), *PAGING),
        _balances,
    ),
    Collection(
        "alerts",
        "Alert",
        "Alerts, open and ended, the newest first.",
        (*_ABOUT, text("type", "Only of rules of this type."), *PAGING),
        _alerts,
    ),
    Collection(
        "breaks",
        "Alert",
        "Breaks: the alerts of reconciliation, the newest first; `value` is the signed difference.",
        (*_ABOUT, *PAGING),
        _breaks,
    ),
    Collection(
        "notifications",
        "Notification",
        "What is told to whom and what became of it, the newest first.",
        (
            choice("state", "Only in this state.", ("queued", "claimed", "delivered", "dead", "cancelled")),
            text("notifier", "Only for this notifier."),
            text("alert", "Only of the alert of this id."),
            *PAGING,
        ),
        _notifications,
    ),
    Collection(
        "history",
        "Happened",
        "What happened, who was told and who did what, the newest first.",
        (
            text("alert", "Only what is about the alert of this id."),
            text("account", "Only what is about alerts of this account: any of its names, or our id."),
            choice("event", "Only events of this kind.", KINDS),
            SINCE,
            *PAGING,
        ),
        _history,
    ),
)


class Api:
    """The handlers. `reads` is the reader's own connection; `document` the OpenAPI text, as it is served."""

    def __init__(
        self, snapshot: Callable[[], Awaitable[Snapshot]], reads: AsyncStore, document: bytes
    ) -> None:
        self._snapshot = snapshot
        self._reads = reads
        self._document = document

    def routes(self) -> Iterable[web.RouteDef]:
        """Every path that is read."""
        yield web.get("/api/v1/openapi.json", self._openapi)
        yield web.get("/api/v1/exchanges", self._exchanges)
        for collection in COLLECTIONS:
            yield web.get(f"/api/v1/{collection.name}", self._page(collection))

    async def _openapi(self, request: web.Request) -> web.Response:
        return conditional(request, self._document, OPENAPI_TYPE, etag_of(self._document))

    async def _exchanges(self, request: web.Request) -> web.Response:
        try:
            read_query(request.rel_url.raw_query_string, ())
        except AskedError as error:
            return failure(request, HTTPStatus.BAD_REQUEST, str(error))
        views = (await self._snapshot()).exchanges
        body = _encoded([plain_exchange(view) for view in views], None)
        return conditional(request, body, JSON_TYPE, etag_of(body))

    def _page(self, collection: Collection) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            try:
                asked = read_query(request.rel_url.raw_query_string, collection.parameters)
                body, etag = await self._reads.run(_read, collection, asked)
            except AskedError as error:
                return failure(request, HTTPStatus.BAD_REQUEST, str(error))
            except NotFound as error:
                return failure(request, HTTPStatus.NOT_FOUND, str(error))
            except StateError as error:
                log.warning("http.unreadable", path=request.rel_url.raw_path, reason=str(error))
                text = "the state cannot be read: try again"
                return failure(request, HTTPStatus.SERVICE_UNAVAILABLE, text)
            return conditional(request, body, JSON_TYPE, etag)

        return answer


def _read(store: Store, collection: Collection, asked: Asked) -> tuple[bytes, str]:
    items, after = collection.fetch(store, asked)
    body = _encoded(items, after)
    return body, etag_of(body)


def _encoded(items: list[dict[str, Any]], after: str | None) -> bytes:
    return json.dumps({"items": items, "next": after}, ensure_ascii=False, separators=(",", ":")).encode(
        errors="backslashreplace"
    )

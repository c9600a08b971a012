"""A daemon's answers to the web server, made by hand, and the server over them on a loopback port."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from daemon.snapshot import ExchangeView, NotifierView, Snapshot
from daemon.web.alerts import AlertPage
from daemon.web.server import WebServer
from daemon.web.sources import Sources
from rules.facts import Facts
from rules.model import Severity
from rules.outcome import Notification, NotificationKind, Transition
from rules.world import Alert, AlertKey, Subject
from state.queries import AlertRow, NotificationRow

NOW_MS = 1_763_607_520_000  # 2025-11-20 02:58:40 UTC
FIGURE = "18250.500000000000000001"
HOSTILE = '<script>alert("x")</script>'

FACTS = Facts(
    rule="market maker USDT floor",
    type="low_balance",
    exchange="binance-main",
    severity=Severity.CRITICAL,
    label="mm-1@desk.example",
    wallets=("spot",),
    asset="USDT",
    field="free",
    value=FIGURE,
    sign="<",
    threshold="20000",
    clear_at="60000",
    before="51900.25",
    before_ms=NOW_MS - 140_000,
    since_ms=NOW_MS - 130_000,
    fired_ms=NOW_MS - 130_000,
    held_ms=130_000,
    read_ms=NOW_MS - 4_000,
    readings=2,
    also=(("spot", "USDT", "locked", "12000"),),
    not_watched=("futures",),
    details=("The master can send 250,000 USDT.",),
    identifiers=("mm-1@desk.example", "8801"),
    runbook="https://wiki.example/mm-floor",
)


def alert(
    ident: str = "A7F3Q", *, state: str = "firing", since_ms: int = NOW_MS - 130_000, **facts: Any
) -> Alert:
    told = replace(FACTS, **facts)
    return Alert(
        key=AlertKey(told.rule, Subject(told.exchange, 1, "", told.asset)),
        id=ident,
        rule=told.rule,
        type=told.type,
        state=state,
        severity=told.severity,
        facts=told,
        since_ms=since_ms,
        last_ms=NOW_MS,
        counted_ms=NOW_MS,
        fired_ms=since_ms if state == "firing" else None,
    )


def exchange(name: str = "binance-main", **values: Any) -> ExchangeView:
    view = ExchangeView(
        name=name,
        kind="binance",
        state="fresh",
        reason="",
        accounts=25,
        selected=24,
        last_success_ms=NOW_MS - 12_000,
        last_listing_ms=NOW_MS - 30_000,
        oldest_reading_ms=NOW_MS - 65_000,
        sweep_ms=1_500,
        reads=1_000,
        failures=3,
        incomplete=2,
        glitches=1,
        clock_offset_ms=-250,
        banned_until_ms=None,
        maintenance="",
    )
    return replace(view, **values)


def notifier(name: str = "oncall", **values: Any) -> NotifierView:
    view = NotifierView(name, "slack://T…", 2, 1, NOW_MS - 90_000, 40, 5, 1, "HTTP 500")
    return replace(view, **values)


SUM = alert(
    label="sum of 8 accounts (*)",
    field="",
    wallets=(),
    sign="",
    threshold=None,
    headline="is off by at least",
    value="-1.37",
    perhaps="-4821.37",
)
"""A break of which more may be missing."""

SNAPSHOT = Snapshot(
    now_ms=NOW_MS,
    started_ms=NOW_MS - 3_600_000,
    version="0.1.0",
    rules_digest="5f3c0a9e77d1",
    rules=9,
    exchanges=(
        exchange(),
        exchange("okx-main", kind="okx", last_success_ms=None, sweep_ms=None, state="starting"),
    ),
    alerts=(alert(), alert("A0PND", state="pending", asset="BTC", severity=Severity.WARNING)),
    notifiers=(notifier(),),
    transitions={"pending": 7, "firing": 4},
)

ROW = AlertRow(alert(), "firing", None, "", None)
PAGE = AlertPage(
    now_ms=NOW_MS,
    row=ROW,
    transitions=(
        Transition("A7F3Q", ROW.alert.key, FACTS.rule, NOW_MS - 140_000, "", "pending", Severity.WARNING),
        Transition(
            "A7F3Q",
            ROW.alert.key,
            FACTS.rule,
            NOW_MS - 130_000,
            "pending",
            "firing",
            Severity.CRITICAL,
            "",
            FIGURE,
        ),
    ),
    notifications=(
        NotificationRow(
            1,
            Notification(
                "A7F3Q", "oncall", NotificationKind.FIRING, Severity.CRITICAL, NOW_MS - 130_000, FACTS
            ),
            "delivered",
            "M19CX",
            2,
            "",
            NOW_MS - 128_000,
        ),
    ),
)


@dataclass(slots=True)
class Daemon:
    """What the server asks: set `snapshot` and `pages`, or let `fail` raise."""

    snapshot: Snapshot = SNAPSHOT
    pages: Mapping[str, AlertPage] | None = None
    fail: Callable[[], Awaitable[None]] | None = None

    async def now(self) -> Snapshot:
        if self.fail is not None:
            await self.fail()
        return self.snapshot

    async def alert_of(self, ident: str) -> AlertPage | None:
        return ({"A7F3Q": PAGE} if self.pages is None else self.pages).get(ident)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str


class Browser:
    """Asks one server over real HTTP."""

    def __init__(self, session: aiohttp.ClientSession, server: WebServer, host: str) -> None:
        self._session = session
        self._host = host
        self.server = server

    async def ask(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, data: Any = None
    ) -> Answer:
        url = f"http://{self._host}:{self.server.port}{path}"
        async with self._session.request(
            method, url, headers=headers, data=data, allow_redirects=False
        ) as response:
            return Answer(response.status, dict(response.headers), await response.text())

    async def page(self, path: str) -> Answer:
        return await self.ask(path, headers={"Accept": "text/html,*/*"})

    async def raw(self, sent: bytes) -> bytes:
        """Everything that comes back until the server closes; nothing where it resets the connection."""
        reader, writer = await asyncio.open_connection(self._host, self.server.port)
        try:
            writer.write(sent)
            await writer.drain()
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    daemon: Daemon | None = None, host: str = "127.0.0.1", **options: Any
) -> AsyncIterator[Browser]:
    daemon = daemon or Daemon()
    asked = {name: options.pop(name) for name in ("actions", "reads", "rules") if name in options}
    server = WebServer(host, 0, Sources(daemon.now, daemon.alert_of, **asked), **options)
    await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Browser(session, server, "127.0.0.1")
    finally:
        await server.stop()

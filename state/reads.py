"""The part of the Store that only reads: every method one bounded query with its errors told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection

from sqlite_utils import Database

from rules.outcome import Transition
from rules.world import Account, ExchangeState
from state import outbox, queries
from state.errors import telling
from state.outbox import Counts
from state.queries import AlertRow, Attempt, BalanceRow, NotificationRow, Page

PAGE_ROWS = 100


class Reads:
    """What commands, pages and metrics ask. Pages: pass `Page.after` back as `after` for the next one."""

    path: Path
    _db: Database

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with telling("read", self.path):
            yield self._db.conn

    def alerts(
        self, state: str | None = None, *, after: str | None = None, limit: int = PAGE_ROWS
    ) -> Page[AlertRow]:
        """Alerts, the newest first: of one state, the "open" ones, or all."""
        with self._reading() as db:
            return queries.alerts(db, state=state, after=after, limit=limit)

    def alert(self, alert_id: str) -> AlertRow | None:
        """One alert, open or ended."""
        with self._reading() as db:
            return queries.alert(db, alert_id)

    def transitions(self, alert_id: str) -> tuple[Transition, ...]:
        """The life of one alert, from its begin."""
        with self._reading() as db:
            return queries.transitions(db, alert_id)

    def accounts(
        self, exchange: str | None = None, *, after: str | None = None, limit: int = PAGE_ROWS
    ) -> Page[Account]:
        """Accounts in the order in which they became known."""
        with self._reading() as db:
            return queries.accounts(db, exchange=exchange, after=after, limit=limit)

    def exchanges(self) -> tuple[ExchangeState, ...]:
        """Every exchange with what is known of it, by name."""
        with self._reading() as db:
            return queries.exchanges(db)

    def balances(
        self,
        exchange: str | None = None,
        account: int | None = None,
        asset: str | None = None,
        *,
        after: str | None = None,
        limit: int = PAGE_ROWS,
    ) -> Page[BalanceRow]:
        """The last known quantities, with the end of the reading that showed them."""
        with self._reading() as db:
            return queries.balances(
                db, exchange=exchange, account=account, asset=asset, after=after, limit=limit
            )

    def notifications(
        self,
        state: str | None = None,
        alert_id: str | None = None,
        notifier: str | None = None,
        *,
        after: str | None = None,
        limit: int = PAGE_ROWS,
    ) -> Page[NotificationRow]:
        """Outbox rows, the newest first."""
        with self._reading() as db:
            return queries.notifications(
                db, state=state, alert_id=alert_id, notifier=notifier, after=after, limit=limit
            )

    def attempts(self, message_id: str) -> tuple[Attempt, ...]:
        """Every try to deliver one message."""
        with self._reading() as db:
            return queries.attempts(db, message_id)

    def counts(self) -> dict[str, Counts]:
        """The outbox per notifier, for the metrics."""
        with self._reading() as db:
            return outbox.counts(db)

    def due(self, now_ms: int, gather_ms: int) -> dict[str, int]:
        """When each notifier has something to claim next; a time that is past means now."""
        with self._reading() as db:
            return outbox.due(db, now_ms, gather_ms)

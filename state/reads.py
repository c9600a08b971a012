"""The part of the Store that only reads: every method one bounded query with its errors told."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection

from sqlite_utils import Database

from rules.outcome import Transition
from rules.world import Account, ExchangeState
from state import history, ordered, outbox, queries, reconciled, record, traces
from state.errors import telling
from state.history import Happened
from state.ordered import MessageRow, SilenceRow
from state.orders import Order
from state.outbox import Counts
from state.queries import BREAK_TYPE, AlertFilter, AlertRow, Attempt, BalanceRow, NotificationRow, Page
from state.reconciled import BooksRow
from state.record import RecordFilter
from state.traces import Held, Trace

PAGE_ROWS = 100


class Reads:
    """What commands, pages and metrics ask. Pages: pass `Page.after` back as `after` for the next one."""

    path: Path
    _db: Database

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with telling("read", self.path):
            yield self._db.conn

    @property
    def connection(self) -> Connection:
        """For whoever looks after SQLite's own affairs, on the thread of the store."""
        return self._db.conn

    def alerts(
        self, state: str | None = None, *, after: str | None = None, limit: int = PAGE_ROWS
    ) -> Page[AlertRow]:
        """Alerts, the newest first: of one state, the "open" ones, or all."""
        return self.alerts_where(AlertFilter(state), after=after, limit=limit)

    def alerts_where(
        self, wanted: AlertFilter, *, after: str | None = None, limit: int = PAGE_ROWS
    ) -> Page[AlertRow]:
        """Alerts that meet all of a filter, the newest first."""
        with self._reading() as db:
            return queries.alerts(db, wanted=wanted, after=after, limit=limit)

    def breaks(
        self, wanted: AlertFilter, *, after: str | None = None, limit: int = PAGE_ROWS
    ) -> Page[AlertRow]:
        """The alerts that are breaks, the newest first."""
        return self.alerts_where(replace(wanted, type=BREAK_TYPE), after=after, limit=limit)

    def told_open(self, notifier: str) -> frozenset[str]:
        """The ids of the open alerts that this notifier was told of."""
        with self._reading() as db:
            return queries.told_open(db, notifier)

    def alert(self, alert_id: str) -> AlertRow | None:
        """One alert, open or ended."""
        with self._reading() as db:
            return queries.alert(db, alert_id)

    def transitions(self, alert_id: str) -> tuple[Transition, ...]:
        """The life of one alert, from its begin."""
        with self._reading() as db:
            return queries.transitions(db, alert_id)

    def accounts(
        self,
        exchange: str | None = None,
        name: str | None = None,
        *,
        after: str | None = None,
        limit: int = PAGE_ROWS,
    ) -> Page[Account]:
        """Accounts in the order in which they became known; `name` is a part of any name, or a whole key."""
        with self._reading() as db:
            return queries.accounts(db, exchange=exchange, name=name, after=after, limit=limit)

    def account(self, key: int) -> Account | None:
        """One account by our own key."""
        with self._reading() as db:
            return queries.account(db, key)

    def last_fired(self) -> dict[str, int]:
        """When each rule fired last, by its name."""
        with self._reading() as db:
            return queries.last_fired(db)

    def trace(self, account: int, asset: str, since_ms: int) -> tuple[Trace, ...]:
        """What one asset of one account was since a time, wallet by wallet."""
        with self._reading() as db:
            return traces.trace(db, account, asset, since_ms)

    def held_by(self, accounts: Sequence[int], since_ms: int, most: int) -> dict[int, Held]:
        """At most `most` balances of each of these accounts, the last changed first, with their course."""
        with self._reading() as db:
            return {key: traces.held(db, key, since_ms, most) for key in accounts}

    def exchanges(self) -> tuple[ExchangeState, ...]:
        """Every exchange with what is known of it, by name."""
        with self._reading() as db:
            return queries.exchanges(db)

    def books(self) -> tuple[BooksRow, ...]:
        """The user's books that rules compare, by name: whether they can be read."""
        with self._reading() as db:
            return reconciled.books(db)

    def assets(self) -> tuple[tuple[str, str], ...]:
        """(exchange, coin) of every coin that was ever read there."""
        with self._reading() as db:
            return queries.assets(db)

    def balances(
        self,
        exchange: str | None = None,
        accounts: Sequence[int] | None = None,
        asset: str | None = None,
        wallet: str | None = None,
        *,
        after: str | None = None,
        limit: int = PAGE_ROWS,
    ) -> Page[BalanceRow]:
        """The last known quantities, with the end of the reading that showed them."""
        with self._reading() as db:
            return queries.balances(
                db,
                exchange=exchange,
                accounts=accounts,
                asset=asset,
                wallet=wallet,
                after=after,
                limit=limit,
            )

    def balance_count(self) -> int:
        """How many balances are known."""
        with self._reading() as db:
            return queries.balance_count(db)

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

    def messages_of(self, ident: str) -> tuple[MessageRow, ...]:
        """The message of that id, or those that carry the alert of that id."""
        with self._reading() as db:
            return ordered.messages_of(db, ident)

    def silences(self, *, after: str | None = None, limit: int = PAGE_ROWS) -> Page[SilenceRow]:
        """Those that people made, the newest first, with what became of them."""
        with self._reading() as db:
            return ordered.silences(db, after=after, limit=limit)

    def silence_row(self, silence_id: str) -> SilenceRow | None:
        """One that a person made."""
        with self._reading() as db:
            return ordered.silence_row(db, silence_id)

    def orders_of(self, subject: str) -> tuple[Order, ...]:
        """What people ordered about one id."""
        with self._reading() as db:
            return ordered.orders_of(db, subject)

    def history(
        self, alerts: Collection[str] | None = None, *, since_ms: int = 0, limit: int = PAGE_ROWS
    ) -> tuple[Happened, ...]:
        """The last things that happened, the oldest first: to some alerts, or to all."""
        with self._reading() as db:
            return history.history(db, alerts=alerts, since_ms=since_ms, limit=limit)

    def record(
        self, wanted: RecordFilter, *, after: str | None = None, limit: int = PAGE_ROWS
    ) -> Page[Happened]:
        """What happened and meets a filter, the newest first."""
        with self._reading() as db:
            return record.record(db, wanted=wanted, after=after, limit=limit)

    def alerts_of_accounts(self, accounts: Sequence[int]) -> frozenset[str]:
        """The ids of every alert about these accounts that is on record."""
        with self._reading() as db:
            return history.alerts_of_accounts(db, accounts)

    def counts(self) -> dict[str, Counts]:
        """The outbox per notifier, for the metrics."""
        with self._reading() as db:
            return outbox.counts(db)

    def due(self, now_ms: int, gather_ms: int) -> dict[str, int]:
        """When each notifier has something to claim next; a time that is past means now."""
        with self._reading() as db:
            return outbox.due(db, now_ms, gather_ms)

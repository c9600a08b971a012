"""What the commands and the web pages read: bounded pages of plain values."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Generic, TypeVar

from rules.facts import Facts
from rules.outcome import Notification, Transition
from rules.records import Note
from rules.world import Account, Alert, ExchangeState
from state.codec import from_json, to_json

T = TypeVar("T")

MOST_ROWS: Final = 1000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows; `after` is the cursor that asks for the next ones, None on the last page."""

    rows: tuple[T, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert as last judged. `state` is pending, firing, resolved or closed; `ending` the facts of its end.

    `notes` are what people wrote about it, the oldest first; also those that the engine has yet to hear of.
    """

    alert: Alert
    state: str
    ended_ms: int | None
    reason: str
    ending: Facts | None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """The last known quantities of one asset; an amount of None or "" is not known, which is not zero."""

    account: int
    exchange: str
    label: str
    wallet: str
    asset: str
    amounts: Mapping[str, str | None]
    changed_ms: int
    read_ms: int


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """One outbox row. `state` is queued, claimed, delivered, dead or cancelled; `message` once claimed."""

    id: int
    notification: Notification
    state: str
    message: str | None
    attempts: int
    reason: str
    settled_ms: int | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver: `outcome` is delivered, failed, unknown or dead, `reason` in words."""

    message: str
    notifier: str
    at_ms: int
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts are meant; None is any. `state` may also be "open"."""

    state: str | None = None
    exchange: str | None = None
    accounts: tuple[int, ...] | None = None
    rule: str | None = None
    severity: str | None = None
    type: str | None = None


BREAK_TYPE: Final = "reconciliation"
"""The type of rule whose alerts are breaks."""


_ALERT: Final = (
    "SELECT seq, state, ended_ms, reason, ending, body, (SELECT json_group_array(json_array(seq, at_ms, by, body))"
    " FROM orders WHERE kind = 'note' AND subject = alerts.id) FROM alerts"
)


def alerts(db: sqlite3.Connection, *, wanted: AlertFilter, after: str | None, limit: int) -> Page[AlertRow]:
    """The newest first."""
    found = db.execute(
        f"{_ALERT} WHERE seq < :after"  # noqa: S608  our own text
        " AND (:state IS NULL OR state = :state OR (:state = 'open' AND ended_ms IS NULL))"
        " AND (:exchange IS NULL OR exchange = :exchange) AND (:rule IS NULL OR rule = :rule)"
        " AND (:severity IS NULL OR severity = :severity)"
        # An AlertKey is a tuple of rule and subject, which is one of exchange and account.
        " AND (:accounts IS NULL OR json_extract(key, '$[1][1]') IN (SELECT value FROM json_each(:accounts)))"
        " AND (:type IS NULL OR json_extract(body, '$.type') = :type)"
        " ORDER BY seq DESC LIMIT :limit",
        {
            **asdict(wanted),
            "accounts": _listed(wanted.accounts),
            "after": _newest(after),
            "limit": bounded(limit),
        },
    ).fetchall()
    return Page(tuple(_alert(*row[1:]) for row in found), _cursor(found, limit))


def alert(db: sqlite3.Connection, alert_id: str) -> AlertRow | None:
    """One alert by its id, open or ended."""
    found = db.execute(f"{_ALERT} WHERE id = ?", (alert_id,)).fetchone()
    return None if found is None else _alert(*found[1:])


def transitions(db: sqlite3.Connection, alert_id: str) -> tuple[Transition, ...]:
    """The life of one alert, from its begin; of a very long one the last part."""
    found = db.execute(
        "SELECT body FROM transitions WHERE alert = ? ORDER BY seq DESC LIMIT ?", (alert_id, MOST_ROWS)
    ).fetchall()
    return tuple(from_json(Transition, body) for (body,) in reversed(found))


def told_open(db: sqlite3.Connection, notifier: str) -> frozenset[str]:
    """The ids of the open alerts of which something was delivered to this notifier."""
    found = db.execute(
        "SELECT id FROM alerts AS a WHERE ended_ms IS NULL AND EXISTS (SELECT 1 FROM notifications AS n"
        " WHERE n.alert = a.id AND n.notifier = ? AND n.state = 'delivered')",
        (notifier,),
    )
    return frozenset(str(ident) for (ident,) in found)


def accounts(
    db: sqlite3.Connection, *, exchange: str | None, name: str | None, after: str | None, limit: int
) -> Page[Account]:
    """In the order of their keys. `name` is a part of any of their names, without case, or a whole key."""
    found = db.execute(
        "SELECT key, body FROM accounts WHERE key > :after AND (:exchange IS NULL OR exchange = :exchange)"
        " AND (:name IS NULL OR CAST(key AS TEXT) = :name OR instr(lower("
        "   coalesce(email, '') || char(10) || coalesce(name, '') || char(10) || coalesce(alias, '') || char(10)"
        "   || coalesce(venue_id, '')), lower(:name)) > 0)"
        " ORDER BY key LIMIT :limit",
        {
            "after": int((after or "0").partition(".")[0]),
            "exchange": exchange,
            "name": name,
            "limit": bounded(limit),
        },
    ).fetchall()
    return Page(tuple(from_json(Account, body) for _, body in found), _cursor(found, limit))


def account(db: sqlite3.Connection, key: int) -> Account | None:
    """One account by our own key."""
    found = db.execute("SELECT body FROM accounts WHERE key = ?", (key,)).fetchone()
    return None if found is None else from_json(Account, found[0])


def last_fired(db: sqlite3.Connection) -> dict[str, int]:
    """When each rule fired last, by its name: as far as alerts are kept."""
    return dict(
        db.execute(
            "SELECT rule, max(coalesce(fired_ms, since_ms)) FROM alerts WHERE state <> 'pending' GROUP BY rule"
        )
    )


def exchanges(db: sqlite3.Connection) -> tuple[ExchangeState, ...]:
    """By name; there are never many."""
    return tuple(
        from_json(ExchangeState, body) for (body,) in db.execute("SELECT body FROM exchanges ORDER BY name")
    )


def assets(db: sqlite3.Connection) -> tuple[tuple[str, str], ...]:
    """(exchange, coin) of every coin that was ever read there."""
    return tuple(
        db.execute(
            "SELECT DISTINCT a.exchange, c.text FROM (SELECT DISTINCT account, asset FROM balances) AS b"
            " JOIN accounts AS a ON a.key = b.account JOIN names AS c ON c.id = b.asset ORDER BY 1, 2"
        )
    )


_BALANCES: Final = (
    "SELECT b.account, b.wallet, b.asset, a.exchange, a.label, w.text, c.text, f.text, b.amounts,"
    " b.changed_ms, h.ended_ms FROM balances AS b"
    " JOIN accounts AS a ON a.key = b.account"
    " JOIN holdings AS h ON h.account = b.account AND h.wallet = b.wallet"
    " JOIN names AS w ON w.id = b.wallet"
    " JOIN names AS c ON c.id = b.asset"
    " JOIN names AS f ON f.id = h.fields"
    " WHERE (b.account, b.wallet, b.asset) > (:account, :wallet_id, :asset_id)"
    " AND (:exchange IS NULL OR a.exchange = :exchange)"
    " AND (:asset IS NULL OR b.asset IN (SELECT id FROM names WHERE text = :asset COLLATE NOCASE))"
    " AND (:wallet IS NULL OR b.wallet IN (SELECT id FROM names WHERE text = :wallet COLLATE NOCASE))"
)
_OF_ACCOUNTS: Final = " AND b.account IN (SELECT value FROM json_each(:accounts))"
_IN_ORDER: Final = " ORDER BY b.account, b.wallet, b.asset LIMIT :limit"
_ALL_BALANCES: Final = _BALANCES + _IN_ORDER
_SOME_BALANCES: Final = _BALANCES + _OF_ACCOUNTS + _IN_ORDER


def balances(
    db: sqlite3.Connection,
    *,
    exchange: str | None,
    accounts: Sequence[int] | None,
    asset: str | None,
    wallet: str | None,
    after: str | None,
    limit: int,
) -> Page[BalanceRow]:
    """By account, wallet and asset as the database numbers them. `asset` and `wallet` are compared without case."""
    place = [int(part) for part in after.split(".")] if after else []
    place += [0] * (3 - len(place))
    asked = {
        **dict(zip(("account", "wallet_id", "asset_id"), place, strict=True)),
        "exchange": exchange,
        "accounts": _listed(accounts),
        "asset": asset,
        "wallet": wallet,
        "limit": bounded(limit),
    }
    found = db.execute(_ALL_BALANCES if accounts is None else _SOME_BALANCES, asked).fetchall()
    rows = tuple(_balance(row) for row in found)
    last = ".".join(str(part) for part in found[-1][:3]) if len(found) == bounded(limit) else None
    return Page(rows, last)


def balance_count(db: sqlite3.Connection) -> int:
    """How many balances are known."""
    return int(db.execute("SELECT count(*) FROM balances").fetchone()[0])


def notifications(
    db: sqlite3.Connection,
    *,
    state: str | None,
    alert_id: str | None,
    notifier: str | None,
    after: str | None,
    limit: int,
) -> Page[NotificationRow]:
    """The newest first."""
    found = db.execute(
        "SELECT n.id, n.body, n.state, n.message, coalesce(m.attempts, 0), coalesce(m.reason, ''),"
        " n.settled_ms"
        " FROM notifications AS n LEFT JOIN messages AS m ON m.id = n.message WHERE n.id < :after"
        " AND (:state IS NULL OR n.state = :state) AND (:alert IS NULL OR n.alert = :alert)"
        " AND (:notifier IS NULL OR n.notifier = :notifier) ORDER BY n.id DESC LIMIT :limit",
        {
            "after": _newest(after),
            "state": state,
            "alert": alert_id,
            "notifier": notifier,
            "limit": bounded(limit),
        },
    ).fetchall()
    rows = tuple(
        NotificationRow(number, from_json(Notification, body), *rest) for number, body, *rest in found
    )
    return Page(rows, _cursor(found, limit))


def attempts(db: sqlite3.Connection, message: str) -> tuple[Attempt, ...]:
    """Every try to deliver one message, from the first; of very many the last."""
    found = db.execute(
        "SELECT message, notifier, at_ms, outcome, reason FROM attempts WHERE message = ?"
        " ORDER BY seq DESC LIMIT ?",
        (message, MOST_ROWS),
    ).fetchall()
    return tuple(Attempt(*row) for row in reversed(found))


def _alert(
    state: str, ended_ms: int | None, reason: str, ending: str | None, body: str, notes: str
) -> AlertRow:
    told = None if ending is None else from_json(Facts, ending)
    written = sorted(from_json(tuple[tuple[int, int, str, str], ...], notes)) if notes != "[]" else ()
    every = tuple(Note(at_ms, by, text) for _, at_ms, by, text in written)
    return AlertRow(from_json(Alert, body), state, ended_ms, reason, told, every)


def _balance(found: tuple[Any, ...]) -> BalanceRow:
    account, _, _, exchange, label, wallet, asset, fields, amounts, changed_ms, read_ms = found
    names = from_json(tuple[str, ...], fields)
    known = dict(zip(names, from_json(tuple[str | None, ...], amounts), strict=False))
    return BalanceRow(account, exchange, label, wallet, asset, known, changed_ms, read_ms)


def bounded(limit: int) -> int:
    """How many rows one page may have."""
    return max(1, min(limit, MOST_ROWS))


def _listed(keys: Sequence[int] | None) -> str | None:
    """For json_each."""
    return None if keys is None else to_json(list(keys))


def _newest(after: str | None) -> int:
    return int(after.partition(".")[0]) if after else 2**63 - 1


def _cursor(found: list[tuple[object, ...]], limit: int) -> str | None:
    return str(found[-1][0]) if len(found) == bounded(limit) else None

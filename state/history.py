"""The record of what happened and who did it: transitions, notifications, attempts and orders in one time order."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rules.outcome import Notification, Transition
from rules.ruleset import Silence
from rules.silences import covers
from rules.world import Alert
from state.codec import from_json, to_json
from state.orders import Order
from state.queries import Attempt, NotificationRow

HISTORY_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt to deliver a message, with the alerts that it carries."""

    attempt: Attempt
    alerts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of the record."""

    at_ms: int
    what: Transition | NotificationRow | Tried | Order


def history(
    db: sqlite3.Connection, *, alerts: Collection[str] | None, since_ms: int, limit: int
) -> tuple[Happened, ...]:
    """The last `limit` things that happened since, the oldest first; of some alerts, or of all.

    With `alerts` also the orders about them: acks, retries of their messages, silences that cover them.
    """
    limit = max(1, min(limit, HISTORY_MOST))
    asked: dict[str, object] = {
        "since": since_ms,
        "limit": limit,
        "alerts": None if alerts is None else to_json(sorted(alerts)),
    }
    found = [*_transitions(db, asked), *_notifications(db, asked), *_attempts(db, asked)]
    found += _orders(db, asked, alerts)
    # A stable sort: of one millisecond the verdict stands before what followed from it.
    return tuple(sorted(found, key=lambda one: one.at_ms)[-limit:])


def alerts_of_accounts(db: sqlite3.Connection, accounts: Sequence[int]) -> frozenset[str]:
    """The ids of every alert about these accounts that is still on record."""
    # An AlertKey is a tuple of rule and subject, which is one of exchange and account.
    found = db.execute(
        "SELECT id FROM alerts WHERE json_extract(key, '$[1][1]')"
        " IN (SELECT value FROM json_each(:accounts)) UNION"
        " SELECT alert FROM transitions WHERE json_extract(body, '$.key[1][1]')"
        " IN (SELECT value FROM json_each(:accounts))",
        {"accounts": to_json(list(accounts))},
    )
    return frozenset(str(ident) for (ident,) in found)


def _transitions(db: sqlite3.Connection, asked: dict[str, object]) -> Iterator[Happened]:
    found = db.execute(
        "SELECT at_ms, body FROM transitions WHERE at_ms >= :since"
        " AND (:alerts IS NULL OR alert IN (SELECT value FROM json_each(:alerts)))"
        " ORDER BY at_ms DESC, seq DESC LIMIT :limit",
        asked,
    ).fetchall()
    for at_ms, body in reversed(found):
        yield Happened(at_ms, from_json(Transition, body))


def _notifications(db: sqlite3.Connection, asked: dict[str, object]) -> Iterator[Happened]:
    found = db.execute(
        "SELECT n.created_ms, n.id, n.body, n.state, n.message, coalesce(m.attempts, 0),"
        " coalesce(m.reason, ''), n.settled_ms"
        " FROM notifications AS n LEFT JOIN messages AS m ON m.id = n.message WHERE n.created_ms >= :since"
        " AND (:alerts IS NULL OR n.alert IN (SELECT value FROM json_each(:alerts)))"
        " ORDER BY n.id DESC LIMIT :limit",
        asked,
    ).fetchall()
    for at_ms, number, body, *rest in reversed(found):
        yield Happened(at_ms, NotificationRow(number, from_json(Notification, body), *rest))


def _attempts(db: sqlite3.Connection, asked: dict[str, object]) -> Iterator[Happened]:
    found = db.execute(
        "SELECT message, notifier, at_ms, outcome, reason,"
        " (SELECT json_group_array(DISTINCT alert) FROM notifications AS n"
        "  WHERE n.message = a.message AND alert <> '') FROM attempts AS a WHERE at_ms >= :since"
        " AND (:alerts IS NULL OR message IN (SELECT message FROM notifications"
        "  WHERE alert IN (SELECT value FROM json_each(:alerts))))"
        " ORDER BY seq DESC LIMIT :limit",
        asked,
    ).fetchall()
    for *attempt, alerts in reversed(found):
        tried = Attempt(*attempt)
        yield Happened(tried.at_ms, Tried(tried, from_json(tuple[str, ...], alerts)))


def _orders(
    db: sqlite3.Connection, asked: dict[str, object], alerts: Collection[str] | None
) -> list[Happened]:
    found = db.execute(
        "SELECT seq, at_ms, kind, subject, by, body FROM orders WHERE at_ms >= :since"
        " ORDER BY seq DESC LIMIT :most",
        {**asked, "most": HISTORY_MOST},
    ).fetchall()
    orders = [Order(*row) for row in reversed(found)]
    if alerts is not None:
        wanted = _subjects(db, asked, set(alerts))
        orders = [order for order in orders if order.subject in wanted]
    return [Happened(order.at_ms, order) for order in orders]


def _subjects(db: sqlite3.Connection, asked: dict[str, object], alerts: set[str]) -> set[str]:
    """What an order about these alerts is about: themselves, their messages, the silences that cover them."""
    messages = db.execute(
        "SELECT DISTINCT message FROM notifications WHERE message IS NOT NULL"
        " AND alert IN (SELECT value FROM json_each(:alerts))",
        asked,
    )
    wanted = alerts | {str(message) for (message,) in messages}
    bodies = db.execute("SELECT body FROM alerts WHERE id IN (SELECT value FROM json_each(:alerts))", asked)
    known = [from_json(Alert, body) for (body,) in bodies]
    for ident, body in db.execute("SELECT id, body FROM silences"):
        made = from_json(Silence, body)
        if any(covers(made, alert.id, alert.facts) for alert in known):
            wanted.add(str(ident))
    return wanted

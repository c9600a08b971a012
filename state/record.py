"""The record of what happened by pages, the newest first: the same things as `state.history`, with a place each."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from rules.outcome import Notification, Transition
from state.codec import from_json, to_json
from state.history import Happened, Tried
from state.orders import Order
from state.queries import Attempt, NotificationRow, Page, bounded

Place = tuple[int, int, int]
"""When, which table, which row: one order over four tables, newest first."""

_END: Final[Place] = (2**63 - 1, 0, 0)


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which part of the record is meant; None is all of it. `kind` is one of KINDS."""

    alerts: tuple[str, ...] | None = None
    since_ms: int = 0
    kind: str | None = None


def record(db: sqlite3.Connection, *, wanted: RecordFilter, after: str | None, limit: int) -> Page[Happened]:
    """Everything on record that meets the filter, the newest first; of one millisecond in the order of the tables."""
    limit = bounded(limit)
    at, table, seq = _place(after)
    asked: dict[str, object] = {
        "at": at,
        "table": table,
        "seq": seq,
        "since": wanted.since_ms,
        "limit": limit,
        "alerts": None if wanted.alerts is None else to_json(sorted(wanted.alerts)),
        "kind": wanted.kind,
    }
    found: list[tuple[Place, Happened]] = []
    for rank, read in enumerate((_transitions, _notifications, _attempts, _orders)):
        if wanted.kind is None or wanted.kind in _KINDS[rank]:
            found += read(db, asked, rank)
    found.sort(key=lambda one: one[0], reverse=True)
    shown = found[:limit]
    last = ".".join(map(str, shown[-1][0])) if len(shown) == limit else None
    return Page(tuple(happened for _, happened in shown), last)


_KINDS: Final[tuple[Collection[str], ...]] = (
    frozenset({"transition"}),
    frozenset({"notification"}),
    frozenset({"attempt"}),
    frozenset({"ack", "note", "silence", "unsilence", "retry", "rules"}),
)
KINDS: Final = tuple(sorted(kind for kinds in _KINDS for kind in kinds))


def _place(after: str | None) -> Place:
    """Where the page before ended."""
    if not after:
        return _END
    at, table, seq, *_ = (*(int(part) for part in after.split(".")), 0, 0)
    return at, table, seq


def _transitions(db: sqlite3.Connection, asked: dict[str, object], rank: int) -> list[tuple[Place, Happened]]:
    rows = db.execute(
        "SELECT seq, at_ms, body FROM transitions WHERE at_ms >= :since"
        " AND (at_ms < :at OR (at_ms = :at AND (:table > :rank OR (:table = :rank AND seq < :seq))))"
        " AND (:alerts IS NULL OR alert IN (SELECT value FROM json_each(:alerts)))"
        " ORDER BY at_ms DESC, seq DESC LIMIT :limit",
        {**asked, "rank": rank},
    )
    return [((at_ms, rank, seq), Happened(at_ms, from_json(Transition, body))) for seq, at_ms, body in rows]


def _notifications(
    db: sqlite3.Connection, asked: dict[str, object], rank: int
) -> list[tuple[Place, Happened]]:
    rows = db.execute(
        "SELECT n.created_ms, n.id, n.body, n.state, n.message, coalesce(m.attempts, 0),"
        " coalesce(m.reason, ''), n.settled_ms"
        " FROM notifications AS n LEFT JOIN messages AS m ON m.id = n.message WHERE n.created_ms >= :since"
        " AND (n.created_ms < :at OR (n.created_ms = :at AND (:table > :rank OR (:table = :rank AND n.id < :seq))))"
        " AND (:alerts IS NULL OR n.alert IN (SELECT value FROM json_each(:alerts)))"
        " ORDER BY n.created_ms DESC, n.id DESC LIMIT :limit",
        {**asked, "rank": rank},
    )
    return [
        (
            (at_ms, rank, number),
            Happened(at_ms, NotificationRow(number, from_json(Notification, body), *rest)),
        )
        for at_ms, number, body, *rest in rows
    ]


def _attempts(db: sqlite3.Connection, asked: dict[str, object], rank: int) -> list[tuple[Place, Happened]]:
    rows = db.execute(
        "SELECT seq, message, notifier, at_ms, outcome, reason,"
        " (SELECT json_group_array(DISTINCT alert) FROM notifications AS n"
        "  WHERE n.message = a.message AND alert <> '') FROM attempts AS a WHERE at_ms >= :since"
        " AND (at_ms < :at OR (at_ms = :at AND (:table > :rank OR (:table = :rank AND seq < :seq))))"
        " AND (:alerts IS NULL OR message IN (SELECT message FROM notifications"
        "  WHERE alert IN (SELECT value FROM json_each(:alerts))))"
        " ORDER BY at_ms DESC, seq DESC LIMIT :limit",
        {**asked, "rank": rank},
    )
    found = []
    for seq, *attempt, alerts in rows:
        tried = Attempt(*attempt)
        happened = Happened(tried.at_ms, Tried(tried, from_json(tuple[str, ...], alerts)))
        found.append(((tried.at_ms, rank, seq), happened))
    return found


def _orders(db: sqlite3.Connection, asked: dict[str, object], rank: int) -> list[tuple[Place, Happened]]:
    rows = db.execute(
        "SELECT seq, at_ms, kind, subject, by, body FROM orders WHERE at_ms >= :since"
        " AND (at_ms < :at OR (at_ms = :at AND (:table > :rank OR (:table = :rank AND seq < :seq))))"
        " AND kind IN ('ack', 'note', 'silence', 'unsilence', 'retry', 'rules') AND (:kind IS NULL OR kind = :kind)"
        # Of some alerts: themselves and their messages. A silence names patterns; it is about none of them.
        " AND (:alerts IS NULL OR subject IN (SELECT value FROM json_each(:alerts)) OR subject IN"
        "  (SELECT message FROM notifications WHERE alert IN (SELECT value FROM json_each(:alerts))))"
        " ORDER BY at_ms DESC, seq DESC LIMIT :limit",
        {**asked, "rank": rank},
    )
    return [((row[1], rank, row[0]), Happened(row[1], Order(*row))) for row in rows]

"""What people order: acks, notes, silences and retries. Durable when the command returns, on record with its author."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rules.ids import derive
from rules.model import Acked, Noted, SilenceEnded
from rules.ruleset import Silence, SilenceMade
from state.codec import from_json, to_json

ORDERS_MOST: Final = 500

NOTES_MOST: Final = 100
"""Of one alert."""


@dataclass(frozen=True, slots=True)
class Order:
    """One line of the record: `subject` is the id that it is about.

    `kind` is ack, note, silence, unsilence, retry or rules. Of a note `body` is its text. Of rules, taken up from the
    file, `subject` is the digest and `body` says what changed.
    """

    seq: int
    at_ms: int
    kind: str
    subject: str
    by: str
    body: str


def ack(db: sqlite3.Connection, alert: str, by: str, now_ms: int) -> bool:
    """False where no alert of that id is firing. In a transaction."""
    firing = db.execute(
        "SELECT 1 FROM alerts WHERE id = ? AND state = 'firing' AND ended_ms IS NULL", (alert,)
    )
    if firing.fetchone() is None:
        return False
    _put(db, now_ms, "ack", alert, by, "")
    return True


def note(db: sqlite3.Connection, alert: str, text: str, by: str, now_ms: int) -> bool:
    """False where the alert, which is on record, has NOTES_MOST notes. In a transaction."""
    count = db.execute("SELECT count(*) FROM orders WHERE kind = 'note' AND subject = ?", (alert,))
    if count.fetchone()[0] >= NOTES_MOST:
        return False
    _put(db, now_ms, "note", alert, by, text)
    return True


def silence(db: sqlite3.Connection, made: Silence, now_ms: int) -> Silence:
    """The silence under the id it got. In a transaction."""
    count = db.execute("SELECT count(*) FROM silences").fetchone()[0]
    taken = {row[0] for row in db.execute("SELECT id FROM silences")}
    ident = derive("S", f"{count}\x1f{now_ms}\x1f{to_json(made)}", taken.__contains__)
    named = Silence(
        ident, **{name: getattr(made, name) for name in Silence.__dataclass_fields__ if name != "id"}
    )
    db.execute("INSERT INTO silences (id, made_ms, body) VALUES (?, ?, ?)", (ident, now_ms, to_json(named)))
    _put(db, now_ms, "silence", ident, made.by, to_json(named))
    return named


def unsilence(db: sqlite3.Connection, ident: str, by: str, now_ms: int) -> bool:
    """False where there is none of that id, or it is over. In a transaction."""
    if all(one.id != ident for one in live_silences(db, now_ms)):
        return False
    db.execute("UPDATE silences SET ended_ms = ? WHERE id = ?", (now_ms, ident))
    _put(db, now_ms, "unsilence", ident, by, "")
    return True


_LIVE: Final = (
    "SELECT body FROM silences AS s WHERE ended_ms IS NULL"
    " AND coalesce(json_extract(body, '$.until_ms'), 9223372036854775807) > ?"
    " AND (coalesce(json_extract(body, '$.until_resolved'), '') = '' OR EXISTS"
    "  (SELECT 1 FROM alerts AS a WHERE a.id = json_extract(s.body, '$.until_resolved') AND a.ended_ms IS NULL))"
    " ORDER BY made_ms, id"
)


def live_silences(db: sqlite3.Connection, now_ms: int) -> list[Silence]:
    """Those that people made, did not end, and whose time is not over; also the ones that have yet to begin."""
    return [from_json(Silence, body) for (body,) in db.execute(_LIVE, (now_ms,))]


def acked_since(db: sqlite3.Connection, alert: str) -> int | None:
    """When an alert was acked last; None where it never was."""
    found = db.execute(
        "SELECT max(at_ms) FROM orders WHERE kind = 'ack' AND subject = ?", (alert,)
    ).fetchone()
    return None if found[0] is None else int(found[0])


def orders_after(db: sqlite3.Connection, seq: int) -> list[Order]:
    """What was ordered since, the oldest first."""
    found = db.execute(
        "SELECT seq, at_ms, kind, subject, by, body FROM orders WHERE seq > ? ORDER BY seq LIMIT ?",
        (seq, ORDERS_MOST),
    )
    return [Order(*row) for row in found]


def inputs_of(orders: list[Order]) -> Iterator[Acked | Noted | SilenceMade | SilenceEnded]:
    """The orders that the engine hears of; a retry is the outbox's own, rules come with their text."""
    for order in orders:
        match order.kind:
            case "ack":
                yield Acked(order.at_ms, order.subject, order.by)
            case "note":
                yield Noted(order.at_ms, order.subject, order.by, order.body)
            case "silence":
                yield SilenceMade(order.at_ms, from_json(Silence, order.body))
            case "unsilence":
                yield SilenceEnded(order.at_ms, order.subject, order.by)


def record(db: sqlite3.Connection, now_ms: int, kind: str, subject: str, by: str, body: str = "") -> None:
    """Put an order of another kind on record. In a transaction."""
    _put(db, now_ms, kind, subject, by, body)


def _put(db: sqlite3.Connection, now_ms: int, kind: str, subject: str, by: str, body: str) -> None:
    db.execute(
        "INSERT INTO orders (at_ms, kind, subject, by, body) VALUES (?, ?, ?, ?, ?)",
        (now_ms, kind, subject, by, body),
    )

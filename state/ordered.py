"""What people ordered, and the messages that they may order to be sent again, as commands and pages read it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, Final

from rules.ruleset import Silence
from state.codec import from_json
from state.orders import Order
from state.queries import MOST_ROWS, Page, bounded

NEWEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message: `state` is sending, waiting, delivered, dead or cancelled."""

    id: str
    notifier: str
    state: str
    attempts: int
    reason: str
    settled_ms: int | None


@dataclass(frozen=True, slots=True)
class SilenceRow:
    """A silence that a person made, or without `made_ms` one of the file.

    `alert_open` is False where the alert that it lasts for has ended.
    """

    silence: Silence
    made_ms: int | None = None
    ended_ms: int | None = None
    ended_by: str = ""
    alert_open: bool = True


_SILENCES: Final = (
    "SELECT s.body, s.made_ms, s.ended_ms,"
    " coalesce((SELECT by FROM orders WHERE kind = 'unsilence' AND subject = s.id ORDER BY seq DESC LIMIT 1), ''),"
    " coalesce(json_extract(s.body, '$.until_resolved'), '') = '' OR EXISTS (SELECT 1 FROM alerts"
    "  WHERE id = json_extract(s.body, '$.until_resolved') AND ended_ms IS NULL), s.id FROM silences AS s"
)


def messages_of(db: sqlite3.Connection, ident: str) -> tuple[MessageRow, ...]:
    """The message of that id, or those that carry the alert of that id, the oldest first."""
    found = db.execute(
        "SELECT id, notifier, state, attempts, reason, settled_ms FROM messages WHERE id = :ident"
        " OR id IN (SELECT message FROM notifications WHERE alert = :ident) ORDER BY claimed_ms, id LIMIT :limit",
        {"ident": ident, "limit": MOST_ROWS},
    )
    return tuple(MessageRow(*row) for row in found)


def silences(db: sqlite3.Connection, *, after: str | None, limit: int) -> Page[SilenceRow]:
    """Every silence that people made, the newest first; those that are over too."""
    made_ms, _, ident = (after or f"{NEWEST}.").partition(".")
    found = db.execute(
        f"{_SILENCES} WHERE (s.made_ms, s.id) < (?, ?) ORDER BY s.made_ms DESC, s.id DESC LIMIT ?",
        (int(made_ms), ident, bounded(limit)),
    ).fetchall()
    last = f"{found[-1][1]}.{found[-1][5]}" if len(found) == bounded(limit) else None
    return Page(tuple(_silence(row) for row in found), last)


def silence_row(db: sqlite3.Connection, ident: str) -> SilenceRow | None:
    """One silence that a person made."""
    found = db.execute(f"{_SILENCES} WHERE s.id = ?", (ident,)).fetchone()
    return None if found is None else _silence(found)


def orders_of(db: sqlite3.Connection, subject: str) -> tuple[Order, ...]:
    """What people ordered about one id, from the first; of very much the last."""
    found = db.execute(
        "SELECT seq, at_ms, kind, subject, by, body FROM orders WHERE subject = :subject"
        " AND kind IN ('ack', 'note', 'silence', 'unsilence', 'retry') ORDER BY seq DESC LIMIT :limit",
        {"subject": subject, "limit": MOST_ROWS},
    ).fetchall()
    return tuple(Order(*row) for row in reversed(found))


def _silence(found: tuple[Any, ...]) -> SilenceRow:
    body, made_ms, ended_ms, ended_by, alert_open, _ = found
    return SilenceRow(from_json(Silence, body), made_ms, ended_ms, ended_by, bool(alert_open))

"""What a silence or an ack holds back, asked inside the transaction that claims (DESIGN §2), never cached.

A silenced row waits. When the silence is over, what still fires is told as it now is; what ended meanwhile is
told to nobody. The end of an alert that was told goes out even under a silence. What is told only after its alert
has ended is told together with the end, also to a notifier that wants no ends: alone it would be untrue.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from rules.facts import Facts
from rules.outcome import Notification, NotificationKind
from rules.records import Alert
from rules.ruleset import Silence
from rules.silences import silenced_by
from state.codec import from_json, to_json
from state.orders import acked_since, live_silences
from state.prepared import Parameters

ENDS = frozenset({NotificationKind.RESOLVED, NotificationKind.CLOSED})
NUDGES = frozenset({NotificationKind.REMINDER, NotificationKind.ESCALATED})
WHILE_FIRING = NUDGES | {NotificationKind.FIRING, NotificationKind.RAISED}

Ended = tuple[Facts, NotificationKind, int]

PUT_NOTIFICATION: Final = (
    "INSERT INTO notifications (alert, notifier, batch, created_ms, body) VALUES (?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Brief:
    """Of a notification what nearly every claim asks for: to read all of it takes ten times as long."""

    alert: str
    notifier: str
    kind: NotificationKind
    created_ms: int


@dataclass(slots=True)
class Row:
    """One queued row; `muted` tells that a silence held it back before."""

    id: int
    told: Brief
    muted: bool
    body: str

    @property
    def whole(self) -> Notification:
        """All that is to be told."""
        return from_json(Notification, self.body)


@dataclass(frozen=True, slots=True)
class Asked:
    """What rows are sifted by: the silences of the file and of people, and the ends of alerts that have one."""

    db: sqlite3.Connection
    silences: list[Silence]
    ended: dict[str, Ended]
    now_ms: int


@dataclass(slots=True)
class Sifted:
    """What may go now, what waits for the end of a silence, what nobody need hear any more."""

    go: list[int] = field(default_factory=list)
    wait: list[int] = field(default_factory=list)
    drop: list[int] = field(default_factory=list)
    renewed: list[tuple[str, int]] = field(default_factory=list)  # (body, id)


def sift(db: sqlite3.Connection, ids: Sequence[int], silences: Sequence[Silence], now_ms: int) -> Sifted:
    """Sort queued rows of one notifier. In a transaction; writes what waits and what is dropped."""
    if not ids:
        return Sifted()
    found = db.execute(
        "SELECT id, muted, body FROM notifications WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (to_json(list(ids)),),
    )
    rows = [Row(number, from_json(Brief, body), bool(muted), body) for number, muted, body in found]
    asked = Asked(db, [*silences, *live_silences(db, now_ms)], _ended(db, ids), now_ms)
    sifted = Sifted()
    by_alert: dict[str, list[Row]] = {}
    for row in rows:
        by_alert.setdefault(row.told.alert, []).append(row)
    for alert, mine in by_alert.items():
        _sift_alert(asked, alert, mine, sifted)
    if sifted.wait:
        waits = [(one,) for one in sifted.wait]
        db.executemany("UPDATE notifications SET muted = 1 WHERE id = ? AND muted = 0", waits)
    if sifted.renewed:
        db.executemany("UPDATE notifications SET body = ? WHERE id = ?", sifted.renewed)
    if sifted.drop:
        dropped = [(now_ms, one) for one in sifted.drop]
        db.executemany("UPDATE notifications SET state = 'cancelled', settled_ms = ? WHERE id = ?", dropped)
    sifted.go.sort()
    return sifted


def all_acked(db: sqlite3.Connection, ids: Sequence[int]) -> bool:
    """Whether these rows, of which there is one, are all reminders and escalations that an ack made needless."""
    found = db.execute(
        "SELECT body FROM notifications WHERE id IN (SELECT value FROM json_each(?))", (to_json(list(ids)),)
    )
    return all(_is_acked(db, from_json(Brief, body)) for (body,) in found)


def _sift_alert(asked: Asked, alert: str, rows: list[Row], sifted: Sifted) -> None:
    """The rows of one alert stay in their order: one that waits holds back those behind it."""
    db, last = asked.db, rows[-1].told
    silenced = bool(alert and asked.silences) and (
        silenced_by(asked.silences, alert, rows[-1].whole.facts, asked.now_ms) is not None
    )
    muted = any(row.muted for row in rows)
    if any(row.told.kind in ENDS for row in rows):
        if muted or silenced:
            # The end goes to whoever was told that it fires, even now; what was held back is told no more.
            told = _was_told(db, alert, last.notifier)
            sifted.go += [row.id for row in rows if told and row.told.kind in ENDS]
            sifted.drop += [row.id for row in rows if not told or row.told.kind not in ENDS]
            return
    elif alert in asked.ended and last.kind in WHILE_FIRING and not _end_follows(db, alert, last):
        _too_late(asked, alert, rows, sifted, held_back=muted or silenced)
        return
    for row in rows:
        if _is_acked(db, row.told):
            sifted.drop.append(row.id)
        elif silenced and row.told.kind not in ENDS:
            sifted.wait.append(row.id)
        else:
            sifted.go.append(row.id)
    if muted and not silenced:
        _renew(db, alert, [row for row in rows if row.id in sifted.go], sifted)


def _is_acked(db: sqlite3.Connection, told: Brief) -> bool:
    """Whether a nudge is needless. The engine may have made it before it heard of the ack, but not after a raise."""
    acked_ms = acked_since(db, told.alert) if told.kind in NUDGES else None
    if acked_ms is None:
        return False
    raised = db.execute(
        "SELECT 1 FROM notifications WHERE alert = ? AND created_ms > ? AND created_ms <= ?"
        " AND json_extract(body, '$.kind') IN ('firing', 'raised') LIMIT 1",
        (told.alert, acked_ms, told.created_ms),
    )
    return raised.fetchone() is None


def _end_follows(db: sqlite3.Connection, alert: str, told: Brief) -> bool:
    """Whether the end is queued for the notifier, beyond the rows that are sifted now."""
    found = db.execute(
        "SELECT 1 FROM notifications WHERE alert = ? AND notifier = ? AND state IN ('queued', 'claimed')"
        " AND json_extract(body, '$.kind') IN ('resolved', 'closed') LIMIT 1",
        (alert, told.notifier),
    )
    return found.fetchone() is not None


def _too_late(asked: Asked, alert: str, rows: list[Row], sifted: Sifted, *, held_back: bool) -> None:
    """Rows of an alert that has ended, for a notifier whose ends are not told (`send_resolved`)."""
    news = [row for row in rows if row.told.kind not in NUDGES and not held_back]
    sifted.drop += [row.id for row in rows if row not in news]
    if not news:
        return
    facts, kind, ended_ms = asked.ended[alert]
    end = replace(news[-1].whole, kind=kind, facts=facts, created_ms=ended_ms, batch="")
    put = asked.db.execute(PUT_NOTIFICATION, put_parameters(end))
    sifted.go += [*(row.id for row in news), put.lastrowid or 0]


def _ended(db: sqlite3.Connection, ids: Sequence[int]) -> dict[str, Ended]:
    """Of the alerts of these rows, those that have ended, with the facts of their end."""
    found = db.execute(
        "SELECT id, state, ended_ms, ending, body FROM alerts WHERE ended_ms IS NOT NULL AND id IN"
        " (SELECT alert FROM notifications WHERE id IN (SELECT value FROM json_each(?)))",
        (to_json(list(ids)),),
    )
    return {
        alert: (
            from_json(Alert, body).facts if ending is None else from_json(Facts, ending),
            NotificationKind.CLOSED if state == "closed" else NotificationKind.RESOLVED,
            ended_ms,
        )
        for alert, state, ended_ms, ending, body in found
    }


def put_parameters(told: Notification) -> Parameters:
    """One row as PUT_NOTIFICATION takes it."""
    return told.alert, told.notifier, told.batch, told.created_ms, to_json(told)


def _was_told(db: sqlite3.Connection, alert: str, notifier: str) -> bool:
    found = db.execute(
        "SELECT 1 FROM notifications WHERE alert = ? AND notifier = ? AND state IN ('claimed', 'delivered') LIMIT 1",
        (alert, notifier),
    )
    return found.fetchone() is not None


def _renew(db: sqlite3.Connection, alert: str, rows: list[Row], sifted: Sifted) -> None:
    """After a silence one row is told, with the figures of now."""
    found = db.execute("SELECT body FROM alerts WHERE id = ? AND ended_ms IS NULL", (alert,)).fetchone()
    if found is None or not rows:
        return
    now = from_json(Alert, found[0])
    first, *others = rows
    told = replace(first.whole, facts=now.facts, severity=now.severity)
    sifted.renewed.append((to_json(told), first.id))
    for row in others:
        sifted.go.remove(row.id)
        sifted.drop.append(row.id)

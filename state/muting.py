"""What a silence or an ack holds back, asked inside the transaction that claims (DESIGN §2), never cached.

A silenced row waits. When the silence is over, what still fires is told as it now is; what ended meanwhile is
told to nobody. The end of an alert that was told goes out even under a silence.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rules.outcome import Notification, NotificationKind
from rules.records import Alert
from rules.ruleset import Silence
from rules.silences import silenced_by
from state.codec import from_json, to_json
from state.orders import acked_since, live_silences

ENDS = frozenset({NotificationKind.RESOLVED, NotificationKind.CLOSED})
NUDGES = frozenset({NotificationKind.REMINDER, NotificationKind.ESCALATED})


@dataclass(slots=True)
class Row:
    """One queued row; `muted` tells that a silence held it back before."""

    id: int
    told: Notification
    muted: bool


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
    rows = [Row(number, from_json(Notification, body), bool(muted)) for number, muted, body in found]
    every = [*silences, *live_silences(db, now_ms)]
    sifted = Sifted()
    by_alert: dict[str, list[Row]] = {}
    for row in rows:
        by_alert.setdefault(row.told.alert, []).append(row)
    for alert, mine in by_alert.items():
        _sift_alert(db, alert, mine, every, now_ms, sifted)
    db.executemany(
        "UPDATE notifications SET muted = 1 WHERE id = ? AND muted = 0", [(one,) for one in sifted.wait]
    )
    db.executemany("UPDATE notifications SET body = ? WHERE id = ?", sifted.renewed)
    db.executemany(
        "UPDATE notifications SET state = 'cancelled', settled_ms = ? WHERE id = ?",
        [(now_ms, one) for one in sifted.drop],
    )
    sifted.go.sort()
    return sifted


def _sift_alert(
    db: sqlite3.Connection, alert: str, rows: list[Row], silences: list[Silence], now_ms: int, sifted: Sifted
) -> None:
    """The rows of one alert stay in their order: one that waits holds back those behind it."""
    silenced = bool(alert) and silenced_by(silences, alert, rows[-1].told.facts, now_ms) is not None
    muted = any(row.muted for row in rows)
    if any(row.told.kind in ENDS for row in rows) and (muted or silenced):
        # The end goes to whoever was told that it fires, even now; what was held back is told no more.
        told = _was_told(db, alert, rows[0].told.notifier)
        sifted.go += [row.id for row in rows if told and row.told.kind in ENDS]
        sifted.drop += [row.id for row in rows if not told or row.told.kind not in ENDS]
        return
    acked = acked_since(db, alert)
    for row in rows:
        if row.told.kind in NUDGES and acked is not None and acked >= row.told.created_ms:
            sifted.drop.append(row.id)
        elif silenced and row.told.kind not in ENDS:
            sifted.wait.append(row.id)
        else:
            sifted.go.append(row.id)
    if muted and not silenced:
        _renew(db, alert, [row for row in rows if row.id in sifted.go], sifted)


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
    told = replace(first.told, facts=now.facts, severity=now.severity)
    sifted.renewed.append((to_json(told), first.id))
    for row in others:
        sifted.go.remove(row.id)
        sifted.drop.append(row.id)

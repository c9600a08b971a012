"""Which queued rows of the outbox a message may be made of now, in the order of their queue."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from rules.ruleset import Silence
from state.codec import to_json
from state.muting import sift


def claimable(
    db: sqlite3.Connection, notifier: str, now_ms: int, limit: int, silences: Sequence[Silence]
) -> list[int]:
    """Row ids in order that neither a silence nor an ack holds back; those held back block nobody behind them."""
    go: list[int] = []
    seen: set[int] = set()
    after = 0
    while len(go) < limit:
        page = _due_page(db, notifier, now_ms, limit, after)
        if not page:
            break
        after = page[-1].id
        rows = [row for row in _with_rest(db, notifier, now_ms, page) if row not in seen]
        seen.update(rows)
        go += sift(db, rows, silences, now_ms).go
        if len(page) < limit:
            break  # there are no others
    return sorted(go)


class _Due(NamedTuple):
    id: int
    alert: str
    batch: str


def _due_page(db: sqlite3.Connection, notifier: str, now_ms: int, limit: int, after: int) -> list[_Due]:
    """Rows in order. A row waits while an earlier one of its alert waits or is in an unsettled message."""
    found = db.execute(
        "SELECT id, alert, batch FROM notifications AS n WHERE notifier = :notifier AND state = 'queued'"
        " AND id > :after AND not_before_ms <= :now AND (alert = '' OR NOT EXISTS (SELECT 1 FROM notifications AS e"
        "  WHERE e.notifier = n.notifier AND e.alert = n.alert AND e.id < n.id"
        "  AND e.state IN ('queued', 'claimed') AND (e.state = 'claimed' OR e.not_before_ms > :now)))"
        " ORDER BY id LIMIT :limit",
        {"notifier": notifier, "now": now_ms, "limit": limit, "after": after},
    )
    return [_Due(*row) for row in found]


def _with_rest(db: sqlite3.Connection, notifier: str, now_ms: int, page: list[_Due]) -> list[int]:
    """The ids of a page, and of what is beyond it of the same batches and alerts: what an end says counts for all."""
    rows = [row.id for row in page]
    alerts = to_json(sorted({row.alert for row in page if row.alert}))
    rows += _rest(
        db,
        notifier,
        "SELECT id, alert FROM notifications WHERE notifier = :notifier AND state IN ('queued', 'claimed')"
        " AND state = 'queued' AND id > :last AND not_before_ms <= :now"
        " AND alert IN (SELECT value FROM json_each(:names)) ORDER BY id",
        {"notifier": notifier, "now": now_ms, "last": rows[-1], "names": alerts},
        set(rows),
    )
    for batch in {row.batch for row in page if row.batch}:
        rows += _rest(
            db,
            notifier,
            "SELECT id, alert FROM notifications WHERE batch = :batch AND notifier = :notifier AND state = 'queued'"
            " AND not_before_ms <= :now ORDER BY id",
            {"notifier": notifier, "now": now_ms, "batch": batch},
            set(rows),
        )
    return sorted(rows)


def _rest(
    db: sqlite3.Connection, notifier: str, query: str, given: dict[str, object], chosen: set[int]
) -> list[int]:
    """Rows beyond the page: they go too, but never before an earlier row of their alert."""
    added: set[int] = set()
    for row, alert in db.execute(query, given).fetchall():
        earlier = db.execute(
            "SELECT id FROM notifications WHERE notifier = ? AND alert = ? AND id < ? AND alert <> ''"
            " AND state IN ('queued', 'claimed')",
            (notifier, alert, row),
        )
        if row not in chosen and all(other in chosen or other in added for (other,) in earlier):
            added.add(row)
    return sorted(added)

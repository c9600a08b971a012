"""The outbox: what must be told to whom, kept until it is delivered or dead (laws 6, 7 and 8).

The order is the safety. 1. The rows are committed with the verdict they follow from. 2. `claim` commits a
message id and its member rows. 3. Only then is it sent. 4. What became of it is committed. A kill between 2
and 4 leaves a message of unknown outcome, which `recover` sends again under the same id.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from rules.ids import derive
from rules.outcome import Notification
from rules.ruleset import Silence
from state.claimable import claimable
from state.codec import from_json, to_json
from state.muting import PUT_NOTIFICATION, all_acked, put_parameters, sift
from state.prepared import Entry, Later, Parameters

Statement = tuple[str, Sequence[Parameters]]

_NEVER: Final = 2**63 - 1

_WAITING: Final = (
    "SELECT id FROM messages WHERE notifier = ? AND state = 'waiting' AND not_before_ms <= ?"
    " ORDER BY claimed_ms, id LIMIT 1"
)
_WITHDRAW: Final = (
    "UPDATE messages SET state = 'cancelled', settled_ms = ?, reason = 'nothing of it is to be told now'"
    " WHERE id = ?"
)
_CANCEL_MESSAGES: Final = (
    "UPDATE messages SET state = 'cancelled', settled_ms = ?"
    " WHERE notifier = ? AND state IN ('sending', 'waiting')"
)
_CANCEL_ROWS: Final = (
    "UPDATE notifications SET state = 'cancelled', settled_ms = ?"
    " WHERE notifier = ? AND state IN ('queued', 'claimed')"
)
_RESTORE_ROWS: Final = (
    "UPDATE notifications AS n SET state = iif(message IS NULL, 'queued', 'claimed'), settled_ms = NULL"
    " WHERE notifier = ? AND state = 'cancelled'"
    " AND json_extract(body, '$.kind') IN ('firing', 'raised', 'event')"
    " AND alert IN (SELECT id FROM alerts WHERE ended_ms IS NULL)"
    " AND NOT EXISTS (SELECT 1 FROM notifications AS told WHERE told.alert = n.alert"
    " AND told.notifier = n.notifier AND told.state = 'delivered' AND told.settled_ms >= n.settled_ms)"
)
_RESTORE_MESSAGES: Final = (
    "UPDATE messages SET state = 'waiting', settled_ms = NULL, not_before_ms = 0"
    " WHERE notifier = ? AND state = 'cancelled'"
    " AND id IN (SELECT message FROM notifications WHERE state = 'claimed')"
)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One notification under its id."""

    id: int
    notification: Notification


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent in one go. `attempt` counts from 1; with `perhaps` an earlier attempt may have arrived.

    `given_ms` is from when giving up counts: the claim, or the last time that a person had it sent again.
    `more` tells that other rows were due with it, which need not gather any longer.
    """

    id: str
    notifier: str
    claimed_ms: int
    attempt: int
    perhaps: bool
    rows: tuple[OutboxRow, ...]
    given_ms: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows not yet claimed, claimed and not settled, and given up; `oldest_ms` is of the first two.

    A row that a silence holds back has no age: the outbox is not stuck, it does what it was told.
    """

    queued: int
    claimed: int
    dead: int
    oldest_ms: int | None


def outbox_statements(batch: Sequence[Entry]) -> list[Statement]:
    """The rows that follow from a batch; a removed notifier's rows up to its removal are cancelled.

    One that comes back hears of what fires still and never reached it, under the id that it may have been sent by.
    """
    statements: list[Statement] = []
    told: list[Notification] = []
    for entry in batch:
        if entry.outcome.cancelled:
            gone = [(entry.now_ms, notifier) for notifier in entry.outcome.cancelled]
            statements += [(PUT_NOTIFICATION, Later(told, put_parameters))]
            statements += [(_CANCEL_MESSAGES, gone), (_CANCEL_ROWS, gone)]
            told = []
        if entry.outcome.restored:
            back = [(notifier,) for notifier in entry.outcome.restored]
            statements += [(_RESTORE_ROWS, back), (_RESTORE_MESSAGES, back)]
        told += entry.outcome.notifications
    return [*statements, (PUT_NOTIFICATION, Later(told, put_parameters))]


def anything(db: sqlite3.Connection, notifier: str, now_ms: int = _NEVER) -> bool:
    """Whether a claim for this notifier may find something until then: asked often, so it takes no lock."""
    found = db.execute(
        "SELECT EXISTS (SELECT 1 FROM notifications WHERE notifier = :notifier AND state = 'queued') OR EXISTS"
        " (SELECT 1 FROM messages WHERE notifier = :notifier AND state = 'waiting'"
        " AND not_before_ms <= :now_ms)",
        {"notifier": notifier, "now_ms": now_ms},
    ).fetchone()
    return bool(found[0])


def claim(
    db: sqlite3.Connection,
    notifier: str,
    now_ms: int,
    gather_ms: int,
    limit: int,
    silences: Sequence[Silence] = (),
) -> Message | None:
    """The next message for a notifier, durable under its id; None where nothing is due. In a transaction.

    `silences` are those of the file; the ones that people made are read here.
    """
    while (waiting := db.execute(_WAITING, (notifier, now_ms)).fetchone()) is not None:
        if _choose_anew(db, waiting[0], silences, now_ms):
            db.execute("UPDATE messages SET state = 'sending', attempts = attempts + 1 WHERE id = ?", waiting)
            return _message(db, waiting[0])
        db.execute(_WITHDRAW, (now_ms, waiting[0]))
    if _gathers_until(db, notifier, now_ms, gather_ms) > now_ms:
        return None
    due_rows = claimable(db, notifier, now_ms, limit, silences)
    if not due_rows:
        return None
    rows = _one_kind(db, due_rows)
    taken: Callable[[str], bool] = lambda id_: _state(db, id_) is not None  # noqa: E731
    message = derive("M", f"{notifier}\x1f{rows}", taken)
    db.execute(
        "INSERT INTO messages (id, notifier, state, claimed_ms, attempts, not_before_ms)"
        " VALUES (?, ?, 'sending', ?, 1, 0)",
        (message, notifier, now_ms),
    )
    db.execute(
        "UPDATE notifications SET state = 'claimed', message = ? WHERE id IN (SELECT value FROM json_each(?))",
        (message, to_json(rows)),
    )
    return replace(_message(db, message), more=len(rows) < len(due_rows))


def _one_kind(db: sqlite3.Connection, rows: list[int]) -> list[int]:
    """Of rows that are due, those of one message: a digest leaves alone, with what followed of its own alerts."""
    found = db.execute(
        "SELECT id, alert, batch FROM notifications WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (to_json(rows),),
    ).fetchall()
    batch_of: dict[str, str] = {}  # the digest that an alert's first row is in
    kinds: dict[int, str] = {}
    for row, alert, batch in found:
        kinds[row] = batch_of.setdefault(alert, batch) if alert else batch
    first = kinds[rows[0]]
    return [row for row in rows if kinds[row] == first]


def _choose_anew(db: sqlite3.Connection, message: str, silences: Sequence[Silence], now_ms: int) -> bool:
    """Whether a message is still to be sent; what it carries is chosen anew where it certainly did not arrive.

    It takes the later events of its alerts along, so that it is one truthful message, and leaves behind what a
    silence or an ack holds back by now. One that perhaps arrived keeps its members, because under its id the same
    must be said again: it is only left unsaid where all of it was acked.
    """
    about = {"message": message}
    members = [row for (row,) in db.execute("SELECT id FROM notifications WHERE message = :message", about)]
    if db.execute("SELECT perhaps FROM messages WHERE id = :message", about).fetchone()[0]:
        if not all_acked(db, members):
            return True
        db.execute(
            "UPDATE notifications SET state = 'cancelled', settled_ms = ? WHERE message = ?",
            (now_ms, message),
        )
        return False
    later = db.execute(
        "SELECT n.id FROM notifications AS n JOIN messages AS m ON m.id = :message"
        " WHERE n.notifier = m.notifier AND n.state = 'queued' AND n.alert <> ''"
        " AND n.alert IN (SELECT alert FROM notifications WHERE message = :message)",
        about,
    ).fetchall()
    # Back into the queue, so that nothing of it counts as told.
    db.execute("UPDATE notifications SET state = 'queued', message = NULL WHERE message = :message", about)
    sifted = sift(db, [*members, *(row for (row,) in later)], silences, now_ms)
    db.executemany(
        "UPDATE notifications SET state = 'claimed', message = ? WHERE id = ?",
        [(message, row) for row in sifted.go],
    )
    if not sifted.go:
        # What nobody need hear any more stays on record with the attempts that were made of it.
        dropped = [(message, row) for row in members if row in sifted.drop]
        db.executemany("UPDATE notifications SET message = ? WHERE id = ?", dropped)
    return bool(sifted.go)


def shorten(db: sqlite3.Connection, message: Message, rows: int) -> Message:
    """Keep the first `rows` of a message that was not sent yet; the others are queued again. In a transaction."""
    kept, back = message.rows[: max(rows, 1)], message.rows[max(rows, 1) :]
    db.execute(
        "UPDATE notifications SET state = 'queued', message = NULL"
        " WHERE id IN (SELECT value FROM json_each(?)) AND state = 'claimed'",
        (to_json([row.id for row in back]),),
    )
    return replace(message, rows=kept)


def _gathers_until(db: sqlite3.Connection, notifier: str, now_ms: int, gather_ms: int) -> int:
    """Until when events are gathered: `gather_ms` after the last message was claimed for the notifier."""
    last = db.execute("SELECT max(claimed_ms) FROM messages WHERE notifier = ?", (notifier,)).fetchone()[0]
    # A claim in the future means that the clock went back: it must not hold anything up.
    return 0 if last is None or last > now_ms else int(last) + gather_ms


def _message(db: sqlite3.Connection, message: str) -> Message:
    notifier, claimed_ms, attempts, perhaps, given_ms = db.execute(
        "SELECT notifier, claimed_ms, attempts, perhaps, max(claimed_ms, coalesce("
        "(SELECT max(at_ms) FROM orders WHERE kind = 'retry' AND subject = m.id), 0)) FROM messages AS m WHERE id = ?",
        (message,),
    ).fetchone()
    rows = db.execute("SELECT id, body FROM notifications WHERE message = ? ORDER BY id", (message,))
    members = tuple(OutboxRow(row, from_json(Notification, body)) for row, body in rows)
    return Message(message, notifier, claimed_ms, attempts, bool(perhaps), members, given_ms)


def _state(db: sqlite3.Connection, message: str) -> str | None:
    found = db.execute("SELECT state FROM messages WHERE id = ?", (message,)).fetchone()
    return None if found is None else str(found[0])


def settle(
    db: sqlite3.Connection, message: str, now_ms: int, outcome: Literal["delivered", "dead"], reason: str = ""
) -> bool:
    """The message is over, and so are its rows; False where there is none of that id. In a transaction.

    One that was cancelled in flight is still recorded as delivered where it was: that is what happened.
    """
    if not _attempt(db, message, now_ms, outcome, reason):
        return False
    over = ("sending", "waiting", "cancelled" if outcome == "delivered" else "sending")
    updated = db.execute(
        "UPDATE messages SET state = ?, settled_ms = ?, reason = ? WHERE id = ? AND state IN (?, ?, ?)",
        (outcome, now_ms, reason, message, *over),
    )
    if updated.rowcount:
        db.execute(
            "UPDATE notifications SET state = ?, settled_ms = ? WHERE message = ?", (outcome, now_ms, message)
        )
    return True


def postpone(
    db: sqlite3.Connection,
    message: str,
    now_ms: int,
    next_ms: int,
    outcome: Literal["failed", "unknown"],
    reason: str,
) -> bool:
    """The same message, under the same id, again at `next_ms`; False where there is none."""
    if not _attempt(db, message, now_ms, outcome, reason):
        return False
    db.execute(
        "UPDATE messages SET state = 'waiting', not_before_ms = ?, reason = ?, perhaps = max(perhaps, ?)"
        " WHERE id = ? AND state = 'sending'",
        (next_ms, reason, outcome == "unknown", message),
    )
    return True


def _attempt(db: sqlite3.Connection, message: str, now_ms: int, outcome: str, reason: str) -> bool:
    added = db.execute(
        "INSERT INTO attempts (message, notifier, at_ms, outcome, reason)"
        " SELECT id, notifier, ?, ?, ? FROM messages WHERE id = ?",
        (now_ms, outcome, reason, message),
    )
    return added.rowcount > 0


def recover(db: sqlite3.Connection, now_ms: int) -> list[str]:
    """After a start: what was being sent may or may not have arrived, and goes again. In a transaction."""
    found = db.execute("SELECT id FROM messages WHERE state = 'sending' ORDER BY claimed_ms, id").fetchall()
    lost = [str(message) for (message,) in found]
    for message in lost:
        postpone(db, message, now_ms, now_ms, "unknown", "the daemon stopped while it was being sent")
    return lost


def clock_set_back(db: sqlite3.Connection, now_ms: int, step_ms: int) -> None:
    """By `step_ms`, which is negative: what was to wait until a time of before waits as long as it would have."""
    for table, state in (("messages", "waiting"), ("notifications", "queued")):
        db.execute(
            f"UPDATE {table} SET not_before_ms = max(:now, not_before_ms + :step)"  # noqa: S608  two names of ours
            " WHERE state = :state AND not_before_ms > :now",
            {"now": now_ms, "step": step_ms, "state": state},
        )


def revive(db: sqlite3.Connection, message: str, now_ms: int) -> bool:
    """A dead message is sent again because a person says so; False where there is no dead one."""
    updated = db.execute(
        "UPDATE messages SET state = 'waiting', not_before_ms = ?, settled_ms = NULL"
        " WHERE id = ? AND state = 'dead'",
        (now_ms, message),
    )
    if not updated.rowcount:
        return False
    db.execute("UPDATE notifications SET state = 'claimed', settled_ms = NULL WHERE message = ?", (message,))
    return True


def due(db: sqlite3.Connection, now_ms: int, gather_ms: int) -> dict[str, int]:
    """When each notifier has something to claim next, now or later; those with nothing are absent."""
    times: dict[str, int] = dict(
        db.execute(
            "SELECT notifier, min(not_before_ms) FROM messages WHERE state = 'waiting' GROUP BY notifier"
        )
    )
    queued = db.execute(
        "SELECT notifier, min(due_ms) FROM (SELECT notifier, state,"
        "  max(CASE state WHEN 'claimed' THEN :never ELSE not_before_ms END)"
        "  OVER (PARTITION BY notifier, alert, CASE alert WHEN '' THEN id END ORDER BY id) AS due_ms"
        "  FROM notifications WHERE state IN ('queued', 'claimed'))"
        " WHERE state = 'queued' AND due_ms < :never GROUP BY notifier",
        {"never": _NEVER},
    )
    for notifier, due_ms in queued:
        at_ms = max(due_ms, _gathers_until(db, notifier, now_ms, gather_ms))
        times[notifier] = min(at_ms, times.get(notifier, at_ms))
    return times


def counts(db: sqlite3.Connection) -> dict[str, Counts]:
    """Per notifier, for the metrics."""
    found = db.execute(
        "SELECT notifier, sum(state = 'queued'), sum(state = 'claimed'), sum(state = 'dead'),"
        " min(CASE WHEN state = 'claimed' OR state = 'queued' AND NOT muted THEN created_ms END)"
        " FROM notifications WHERE state IN ('queued', 'claimed', 'dead') GROUP BY notifier"
    )
    return {notifier: Counts(*numbers) for notifier, *numbers in found}

"""What people order, by a command or over HTTP: checked, put on record, or refused in words.

OrderError
├── InvalidOrderError   what was asked for makes no sense, whatever the state: exit 2, HTTP 400
└── RefusedOrderError   it cannot be done as things are: exit 1, HTTP 404 or 409
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from notifiers.times import moment, zone
from rules.records import Note
from rules.ruleset import Silence
from rules.silences import covers
from state.ordered import MessageRow
from state.orders import NOTES_MOST
from state.queries import MOST_ROWS, AlertRow
from state.store import Store

NAME_MOST = 100

NOTE_MOST = 300
"""Characters of a note: a message shows it whole."""

_ID = re.compile(r"(?=.*[0-9])[0-9A-Z]{4,8}", re.ASCII)


class OrderError(Exception):
    """Nothing was ordered; the text says why."""


class InvalidOrderError(OrderError):
    """`key` is what is wrong, as in the body of a request; `reason` and `hint` are for its sender."""

    def __init__(self, key: str, reason: str, hint: str = "") -> None:
        self.key = key
        self.reason = f"{reason}: {hint}" if hint else reason
        super().__init__(f"{key}: {self.reason}")


class RefusedOrderError(OrderError):
    """`missing` tells that there is nothing of that id."""

    def __init__(self, text: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Silenced:
    """A silence under its id, and how many of the alerts that are open now it covers."""

    silence: Silence
    firing: int
    pending: int


def check_by(text: str) -> str:
    """The name of who orders. Raises InvalidOrderError for one that says nothing, or not on one line."""
    name = text.strip()
    if not name or not name.isprintable() or len(name) > NAME_MOST:
        raise InvalidOrderError("by", f"must be a name of 1 to {NAME_MOST} printable characters")
    return name


def check_note(text: str) -> str:
    """What a note says. Raises InvalidOrderError for one that says nothing, or not on one line."""
    said = text.strip()
    if not said or not said.isprintable() or len(said) > NOTE_MOST:
        raise InvalidOrderError("text", f"must be one line of 1 to {NOTE_MOST} printable characters")
    return said


def ack(store: Store, alert_id: str, by: str, now_ms: int) -> AlertRow:
    """A person has seen a firing alert: durable when it returns. Raises OrderError."""
    who = check_by(by)
    row = find_alert(store, alert_id)
    if row.state == "firing" and store.ack(row.alert.id, who, now_ms):
        return row
    row = find_alert(store, alert_id)  # it may have ended meanwhile
    raise RefusedOrderError(f"{row.alert.id} is {_said(row, now_ms)}: only a firing alert can be acked")


def note(store: Store, alert_id: str, text: str, by: str, now_ms: int) -> tuple[AlertRow, Note]:
    """A person writes something about an alert, open or ended: durable when it returns. Raises OrderError."""
    who, said = check_by(by), check_note(text)
    row = find_alert(store, alert_id)
    if not store.note(row.alert.id, said, who, now_ms):
        raise RefusedOrderError(f"{row.alert.id} has {NOTES_MOST} notes: there is no room for more")
    return row, Note(now_ms, who, said)


def silence(store: Store, made: Silence, now_ms: int) -> Silenced:
    """Durable when it returns. Raises OrderError where the alert that it shall outlast is not open."""
    if made.until_resolved:
        row = find_alert(store, made.until_resolved)
        if row.ended_ms is not None:
            raise RefusedOrderError(f"{row.alert.id} is {_said(row, now_ms)}: there is nothing to wait for")
    kept = store.silence(made, now_ms)
    states = [row.state for row in _open_alerts(store) if covers(kept, row.alert.id, row.alert.facts)]
    return Silenced(kept, states.count("firing"), states.count("pending"))


def unsilence(store: Store, silence_id: str, by: str, now_ms: int) -> Silence:
    """End a silence that a person made: durable when it returns. Raises OrderError."""
    who = check_by(by)
    ident = _ident(silence_id, "S")
    row = store.silence_row(ident) if ident else None
    if row is None:
        hint = "`subtally silence list` shows those that people made; one of the file ends in the file"
        raise RefusedOrderError(f"there is no silence {silence_id!r}: {hint}", missing=True)
    if row.ended_ms is not None:
        raise RefusedOrderError(f"{ident} was ended at {_at(row.ended_ms, now_ms)} by {row.ended_by}")
    until_ms = row.silence.until_ms
    if until_ms is not None and until_ms <= now_ms:
        raise RefusedOrderError(f"{ident} is over since {_at(until_ms, now_ms)}")
    if not row.alert_open:
        raise RefusedOrderError(f"{ident} is over: {row.silence.until_resolved} ended")
    if not store.unsilence(ident, who, now_ms):
        raise RefusedOrderError(f"{ident} was ended a moment ago")
    return row.silence


def retry(
    store: Store, ident: str, by: str, now_ms: int, notifiers: Collection[str] | None
) -> tuple[MessageRow, ...]:
    """Send dead messages again: the one of that id, or all that carry the alert of that id. Raises OrderError.

    `notifiers` are those of the rules in force, None where they are not known: nobody sends for another one.
    """
    who = check_by(by)
    name = _ident(ident, "M") or _ident(ident, "A")
    found = store.messages_of(name) if name else ()
    if not found:
        hint = "`subtally notifications` lists ids of messages (M…) and alerts (A…)"
        raise RefusedOrderError(f"there is no message of {ident!r}: {hint}", missing=True)
    dead = [row for row in found if row.state == "dead"]
    if not dead:
        states = ", ".join(f"{row.id} is {row.state}" for row in found[:3])
        raise RefusedOrderError(f"nothing dead to send again: {states}{', …' if len(found) > 3 else ''}")  # noqa: PLR2004
    gone = sorted({row.notifier for row in dead} - set(notifiers)) if notifiers is not None else []
    if gone:
        raise RefusedOrderError(
            f"the rules in force have no notifier {', '.join(gone)}: nobody would send it"
        )
    for row in dead:
        store.revive(row.id, now_ms, who)
    return tuple(dead)


def find_alert(store: Store, alert_id: str) -> AlertRow:
    """The alert that is meant, open or ended. Raises RefusedOrderError."""
    ident = _ident(alert_id, "A")
    row = store.alert(ident) if ident else None
    if row is None:
        hint = "`subtally alerts` lists the open ones"
        raise RefusedOrderError(f"there is no alert {alert_id!r}: {hint}", missing=True)
    return row


def _ident(text: str, letter: str) -> str:
    """As it is stored; "" where it is no id of this letter. People type small letters."""
    folded = text.strip().upper()
    return folded if folded.startswith(letter) and _ID.fullmatch(folded[1:]) else ""


def _open_alerts(store: Store) -> Iterator[AlertRow]:
    after: str | None = None
    while True:
        page = store.alerts("open", after=after, limit=MOST_ROWS)
        yield from page.rows
        if page.after is None:
            return
        after = page.after


def _said(row: AlertRow, now_ms: int) -> str:
    if row.ended_ms is not None:
        return f"{row.state} since {_at(row.ended_ms, now_ms)}"
    return "pending, which nobody was told of" if row.state == "pending" else row.state


def _at(at_ms: int, now_ms: int) -> str:
    return moment(at_ms, now_ms, zone("UTC"))

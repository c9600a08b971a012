"""Alerts and their transitions as statements: an ended alert stays, with the facts of its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rules.facts import Facts
from rules.outcome import Transition
from rules.world import Alert, AlertKey, Table
from state.codec import to_json
from state.prepared import Entry, Later, Parameters

Statement = tuple[str, Sequence[Parameters]]

_ENDS: Final = frozenset({"resolved", "closed"})

_PUT_TRANSITION = "INSERT INTO transitions (alert, at_ms, body) VALUES (?, ?, ?)"
_PUT_ALERT = (
    "INSERT INTO alerts (id, key, rule, exchange, state, severity, since_ms, fired_ms, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET state = excluded.state, severity = excluded.severity,"
    " since_ms = excluded.since_ms, fired_ms = excluded.fired_ms, body = excluded.body, ended_ms = NULL"
)
# An alert that began and ended within one batch gets a body made from its transition; others keep their own.
_END_ALERT = (
    "INSERT INTO alerts (id, key, rule, exchange, state, severity, since_ms, ended_ms, reason, ending, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET state = excluded.state, severity = excluded.severity,"
    " ended_ms = excluded.ended_ms, reason = excluded.reason, ending = excluded.ending"
)
# A pending alert that ended was never told: its transitions are record enough.
_FORGET_ALERT = "DELETE FROM alerts WHERE id = ?"
# Whatever made it leave the World, a restart must not bring it back.
_CLOSE_ALERT = "UPDATE alerts SET state = 'closed', ended_ms = ? WHERE key = ? AND ended_ms IS NULL"


def alert_statements(batch: Sequence[Entry], alerts: Table[AlertKey, Alert]) -> tuple[Statement, ...]:
    """Every transition; the ends; then the open alerts that were touched, as they are now."""
    endings = {alert.id: alert.facts for entry in batch for alert in entry.outcome.ended}
    transitions = [transition for entry in batch for transition in entry.outcome.transitions]
    now_ms = batch[-1].now_ms if batch else 0
    opened = [alerts[key] for key in alerts.touched if key in alerts]
    return (
        (_PUT_TRANSITION, Later(transitions, _transition)),
        (_END_ALERT, [_end(step, endings.get(step.alert)) for step in transitions if step.after in _ENDS]),
        (_FORGET_ALERT, [(step.alert,) for step in transitions if step.after == "inactive"]),
        (_CLOSE_ALERT, [(now_ms, to_json(key)) for key in alerts.touched if key not in alerts]),
        (_PUT_ALERT, Later(sorted(opened, key=_place), _open)),
    )


def _transition(step: Transition) -> Parameters:
    return step.alert, step.at_ms, to_json(step)


def _place(alert: Alert) -> tuple[int, str]:
    """Rows are read back in the order in which they were inserted: one that a set's does not disturb."""
    return alert.since_ms, alert.id


def _open(alert: Alert) -> Parameters:
    exchange = alert.key.subject.exchange
    head = (alert.id, to_json(alert.key), alert.rule, exchange, alert.state, alert.severity.value)
    return (*head, alert.since_ms, alert.fired_ms, to_json(alert))


def _end(step: Transition, ending: Facts | None) -> Parameters:
    exchange = step.key.subject.exchange
    facts = ending or Facts(rule=step.rule, type="", exchange=exchange, severity=step.severity)
    stand_in = Alert(
        key=step.key,
        id=step.alert,
        rule=step.rule,
        type=facts.type,
        state=step.before or "firing",
        severity=step.severity,
        facts=facts,
        since_ms=step.at_ms,
        last_ms=step.at_ms,
        counted_ms=step.at_ms,
    )
    told = None if ending is None else to_json(ending)
    head = (step.alert, to_json(step.key), step.rule, exchange, step.after, step.severity.value)
    return (*head, step.at_ms, step.at_ms, step.reason, told, to_json(stand_in))

"""Reminders that are due."""

from __future__ import annotations

from rules import telling
from rules.builtin_names import STALE_EXCHANGE
from rules.records import AlertKey, Subject
from rules.step import Step


def remind_all(step: Step) -> None:
    """Remind of what still fires; a stale exchange holds those of its accounts back until it answers again."""
    for key, alert in sorted(step.world.alerts.items()):
        if alert.remind_at_ms is None or alert.acked_ms is not None or alert.state != "firing":
            continue
        if alert.remind_at_ms > step.now_ms:
            step.world.index.due(alert.remind_at_ms)
            continue
        down = AlertKey(STALE_EXCHANGE, Subject(key.subject.exchange))
        if key == down or down not in step.world.alerts:
            step.world.put_alert(telling.remind(step, step.rule(key.rule), alert))

"""Reminders that are due, and what a clock that was set back does to them."""

from __future__ import annotations

from rules import telling
from rules.builtin_names import STALE_EXCHANGE
from rules.changed import replace
from rules.records import AlertKey, Subject
from rules.step import Step


def shorten_all(step: Step) -> None:
    """Where the clock was set back, nobody waits longer than he would have from now on."""
    for key, alert in sorted(step.world.alerts.items()):
        rule = step.rule(key.rule)
        after_ms = None if rule is None else rule.escalate_after_ms
        shorter = replace(
            alert,
            remind_at_ms=_within(step, alert.remind_at_ms, alert.repeat_ms),
            escalate_at_ms=_within(step, alert.escalate_at_ms, after_ms),
        )
        if shorter != alert:
            step.world.put_alert(shorter)


def _within(step: Step, at_ms: int | None, wait_ms: int | None) -> int | None:
    return at_ms if at_ms is None or wait_ms is None else min(at_ms, step.now_ms + wait_ms)


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

"""What people and the outbox say: acks, silences, and notifiers that do not take their messages."""

from __future__ import annotations

from dataclasses import replace

from rules.builtin import NOTIFICATION, raise_alert, settle
from rules.model import Acked, DeliveryDied, DeliveryWorks, Severity, SilenceEnded
from rules.records import Alert, Subject
from rules.ruleset import SilenceMade
from rules.silences import silenced_by
from rules.step import Step
from rules.telling import escalate


def ack(step: Step, acked: Acked) -> None:
    """No more reminders and no escalation. An ack of what is not open any more changes nothing."""
    for alert in step.world.alerts.values():
        if alert.id == acked.alert and alert.state == "firing":
            step.world.put_alert(
                replace(
                    alert, acked_ms=acked.at_ms, acked_by=acked.by, escalate_at_ms=None, remind_at_ms=None
                )
            )
            return


def silence(step: Step, made: SilenceMade) -> None:
    """Remember it: the outbox asks for silences when it claims, the engine only when it would escalate."""
    step.world.silences[made.silence.id] = made.silence


def unsilence(step: Step, ended: SilenceEnded) -> None:
    """Forget it."""
    step.world.silences.pop(ended.silence, None)


def died(step: Step, died_: DeliveryDied) -> None:
    """A notification is dead: say so through another notifier, once until the notifier works again."""
    if died_.notifier not in step.ruleset.notifiers:
        return
    raise_alert(
        step,
        NOTIFICATION,
        Subject("", asset=died_.notifier),
        Severity.CRITICAL,
        f"notifier “{died_.notifier}” cannot be reached: what it should have told is dead",
        details=(
            f"Message {died_.message} with {died_.count} notifications was given up: {died_.reason}",
            "Look at the status page for what was not told.",
        ),
    )


def works(step: Step, said: DeliveryWorks) -> None:
    """The notifier takes messages again."""
    settle(step, NOTIFICATION, Subject("", asset=said.notifier))


def escalate_all(step: Step) -> None:
    """Escalate what nobody acked in time. Under a silence it waits, and starts anew: nobody was told."""
    for alert in list(step.world.alerts.values()):
        if alert.escalate_at_ms is None or alert.state != "firing":
            continue
        if alert.escalate_at_ms > step.now_ms:
            step.world.index.due(alert.escalate_at_ms)
            continue
        step.world.put_alert(_escalated(step, alert))


def _escalated(step: Step, alert: Alert) -> Alert:
    rule = step.rule(alert.key.rule)
    if rule is None or rule.escalate_after_ms is None:
        return replace(alert, escalate_at_ms=None)
    silences = (*step.world.silences.values(), *step.ruleset.silences)
    if silenced_by(silences, alert.id, alert.facts, step.now_ms) is None:
        return escalate(step, rule, alert)
    at_ms = step.now_ms + rule.escalate_after_ms
    step.world.index.due(at_ms)
    return replace(alert, escalate_at_ms=at_ms)

"""What people and the outbox say: acks, notes, silences, and notifiers that do not take their messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rules.builtin import raise_alert, settle
from rules.builtin_names import NOTIFICATION
from rules.changed import replace
from rules.model import Acked, DeliveryDied, DeliveryWorks, Noted, Severity, SilenceEnded
from rules.records import Alert, Note, Subject
from rules.ruleset import Silence, SilenceMade
from rules.silences import active, covers, silenced_by
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


def note(step: Step, noted: Noted) -> None:
    """From now on whatever is told of the alert says it, too. Of one that has ended it is on record alone."""
    for alert in step.world.alerts.values():
        if alert.id == noted.alert:
            step.world.put_alert(replace(alert, note=Note(noted.at_ms, noted.by, noted.text)))
            return


def silence(step: Step, made: SilenceMade) -> None:
    """Remember it: the outbox asks for silences when it claims, the engine only when it would escalate."""
    forget_silences(step)
    step.world.silences[made.silence.id] = made.silence


def forget_silences(step: Step) -> None:
    """Those that were over `retention` ago concern no alert any more, nor do those of an alert that ended."""
    open_ids = {alert.id for alert in step.world.alerts.values()}
    before_ms = step.now_ms - step.settings.retention_ms
    for ident, one in list(step.world.silences.items()):
        over = one.until_ms is not None and one.until_ms < before_ms
        if over or (one.until_resolved and one.until_resolved not in open_ids):
            del step.world.silences[ident]


def unsilence(step: Step, ended: SilenceEnded) -> None:
    """Forget it. Those whom it kept waiting hear only now: from here on they have their time to ack."""
    silence_ = step.world.silences.pop(ended.silence, None)
    if silence_ is None or not active(silence_, ended.at_ms):
        return
    for _, alert in sorted(step.world.alerts.items()):
        rule = step.rule(alert.key.rule)
        if alert.escalate_at_ms is None or rule is None or rule.escalate_after_ms is None:
            continue
        if covers(silence_, alert.id, alert.facts):
            at_ms = step.now_ms + rule.escalate_after_ms
            step.world.index.due(at_ms)
            step.world.put_alert(replace(alert, escalate_at_ms=at_ms))


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
    """Escalate what nobody acked in time. After a silence the time to ack begins anew: nobody was told."""
    for _, alert in sorted(step.world.alerts.items()):
        if alert.escalate_at_ms is None or alert.acked_ms is not None:
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
    if silenced_by(silences, alert.id, alert.facts, step.now_ms) is not None:
        heard_ms = step.now_ms
    else:
        began_ms = (alert.escalate_at_ms or 0) - rule.escalate_after_ms
        heard_ms = max([began_ms, *_ends(silences, alert, step.now_ms)])
    at_ms = heard_ms + rule.escalate_after_ms
    if at_ms <= step.now_ms:
        return escalate(step, rule, alert)
    step.world.index.due(at_ms)
    return replace(alert, escalate_at_ms=at_ms)


def _ends(silences: Iterable[Silence], alert: Alert, now_ms: int) -> Iterator[int]:
    """When silences of the alert came to their end: only then did people hear of it."""
    for one in silences:
        if (
            one.until_ms is not None
            and one.from_ms < one.until_ms <= now_ms
            and covers(one, alert.id, alert.facts)
        ):
            yield one.until_ms

"""Whom to tell of what: routes, reminders, and the promise that whoever was told of firing is told of the end."""

from __future__ import annotations

from collections.abc import Iterable

from rules.builtin_names import NOTIFICATION
from rules.changed import replace
from rules.facts import Facts
from rules.outcome import Notification, NotificationKind
from rules.records import Alert
from rules.ruleset import DAY_MS, Rule
from rules.step import Step, routed

EVENT_LIFE_MS = DAY_MS
"""An event closes by itself after this long: it has no end of its own."""


def fired(step: Step, rule: Rule | None, alert: Alert, *, event: bool, held: bool = False) -> Alert:
    """Tell that an alert fires, unless it is held: a first judgement does so for its digest."""
    if event:
        expires = step.now_ms + EVENT_LIFE_MS
        step.world.index.due(expires)
        alert = replace(alert, expires_ms=expires)
    if held or (rule is not None and not event and _in_first_judgement(step, rule, alert)):
        return replace(alert, held=True)
    return tell(step, rule, alert)


def tell(step: Step, rule: Rule | None, alert: Alert, batch: str = "") -> Alert:
    """Make the first notifications of a firing alert and start its reminders."""
    names = _route_of(step, rule, alert)
    kind = NotificationKind.EVENT if alert.expires_ms is not None else NotificationKind.FIRING
    _notify(step, alert, names, kind, batch)
    alert = replace(alert, told=frozenset(names), held=False)
    if alert.acked_ms is not None:
        return alert  # somebody saw it on the page while it waited for its digest
    return _reminding(step, rule, _escalating(step, rule, alert))


def raised(step: Step, rule: Rule, alert: Alert) -> Alert:
    """Tell of a raise at once; whom the alert reaches only now hears that it fires. The repeat wait restarts."""
    # Whoever acked the lesser one has not seen this; the message says who that was.
    acked_by = "" if alert.acked_ms is None else alert.acked_by
    alert = replace(alert, acked_ms=None, acked_by="", facts=replace(alert.facts, acked_by=acked_by))
    if alert.held:
        return alert
    names = routed(step.ruleset, rule, alert.severity)
    _notify(step, alert, [name for name in names if name in alert.told], NotificationKind.RAISED)
    _notify(step, alert, [name for name in names if name not in alert.told], NotificationKind.FIRING)
    alert = replace(alert, told=alert.told | set(names))
    if alert.escalate_at_ms is None:  # else its time runs already: what got worse must not wait longer
        alert = _escalating(step, rule, alert)
    return _reminding(step, rule, alert)


def reached(step: Step, rule: Rule, alert: Alert) -> Alert:
    """Tell whoever an edit has put on the route of what fires already: a trial that became serious, a new notifier.

    Nobody is told twice, and what somebody has acked is not told again.
    """
    if alert.held or alert.acked_ms is not None:
        return alert
    names = [name for name in routed(step.ruleset, rule, alert.severity) if name not in alert.told]
    if not names:
        return alert
    _notify(step, alert, names, NotificationKind.FIRING)
    first = not alert.told
    alert = replace(alert, told=alert.told | set(names))
    return _reminding(step, rule, _escalating(step, rule, alert) if first else alert)


def ended(step: Step, alert: Alert, *, closed: bool) -> None:
    """Tell the end to whoever was told that it fires. Events end in silence: they have no "resolved"."""
    if alert.expires_ms is not None:
        return
    kind = NotificationKind.CLOSED if closed else NotificationKind.RESOLVED
    notifiers = step.ruleset.notifiers
    _notify(step, alert, [n for n in notifiers if n in alert.told and notifiers[n].send_resolved], kind)


def remind(step: Step, rule: Rule | None, alert: Alert) -> Alert:
    """Remind of what still fires, and wait twice as long for the next time, up to `repeat_max`."""
    names = [name for name in _route_of(step, rule, alert) if name in alert.told]
    _notify(step, alert, names, NotificationKind.REMINDER)
    wait = min((alert.repeat_ms or 0) * 2, max(step.settings.repeat_max_ms, alert.repeat_ms or 0))
    at = step.now_ms + wait
    step.world.index.due(at)
    return replace(alert, repeat_ms=wait, remind_at_ms=at)


def escalate(step: Step, rule: Rule, alert: Alert) -> Alert:
    """Tell those whom the rule names for the case that nobody acked in time, whatever they usually hear of."""
    names = [name for name in step.ruleset.notifiers if name in rule.escalate_to]
    _notify(step, alert, names, NotificationKind.ESCALATED)
    return replace(alert, told=alert.told | set(names), escalate_at_ms=None)


def facts_of(alert: Alert) -> Facts:
    """What is told of an alert: what was judged, and the last thing that a person wrote about it."""
    note = alert.note
    if note is None:
        return alert.facts
    return replace(alert.facts, note=note.text, note_by=note.by, note_ms=note.at_ms)


def _escalating(step: Step, rule: Rule | None, alert: Alert) -> Alert:
    """Start the time that people have to ack; a trial that tells nobody escalates to nobody."""
    if rule is None or rule.escalate_after_ms is None or not alert.told:
        return alert
    at_ms = step.now_ms + rule.escalate_after_ms
    step.world.index.due(at_ms)
    return replace(alert, escalate_at_ms=at_ms)


def _route_of(step: Step, rule: Rule | None, alert: Alert) -> list[str]:
    """The notifiers to tell. A dead notifier is told of no death, but somebody else always is.

    Where all the others are dead, too, they are told: one of them may come back sooner.
    """
    names = routed(step.ruleset, rule, alert.severity)
    if alert.rule != NOTIFICATION:
        return names
    own = alert.key.subject.asset
    dead = {key.subject.asset for key in step.world.alerts if key.rule == NOTIFICATION} | {own}
    alive = [name for name in step.ruleset.notifiers if name not in dead]
    others = [name for name in step.ruleset.notifiers if name != own]
    return [name for name in names if name not in dead] or alive or others


def _in_first_judgement(step: Step, rule: Rule, alert: Alert) -> bool:
    """Whether the rule is being judged for the first time where the alert's subject lives."""
    where = alert.key.subject.exchange
    names = [where] if where else sorted(step.ruleset.exchanges)
    for name in names:
        baseline = step.state(name).baseline
        if baseline is not None and rule.key in baseline.rules:
            return True
    return False


def _reminding(step: Step, rule: Rule | None, alert: Alert) -> Alert:
    if not alert.told:
        return replace(alert, repeat_ms=None, remind_at_ms=None)
    own = None if rule is None else rule.repeat_every_ms
    wait = step.settings.repeat_every_ms if own is None else own
    if wait <= 0:
        return replace(alert, repeat_ms=None, remind_at_ms=None)
    at = step.now_ms + wait
    step.world.index.due(at)
    return replace(alert, repeat_ms=wait, remind_at_ms=at)


def _notify(step: Step, alert: Alert, names: Iterable[str], kind: NotificationKind, batch: str = "") -> None:
    facts = facts_of(alert)
    step.outcome.notifications.extend(
        Notification(alert.id, name, kind, alert.severity, step.now_ms, facts, batch) for name in names
    )

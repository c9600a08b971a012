"""The built-in alerts (law 14): how one is opened, renewed and settled. They need no second reading: they are
about readings.
"""

from __future__ import annotations

from rules.changed import replace
from rules.facts import Facts
from rules.ids import derive
from rules.lifecycle import end, fire
from rules.model import Severity
from rules.records import Alert, AlertKey, Subject
from rules.step import Step


def raise_alert(
    step: Step,
    name: str,
    subject: Subject,
    severity: Severity,
    headline: str,
    label: str = "",
    **more: object,
) -> None:
    """Open a built-in alert, or renew what it says. `more` are further fields of its Facts."""
    key = AlertKey(name, subject)
    alert = step.world.alerts.get(key)
    facts = Facts(
        rule=name,
        type="subtally",
        exchange=subject.exchange,
        severity=severity,
        label=label,
        headline=headline,
        since_ms=step.now_ms if alert is None else alert.since_ms,
        fired_ms=step.now_ms if alert is None else alert.fired_ms,
    )
    facts = replace(facts, **more)  # type: ignore[arg-type]
    if alert is not None:
        if alert.facts != facts:
            step.world.put_alert(replace(alert, facts=facts, last_ms=step.now_ms))
        return
    ident = derive("A", f"{key.rule}|{subject}|{step.now_ms}", lambda text: text in step.world.index.ids)
    now = step.now_ms
    alert = Alert(
        key, ident, name, "subtally", "pending", severity, facts, since_ms=now, last_ms=now, counted_ms=now
    )
    step.moved(alert, "", "pending")
    fire(step, None, alert, event=False)


def settle(step: Step, name: str, subject: Subject, reason: str = "") -> None:
    """End a built-in alert where it is open."""
    alert = step.world.alerts.get(AlertKey(name, subject))
    if alert is not None:
        end(step, alert, reason, alert.facts, closed=False)


def renew(step: Step, name: str, subject: Subject, reason: str) -> None:
    """Close what is open, because something worse is to be told in its place."""
    alert = step.world.alerts.get(AlertKey(name, subject))
    if alert is not None:
        end(step, alert, reason, alert.facts, closed=True)

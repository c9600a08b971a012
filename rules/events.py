"""Events that one input proves: no row of readings is needed, and they have no end of their own."""

from __future__ import annotations

from rules.changed import replace
from rules.facts import Facts
from rules.ids import derive
from rules.lifecycle import fire
from rules.records import Account, Alert, AlertKey, Subject
from rules.ruleset import Rule
from rules.step import Step


def tell(
    step: Step, rule: Rule, account: Account, what: str, headline: str, details: tuple[str, ...] = ()
) -> None:
    """Open an event on an account: `what` tells events of one rule and account apart."""
    subject = Subject(account.exchange, account.key, "", what)
    facts = Facts(
        rule=rule.name,
        type=rule.type,
        exchange=account.exchange,
        severity=rule.severity,
        label=account.label,
        headline=headline,
        since_ms=step.now_ms,
        read_ms=step.now_ms,
        details=details,
        identifiers=account.identity.identifiers,
        runbook=rule.runbook,
        description=rule.description,
    )
    key = AlertKey(rule.key, subject)
    ident = derive("A", f"{key.rule}|{subject}|{step.now_ms}", lambda text: text in step.world.index.ids)
    alert = Alert(
        key,
        ident,
        rule.name,
        rule.type,
        "pending",
        rule.severity,
        replace(facts, fired_ms=step.now_ms),
        since_ms=step.now_ms,
        last_ms=step.now_ms,
        counted_ms=step.now_ms,
    )
    step.moved(alert, "", "pending")
    fire(step, rule, alert, event=True)

"""Breaks: differences between known figures as alerts with a life, judged like any other figure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rules import telling
from rules.changed import replace
from rules.evidence import Evidence
from rules.facts import Facts
from rules.lifecycle import look
from rules.model import Severity
from rules.reconciling.tracking import spec_of
from rules.records import Account, Alert, AlertKey
from rules.ruleset import ExchangeSettings, Rule
from rules.step import Step
from rules.sweep import gap_cap_ms
from rules.types.base import Family, Verdict, Zone
from rules.types.reconciliation import Reconciliation

GROWN = 10
"""A break that is so many times what was told of it is another matter."""


def judge(
    step: Step,
    settings: ExchangeSettings,
    rule: Rule,
    key: AlertKey,
    facts: Facts,
    *,
    differs: bool,
    began_ms: int,
    ended_ms: int,
) -> Alert | None:
    """One look at two known figures; `facts.value` is their signed difference.

    `facts.readings` are the looks that show it: this one, and those before it that opened nothing yet.
    """
    if not differs and key not in step.world.alerts:
        return None
    value = None if facts.value is None else Decimal(facts.value)
    verdict = Verdict(Zone.QUALIFIES if differs else Zone.CLEAR, rule.severity, value)
    evidence = Evidence(
        verdict,
        began_ms,
        ended_ms,
        key.subject.exchange,
        (),
        gap_cap_ms(step, settings),
        lambda: facts,
        agreed=max(0, facts.readings - 1),
    )
    alert = look(step, rule, key, evidence)
    if alert is not None and alert.state == "firing" and value is not None:
        alert = _followed(step, rule, alert, evidence, facts.readings)
    spec = rule.spec
    if (
        alert is not None
        and alert.state == "firing"
        and isinstance(spec, Reconciliation)
        and spec.escalate_age_ms
    ):
        step.world.index.due(alert.since_ms + spec.escalate_age_ms)
    return alert


def _followed(step: Step, rule: Rule, alert: Alert, evidence: Evidence, readings: int) -> Alert:
    """The break with what was told of its size; where it has grown to a multiple of that it is told anew.

    It may have been acked for dust. As any raise it takes `confirm` looks; that each is GROWN times the one before
    bounds how many there are.
    """
    value, told = Decimal(alert.facts.value or 0), Decimal(alert.told_value or 0)
    if not told or alert.held:
        kept = replace(alert, told_value=alert.facts.value or "", grown_run=0)
    elif evidence.verdict.zone is not Zone.QUALIFIES or value.copy_abs() < GROWN * told.copy_abs():
        kept = replace(alert, grown_run=0)
    else:
        fresh = alert.counted_ms == evidence.ended_ms
        kept = replace(alert, grown_run=max(readings, alert.grown_run + fresh))
    if kept.grown_run >= rule.confirm:
        facts = replace(kept.facts, grown_from=alert.told_value)
        kept = replace(kept, facts=facts, told_value=facts.value or "", grown_run=0)
        step.moved(kept, "firing", "firing", f"grown from {alert.told_value} to {facts.value}")
        kept = telling.raised(step, rule, kept)
    if kept != alert:
        step.world.put_alert(kept)
    return kept


def facts_of(rule: Rule, key: AlertKey, headline: str, value: Decimal, at_ms: int, **more: Any) -> Facts:  # noqa: ANN401  fields of Facts
    """What a message about a break needs to know; `more` are further fields of Facts."""
    facts = Facts(
        rule=rule.name,
        type=rule.type,
        exchange=key.subject.exchange,
        severity=rule.severity,
        wallet=key.subject.wallet,
        asset=key.subject.asset,
        headline=headline,
        value=format(value, "f"),
        since_ms=at_ms,
        read_ms=at_ms,
        readings=1,
        runbook=rule.runbook,
        description=rule.description,
    )
    return replace(facts, **more)


def about(account: Account) -> dict[str, Any]:
    """The fields of Facts that name an account."""
    return {"label": account.label, "identifiers": account.identity.identifiers}


def grow_old(step: Step) -> None:
    """A break that is still open at its `escalate_age`, since it was first seen, becomes critical."""
    ages = {
        rule.key: spec_of(rule).escalate_age_ms
        for rule in step.ruleset.rules
        if rule.spec.family is Family.RECONCILIATION and spec_of(rule).escalate_age_ms is not None
    }
    for key, alert in sorted(step.world.alerts.items()) if ages else ():
        rule, age_ms = step.rule(key.rule), ages.get(key.rule)
        if rule is None or age_ms is None or alert.state != "firing":
            continue
        if alert.expires_ms is not None or alert.severity is Severity.CRITICAL:
            continue
        at_ms = alert.since_ms + age_ms
        if step.now_ms < at_ms:
            step.world.index.due(at_ms)
            continue
        facts = replace(
            alert.facts,
            severity=Severity.CRITICAL,
            raised_from=alert.severity,
            grown_from=None,
            aged_ms=step.now_ms - alert.since_ms,
            held_ms=step.now_ms - alert.since_ms,
        )
        told = alert.facts.value or ""
        raised = replace(alert, severity=Severity.CRITICAL, facts=facts, told_value=told, grown_run=0)
        step.moved(raised, "firing", "firing", f"raised from {alert.severity} to critical by its age")
        step.world.put_alert(telling.raised(step, rule, raised))

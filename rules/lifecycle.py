"""The life of an alert on one figure: pending, firing, the end; each step needs readings that agree.

DESIGN §2 "How a verdict comes about" is this file. A reading is new evidence when it began after the last
counted one ended; a figure made of several wallets is new evidence when all of them are. Where `confirm` is 1
such a sum still needs one look at which no wallet is older than the onset: a move between two wallets, read
one before and one after, is no fall. An alert keeps its highest severity until it ends: a figure that swings
around the critical tier is one raise, not one a minute.
"""

from __future__ import annotations

from decimal import Decimal

from rules import telling, withdrawing
from rules.changed import replace
from rules.evidence import Evidence, confirmed, cut, grown, is_fresh, later, only_mixed
from rules.facts import Facts
from rules.ids import derive
from rules.model import Severity
from rules.outcome import Recheck
from rules.outlook import Outlook
from rules.records import Alert, AlertKey, Course
from rules.ruleset import Rule
from rules.step import Step
from rules.types.base import Verdict, Zone
from rules.types.runway import Rate, empties_within
from rules.values import EXACT

FEW_PARTS = 32
"""A sum of more wallets asks for its confirming reads once a round, not at each of them."""


def look(step: Step, rule: Rule, key: AlertKey, evidence: Evidence) -> Alert | None:
    """Judge one look at one subject; the alert as it now is, None when there is none open."""
    alert = step.world.alerts.get(key)
    zone = evidence.verdict.zone
    if zone is Zone.UNKNOWN:
        return alert
    if zone is Zone.QUALIFIES:
        alert = _opened(step, rule, key, evidence) if alert is None else _agreed(step, alert, evidence)
        if evidence.amounts is not None:
            alert = replace(alert, course=withdrawing.qualified(alert.course, evidence.amounts()))
        return (
            _pending(step, rule, alert, evidence)
            if alert.state == "pending"
            else _firing(step, rule, alert, evidence)
        )
    if alert is None:
        return None
    if alert.state == "pending":
        withdraw(step, rule, alert)
        return None
    if zone is Zone.BAND:
        # Only the figures move: the limits stay those under which it last qualified.
        facts = _figures(alert.facts, evidence)
        return _keep(step, replace(alert, runs=(0, 0, 0), clear_run=0, clear_ms=None, facts=facts))
    return _cleared(step, rule, alert, evidence)


def end(step: Step, alert: Alert, reason: str, facts: Facts, *, closed: bool) -> None:
    """End an alert: `resolved` when its condition is over, `closed` when there is nothing left to judge."""
    after = "closed" if closed else "resolved"
    if alert.state == "pending":
        after = "inactive"
    ended = replace(
        alert, state=after, facts=replace(facts, reason=reason, fired_ms=alert.fired_ms, ended_ms=step.now_ms)
    )
    step.world.drop_alert(alert.key, step.now_ms)
    step.outcome.ended.append(ended)
    step.moved(ended, alert.state, after, reason)
    if alert.state == "firing" and not alert.held:
        telling.ended(step, ended, closed=closed)


def _opened(step: Step, rule: Rule, key: AlertKey, evidence: Evidence) -> Alert:
    facts = evidence.facts()
    before = (evidence.agreed, evidence.agreed, evidence.agreed)
    ident = derive("A", f"{key.rule}|{key.subject}|{evidence.ended_ms}", lambda text: _taken(step, text))
    alert = Alert(
        key,
        ident,
        rule.name,
        rule.type,
        "pending",
        evidence.verdict.severity,
        facts,
        since_ms=evidence.ended_ms,
        last_ms=evidence.ended_ms,
        counted_ms=evidence.ended_ms,
        runs=(0, 0, 0) if only_mixed(rule, evidence) else grown(before, evidence.verdict.severity),
    )
    step.moved(alert, "", "pending")
    return alert


def _agreed(step: Step, alert: Alert, evidence: Evidence) -> Alert:
    """One more reading qualifies: the row grows when it is new evidence, and `for` adds the gap."""
    severity = evidence.verdict.severity
    fresh = is_fresh(alert, evidence)
    runs = grown(alert.runs, severity) if fresh else cut(alert.runs, severity)
    # Downtime does not count: a gap that began before the last start is no time of ours.
    counts = alert.clear_ms is None and alert.last_ms >= step.world.started_ms
    gap = min(evidence.ended_ms - alert.last_ms, evidence.cap_ms) if counts else 0
    return replace(
        alert,
        runs=runs,
        counted_ms=evidence.ended_ms if fresh else alert.counted_ms,
        held_ms=alert.held_ms + max(gap, 0),
        last_ms=later(alert.last_ms, evidence.ended_ms),
        clear_run=0,
        clear_ms=None,
    )


def _pending(step: Step, rule: Rule, alert: Alert, evidence: Evidence) -> Alert:
    if alert.held_ms < rule.for_ms:
        return _keep(step, replace(alert, facts=_grown(alert, evidence)))
    severity = confirmed(alert, rule)
    if severity is None or severity.rank < evidence.verdict.severity.rank:
        _recheck(step, alert, evidence, evidence.verdict.severity)
    if severity is None:
        return _keep(step, replace(alert, facts=_grown(alert, evidence)))
    alert = replace(alert, severity=severity, facts=_grown(alert, evidence, severity, step.now_ms))
    if evidence.hold is not None:
        alert = evidence.hold(alert)
    return fire(step, rule, alert, event=evidence.event, held=alert.held)


def fire(step: Step, rule: Rule | None, alert: Alert, *, event: bool, held: bool = False) -> Alert:
    """From pending to firing. An event becomes a subject of its own, so that the next one finds its place.

    One that is `held` is told later, by whoever held it.
    """
    key = alert.key
    if event:
        if key in step.world.alerts:
            step.world.drop_alert(key, step.now_ms)
        key = AlertKey(key.rule, key.subject._replace(event=alert.id))
    fired = replace(alert, key=key, state="firing", fired_ms=step.now_ms)
    step.moved(fired, "pending", "firing")
    fired = telling.fired(step, rule, fired, event=event, held=held)
    return _keep(step, fired)


def _firing(step: Step, rule: Rule, alert: Alert, evidence: Evidence) -> Alert:
    severity = confirmed(alert, rule)
    alert = replace(alert, facts=_grown(alert, evidence, alert.severity))
    wanted = evidence.verdict.severity
    if wanted.rank > alert.severity.rank and (severity is None or severity.rank < wanted.rank):
        _recheck(step, alert, evidence, wanted)
    if severity is not None and severity.rank > alert.severity.rank:
        before = alert.severity
        alert = replace(
            alert, severity=severity, facts=replace(alert.facts, severity=severity, raised_from=before)
        )
        step.moved(alert, "firing", "firing", f"raised from {before} to {severity}")
        alert = telling.raised(step, rule, alert)
    return _keep(step, telling.reached(step, rule, alert))


def _cleared(step: Step, rule: Rule, alert: Alert, evidence: Evidence) -> Alert | None:
    run = alert.clear_run
    counted_ms = alert.counted_ms
    if alert.clear_ms is None:
        run, counted_ms = 0 if only_mixed(rule, evidence) else 1, evidence.ended_ms
    elif is_fresh(alert, evidence):
        run, counted_ms = run + 1, evidence.ended_ms
    alert = replace(
        alert,
        runs=(0, 0, 0),
        clear_run=run,
        counted_ms=counted_ms,
        clear_ms=evidence.ended_ms if alert.clear_ms is None else alert.clear_ms,
        course=_course_of(alert, evidence),
    )
    until = alert.last_ms + rule.keep_firing_ms
    if run < rule.confirm:
        if evidence.ended_ms >= until:
            _recheck(step, alert, evidence, alert.severity)
        return _keep(step, replace(alert, facts=_figures(alert.facts, evidence)))
    facts = _figures(alert.facts, evidence)
    if _only_the_edit(alert.facts, evidence.verdict):
        end(step, alert, "rule changed", facts, closed=True)
        return None
    if step.now_ms < until:
        step.world.index.due(until)
        return _keep(step, replace(alert, facts=facts))
    end(step, alert, withdrawing.ended(alert), facts, closed=False)
    return None


def _course_of(alert: Alert, evidence: Evidence) -> Course | None:
    """The course of a withdrawal after a clear look: only the first of a row counts."""
    if evidence.amounts is None or alert.clear_ms is not None:
        return alert.course
    return withdrawing.cleared(alert.course, evidence.amounts())


def _only_the_edit(facts: Facts, verdict: Verdict) -> bool:
    """Whether the figure would not be clear by the limits under which the alert last qualified."""
    value = verdict.value
    if facts.outlook is not None and value is not None:
        return _still_empties(facts.outlook, value, verdict)
    if value is None or facts.clear_at is None:
        return False
    limit = Decimal(facts.clear_at)
    if facts.granted is not None and verdict.allowed_texts == facts.allowed:
        # The same allows: how much of them is used may differ, and that is no edit.
        limit, value = EXACT.subtract(limit, Decimal(facts.granted)), EXACT.subtract(value, verdict.granted)
    return value < limit if facts.sign == "<" else value > limit


def _still_empties(old: Outlook, value: Decimal, verdict: Verdict) -> bool:
    """As `_only_the_edit`, of a runway. By another `over` it is another rate: what the old one said is not known."""
    new = verdict.outlook
    if new is None or new.over_ms != old.over_ms:
        return True
    rate = Rate(Decimal(new.fell), new.seen_ms)
    return empties_within(value, Decimal(old.below), rate, old.ends_ms)


def withdraw(step: Step, rule: Rule, alert: Alert) -> None:
    """A pending alert whose condition does not hold: nobody was told, nobody is."""
    if confirmed(alert, rule) is None and alert.held_ms >= rule.for_ms:
        step.note(
            "glitch", alert.key.subject.exchange, f"{rule.name}: {alert.facts.label} {alert.facts.asset}"
        )
    step.world.drop_alert(alert.key, step.now_ms)
    step.moved(alert, "pending", "inactive")


def _recheck(step: Step, alert: Alert, evidence: Evidence, severity: Severity) -> None:
    """Ask for the reads that would settle it: of the parts not read since the last counted look."""
    all_of_them = alert.counted_ms == evidence.ended_ms
    if not all_of_them and len(evidence.parts) > FEW_PARTS:
        return
    accounts = step.world.accounts
    table = step.world.valuations if evidence.valued else step.world.holdings
    for part in evidence.parts:
        known = table.get(part)
        if all_of_them or known is None or known.began_ms < alert.counted_ms:
            exchange = accounts[part[0]].exchange
            step.outcome.rechecks.append(Recheck(exchange, *part, severity, valued=evidence.valued))


def _grown(
    alert: Alert, evidence: Evidence, severity: Severity | None = None, fired_ms: int | None = None
) -> Facts:
    """The figures of now with the onset of then, and with the severity that is confirmed."""
    new = evidence.facts()
    old = alert.facts
    return replace(
        new,
        before=old.before,
        before_ms=old.before_ms,
        since_ms=alert.since_ms,
        held_ms=alert.held_ms,
        readings=max(alert.runs),
        severity=severity or new.severity,
        fired_ms=alert.fired_ms if fired_ms is None else fired_ms,
    )


def _figures(facts: Facts, evidence: Evidence) -> Facts:
    """At a look that does not qualify only the figures move; the limits stay those that it last broke."""
    new = evidence.facts()
    return replace(
        facts,
        headline=facts.headline if new.value is None else new.headline,
        value=new.value,
        perhaps=new.perhaps,
        read_ms=new.read_ms,
        also=new.also,
        details=new.details,
        outlook=_outlook(facts.outlook, new.outlook),
        label=new.label,
        identifiers=new.identifiers,
    )


def _outlook(old: Outlook | None, new: Outlook | None) -> Outlook | None:
    """The new one under the old limits, as long as both speak of the same."""
    if old is None or new is None or (old.below, old.over_ms) != (new.below, new.over_ms):
        return old
    return replace(new, within_ms=old.within_ms, ends_ms=old.ends_ms)


def _keep(step: Step, alert: Alert) -> Alert:
    step.world.put_alert(alert)
    return alert


def _taken(step: Step, ident: str) -> bool:
    return ident in step.world.index.ids

"""The life of an alert on one figure: pending, firing, the end; each step needs readings that agree.

DESIGN §2 "How a verdict comes about" is this file. A reading is new evidence when it began after the last
counted one ended; a figure made of several wallets is new evidence when all of them are. Where `confirm` is 1
such a sum still needs one look at which no wallet is older than the onset: a move between two wallets, read
one before and one after, is no fall. An alert keeps its highest severity until it ends: a figure that swings
around the critical tier is one raise, not one a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from rules import telling
from rules.facts import Facts
from rules.ids import derive
from rules.model import Severity
from rules.outcome import Recheck
from rules.records import Alert, AlertKey
from rules.ruleset import MINUTE_MS, Rule
from rules.step import Step, severities_from
from rules.types.base import Verdict, Zone

CLOCK_JUMP_MS = MINUTE_MS
"""A reading that is older than the last one by more than this tells of a clock set back, not of its age."""

FEW_PARTS = 32
"""A sum of more wallets asks for its confirming reads once a round, not at each of them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One look at a subject: when it was taken, what it says, and which calls would confirm it.

    `began_ms` is the oldest begin of the parts, `ended_ms` the end of the reading that just arrived, and
    `mixed` tells that some part is older than that reading. `parts` are the (account, wallet) pairs to read
    again. `cap_ms` bounds one gap of `for`. `facts` is called only when something is to be recorded.
    """

    verdict: Verdict
    began_ms: int
    ended_ms: int
    exchange: str
    parts: tuple[tuple[int, str], ...]
    cap_ms: int
    facts: Callable[[], Facts]
    event: bool = False
    mixed: bool = False
    valued: bool = False


def look(step: Step, rule: Rule, key: AlertKey, evidence: Evidence) -> Alert | None:
    """Judge one look at one subject; the alert as it now is, None when there is none open."""
    alert = step.world.alerts.get(key)
    zone = evidence.verdict.zone
    if zone is Zone.UNKNOWN:
        return alert
    if zone is Zone.QUALIFIES:
        alert = _opened(step, rule, key, evidence) if alert is None else _agreed(step, alert, evidence)
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
    step.world.drop_alert(alert.key)
    step.outcome.ended.append(ended)
    step.moved(ended, alert.state, after, reason)
    if alert.state == "firing" and not alert.held:
        telling.ended(step, ended, closed=closed)


def _opened(step: Step, rule: Rule, key: AlertKey, evidence: Evidence) -> Alert:
    facts = evidence.facts()
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
        runs=(0, 0, 0) if _only_mixed(rule, evidence) else _runs((0, 0, 0), evidence.verdict.severity),
    )
    step.moved(alert, "", "pending")
    return alert


def _agreed(step: Step, alert: Alert, evidence: Evidence) -> Alert:
    """One more reading qualifies: the row grows when it is new evidence, and `for` adds the gap."""
    severity = evidence.verdict.severity
    fresh = _is_fresh(alert, evidence)
    runs = _runs(alert.runs, severity) if fresh else _cut(alert.runs, severity)
    # Downtime does not count: a gap that began before the last start is no time of ours.
    counts = alert.clear_ms is None and alert.last_ms >= step.world.started_ms
    gap = min(evidence.ended_ms - alert.last_ms, evidence.cap_ms) if counts else 0
    return replace(
        alert,
        runs=runs,
        counted_ms=evidence.ended_ms if fresh else alert.counted_ms,
        held_ms=alert.held_ms + max(gap, 0),
        last_ms=_later(alert.last_ms, evidence.ended_ms),
        clear_run=0,
        clear_ms=None,
    )


def _pending(step: Step, rule: Rule, alert: Alert, evidence: Evidence) -> Alert:
    if alert.held_ms < rule.for_ms:
        return _keep(step, replace(alert, facts=_grown(alert, evidence)))
    severity = _confirmed(alert, rule)
    if severity is None or severity.rank < evidence.verdict.severity.rank:
        _recheck(step, alert, evidence, evidence.verdict.severity)
    if severity is None:
        return _keep(step, replace(alert, facts=_grown(alert, evidence)))
    facts = replace(_grown(alert, evidence), severity=severity, fired_ms=step.now_ms)
    return fire(step, rule, replace(alert, severity=severity, facts=facts), event=evidence.event)


def fire(step: Step, rule: Rule | None, alert: Alert, *, event: bool) -> Alert:
    """From pending to firing. An event becomes a subject of its own, so that the next one finds its place."""
    key = alert.key
    if event:
        if key in step.world.alerts:
            step.world.drop_alert(key)
        key = AlertKey(key.rule, key.subject._replace(event=alert.id))
    fired = replace(alert, key=key, state="firing", fired_ms=step.now_ms)
    step.moved(fired, "pending", "firing")
    fired = telling.fired(step, rule, fired, event=event)
    return _keep(step, fired)


def _firing(step: Step, rule: Rule, alert: Alert, evidence: Evidence) -> Alert:
    severity = _confirmed(alert, rule)
    alert = replace(alert, facts=_current(alert, evidence))
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
        run, counted_ms = 0 if _only_mixed(rule, evidence) else 1, evidence.ended_ms
    elif _is_fresh(alert, evidence):
        run, counted_ms = run + 1, evidence.ended_ms
    alert = replace(
        alert,
        runs=(0, 0, 0),
        clear_run=run,
        counted_ms=counted_ms,
        clear_ms=evidence.ended_ms if alert.clear_ms is None else alert.clear_ms,
    )
    until = alert.last_ms + rule.keep_firing_ms
    if run < rule.confirm:
        if evidence.ended_ms >= until:
            _recheck(step, alert, evidence, alert.severity)
        return _keep(step, replace(alert, facts=_figures(alert.facts, evidence)))
    facts = _figures(alert.facts, evidence)
    if _only_the_edit(alert.facts, evidence.verdict.value):
        end(step, alert, "rule changed", facts, closed=True)
        return None
    if step.now_ms < until:
        step.world.index.due(until)
        return _keep(step, replace(alert, facts=facts))
    end(step, alert, "", facts, closed=False)
    return None


def _only_the_edit(facts: Facts, value: Decimal | None) -> bool:
    """Whether the figure would not be clear by the limits under which the alert last qualified."""
    if value is None or facts.clear_at is None:
        return False
    limit = Decimal(facts.clear_at)
    return value < limit if facts.sign == "<" else value > limit


def withdraw(step: Step, rule: Rule, alert: Alert) -> None:
    """A pending alert whose condition does not hold: nobody was told, nobody is."""
    if _confirmed(alert, rule) is None and alert.held_ms >= rule.for_ms:
        step.note(
            "glitch", alert.key.subject.exchange, f"{rule.name}: {alert.facts.label} {alert.facts.asset}"
        )
    step.world.drop_alert(alert.key)
    step.moved(alert, "pending", "inactive")


def _confirmed(alert: Alert, rule: Rule) -> Severity | None:
    """The highest severity for which `confirm` readings in a row agree."""
    agreed = [severity for severity in Severity if alert.runs[severity.rank] >= rule.confirm]
    return max(agreed, key=lambda severity: severity.rank, default=None)


def _runs(runs: tuple[int, int, int], severity: Severity) -> tuple[int, int, int]:
    met = severities_from(severity)
    one, two, three = (count + 1 if rank in met else 0 for rank, count in enumerate(runs))
    return one, two, three


def _cut(runs: tuple[int, int, int], severity: Severity) -> tuple[int, int, int]:
    met = severities_from(severity)
    one, two, three = (count if rank in met else 0 for rank, count in enumerate(runs))
    return one, two, three


def _is_fresh(alert: Alert, evidence: Evidence) -> bool:
    """Whether every part of the figure was asked for after the last counted look."""
    return evidence.began_ms >= alert.counted_ms or evidence.ended_ms < alert.counted_ms - CLOCK_JUMP_MS


def _only_mixed(rule: Rule, evidence: Evidence) -> bool:
    """Whether one look would decide although its parts are of different times."""
    return evidence.mixed and rule.confirm == 1


def _later(last_ms: int, now_ms: int) -> int:
    """The later of two times, or the earlier where the clock was set back between them."""
    return now_ms if now_ms < last_ms - CLOCK_JUMP_MS else max(now_ms, last_ms)


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


def _grown(alert: Alert, evidence: Evidence) -> Facts:
    """While pending: the figures of now with the onset of then."""
    new = evidence.facts()
    old = alert.facts
    return replace(
        new,
        before=old.before,
        before_ms=old.before_ms,
        since_ms=alert.since_ms,
        held_ms=alert.held_ms,
        readings=max(alert.runs),
    )


def _current(alert: Alert, evidence: Evidence) -> Facts:
    return replace(_grown(alert, evidence), severity=alert.severity, fired_ms=alert.fired_ms)


def _figures(facts: Facts, evidence: Evidence) -> Facts:
    """At a look that does not qualify only the figures move; the limits stay those that it last broke."""
    new = evidence.facts()
    return replace(
        facts,
        value=new.value,
        read_ms=new.read_ms,
        also=new.also,
        details=new.details,
        label=new.label,
        identifiers=new.identifiers,
    )


def _keep(step: Step, alert: Alert) -> Alert:
    step.world.put_alert(alert)
    return alert


def _taken(step: Step, ident: str) -> bool:
    return ident in step.world.index.ids

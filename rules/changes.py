"""`balance_change`: the trail of a subject's past figures, and the event when the last one is far from them."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

from rules import blindness
from rules.changed import replace
from rules.evidence import Evidence
from rules.facts import Facts
from rules.figures import Arrival, Look, facts_of, look_at, with_before
from rules.lifecycle import look, withdraw
from rules.plan import is_valued
from rules.reconciling import changes as movement
from rules.records import Alert, AlertKey, TrailPoint
from rules.ruleset import ExchangeSettings, Rule
from rules.step import Step
from rules.sweep import gap_cap_ms
from rules.types.balance_change import BalanceChange
from rules.types.base import Verdict, Zone
from rules.values import EXACT

TRAIL_MOST = 512
"""Points kept of one subject: beyond it the second oldest goes, so the reference is never older than true."""


def judge(step: Step, settings: ExchangeSettings, rule: Rule, key: AlertKey, arrival: Arrival) -> None:
    """One look at one subject: compare with the window, then remember the figure that was left."""
    seen = look_at(step, rule, key, arrival)
    blindness.seen(step, rule, key, arrival, seen)
    seen = with_before(step, rule, key, arrival, seen)
    if seen.value is None:
        return
    pending = step.world.alerts.get(key)
    trail = _extended(step, rule, key, seen)
    reference = _reference(
        cast("BalanceChange", rule.spec), _compared(rule, trail, seen, arrival, pending), seen.value
    )
    verdict = Verdict(Zone.CLEAR, rule.severity, seen.value)
    if reference is not None:
        verdict = replace(verdict, zone=Zone.QUALIFIES, threshold=reference)
        headline = "fell" if seen.value < reference else "rose"
        if pending is not None and pending.facts.headline != headline:
            withdraw(step, rule, pending)  # it turned round: the other way needs a row of its own
    evidence = Evidence(
        verdict,
        seen.began_ms,
        arrival.ended_ms,
        arrival.account.exchange,
        seen.parts,
        gap_cap_ms(step, settings),
        lambda: _facts(step, rule, key, arrival, seen, verdict, trail),
        event=True,
        mixed=len(seen.parts) > 1,
        valued=is_valued(rule),
        hold=lambda alert: movement.hold(step, alert),
    )
    alert = look(step, rule, key, evidence)
    if alert is not None and alert.state == "firing":
        # Told: what comes next is measured from here, so that one change is one event.
        step.world.trails[key] = (TrailPoint(format(seen.value, "f"), arrival.ended_ms),)


def _compared(
    rule: Rule, trail: tuple[TrailPoint, ...], seen: Look, arrival: Arrival, pending: Alert | None
) -> list[Decimal]:
    """The figures to compare with: those inside the window, else the last one before it.

    The window of a pending event ends at its onset: a confirming reading may come much later.
    """
    at_ms = arrival.ended_ms if pending is None else pending.since_ms
    since = at_ms - cast("BalanceChange", rule.spec).within_ms
    inside = [Decimal(point.value) for point in trail if point.last_ms >= since]
    if inside:
        return inside
    if pending is not None:
        return [Decimal(point.value) for point in trail[-1:]]
    return [] if seen.before is None else [seen.before]


def _extended(step: Step, rule: Rule, key: AlertKey, seen: Look) -> tuple[TrailPoint, ...]:
    """The trail with the figure before this look at its end; points that no window can need are dropped."""
    trail = step.world.trails.get(key, ())
    if seen.before is None or seen.before == seen.value or seen.before_ms is None:
        return trail
    if key in step.world.alerts:
        return trail  # while pending, the reference of the onset stays
    point = TrailPoint(format(seen.before, "f"), seen.before_ms)
    since = seen.before_ms - cast("BalanceChange", rule.spec).within_ms
    kept = [old for old in trail if old.last_ms >= since and old.value != point.value]
    kept.append(point)
    if len(kept) > TRAIL_MOST:
        del kept[1]
    step.world.trails[key] = tuple(kept)
    return step.world.trails[key]


def _reference(spec: BalanceChange, figures: list[Decimal], value: Decimal) -> Decimal | None:
    """The figure from which the change is enough: for a drop the highest such, for a rise the lowest."""
    if spec.drop is not None:
        for one in sorted(figures, reverse=True):
            if value < one and spec.drop.reached(EXACT.subtract(one, value), one):
                return one
    if spec.rise is not None:
        for one in sorted(figures):
            if value > one and spec.rise.reached(EXACT.subtract(value, one), one):
                return one
    return None


def _facts(
    step: Step,
    rule: Rule,
    key: AlertKey,
    arrival: Arrival,
    seen: Look,
    verdict: Verdict,
    trail: tuple[TrailPoint, ...],
) -> Facts:
    facts = facts_of(step, rule, key, arrival, seen, verdict)
    reference = verdict.threshold
    if reference is None or seen.value is None:
        return facts
    spec = cast("BalanceChange", rule.spec)
    step_ = spec.drop if seen.value < reference else spec.rise
    point = next((p for p in trail if Decimal(p.value) == reference), None)
    limit = "" if step_ is None else f"{step_.amount:f}%" if step_.percent else f"{step_.amount:f}"
    return replace(
        facts,
        headline="fell" if seen.value < reference else "rose",
        sign="",
        threshold=limit,
        clear_at=None,
        before=format(reference, "f"),
        before_ms=None if point is None else point.last_ms,
        window_ms=spec.within_ms,
    )

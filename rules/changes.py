"""`balance_change`: the trail of a subject's past figures, and the event when the last one is far from them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import cast

from rules import health
from rules.facts import Facts
from rules.figures import Arrival, Look, facts_of, look_at
from rules.lifecycle import Evidence, look
from rules.ruleset import ExchangeSettings, Rule
from rules.step import Step
from rules.sweep import gap_cap_ms
from rules.types.balance_change import BalanceChange
from rules.types.base import Verdict, Zone
from rules.values import EXACT
from rules.world import AlertKey, TrailPoint

TRAIL_MOST = 512
"""Points kept of one subject: beyond it the second oldest goes, so the reference is never older than true."""


def judge(step: Step, settings: ExchangeSettings, rule: Rule, key: AlertKey, arrival: Arrival) -> None:
    """One look at one subject: compare with the window, then remember the figure that was left."""
    seen = look_at(step, rule, key, arrival)
    health.seen(step, rule, key, arrival, known=seen.value is not None)
    if seen.value is None:
        return
    trail = _extended(step, rule, key, seen)
    reference = _reference(cast("BalanceChange", rule.spec), trail, seen.value, arrival.ended_ms)
    verdict = Verdict(Zone.CLEAR, rule.severity, seen.value)
    if reference is not None:
        verdict = replace(verdict, zone=Zone.QUALIFIES, threshold=reference)
    evidence = Evidence(
        verdict,
        seen.began_ms,
        arrival.ended_ms,
        arrival.account.exchange,
        seen.parts,
        gap_cap_ms(step, settings),
        lambda: _facts(step, rule, key, arrival, seen, verdict, trail),
        event=True,
    )
    alert = look(step, rule, key, evidence)
    if alert is not None and alert.state == "firing":
        # Told: what comes next is measured from here, so that one change is one event.
        step.world.trails[key] = (TrailPoint(format(seen.value, "f"), arrival.ended_ms),)


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


def _reference(
    spec: BalanceChange, trail: tuple[TrailPoint, ...], value: Decimal, now_ms: int
) -> Decimal | None:
    """The figure inside the window from which the change is enough; the last one before it where none is inside."""
    inside = [Decimal(point.value) for point in trail if point.last_ms >= now_ms - spec.within_ms]
    if not inside and trail:
        inside = [Decimal(trail[-1].value)]
    if not inside:
        return None
    highest, lowest = max(inside), min(inside)
    if (
        spec.drop is not None
        and value < highest
        and spec.drop.reached(EXACT.subtract(highest, value), highest)
    ):
        return highest
    if spec.rise is not None and value > lowest and spec.rise.reached(EXACT.subtract(value, lowest), lowest):
        return lowest
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

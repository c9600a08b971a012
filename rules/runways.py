"""`runway`: the trail of a subject's falls, the rate that it tells, and one look at the time that is left.

A trail begins with its anchor, the figure at the last change of it, and goes on with stretches of time from old
to new: how much fell in each (`value`) and how long it was observed (`seen_ms`). A rise moves the anchor and
adds nothing. A figure that is made of several wallets is taken once a round, with the reading of its last
wallet: what moves from one wallet to another between two takes is no fall.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import TypeAlias, cast

from rules import blindness
from rules.changed import replace
from rules.evidence import Evidence
from rules.facts import Facts
from rules.figures import Arrival, Look, facts_of, look_at, with_before
from rules.lifecycle import look
from rules.plan import is_valued
from rules.records import AlertKey, TrailPoint
from rules.ruleset import ExchangeSettings, Rule
from rules.step import Step
from rules.sweep import gap_cap_ms, late_after_ms
from rules.types.base import Verdict, Zone
from rules.types.runway import Rate, Runway
from rules.values import EXACT, add

STRETCHES_MOST = 256
"""Stretches kept of one subject: beyond it the two neighbours that are shortest together become one."""

OLDEST_TIMES = 2
"""What is older than so many times `over` tells nothing of now, however little was observed since."""

Trail: TypeAlias = tuple[TrailPoint, ...]


def judge(step: Step, settings: ExchangeSettings, rule: Rule, key: AlertKey, arrival: Arrival) -> None:
    """One look at one subject: remember what fell, then hold the time left against the limits."""
    seen = look_at(step, rule, key, arrival)
    blindness.seen(step, rule, key, arrival, seen)
    if seen.value is None:
        return
    if (arrival.account.key, arrival.wallet) == seen.parts[-1]:
        _take(step, settings, rule, key, arrival, seen, seen.value)
    verdict = verdict_of(step, rule, key, seen)
    if verdict.zone is not Zone.QUALIFIES and key not in step.world.alerts:
        return
    evidence = Evidence(
        verdict,
        seen.began_ms,
        arrival.ended_ms,
        arrival.account.exchange,
        seen.parts,
        gap_cap_ms(step, settings),
        lambda: _facts(step, rule, key, arrival, seen, verdict),
        mixed=len(seen.parts) > 1,
        valued=is_valued(rule),
    )
    look(step, rule, key, evidence)


def verdict_of(step: Step, rule: Rule, key: AlertKey, seen: Look) -> Verdict:
    """The verdict on a look by what is remembered now."""
    spec = cast("Runway", rule.spec)
    return spec.verdict(seen.value, rule.severity, rate_of(step, rule, key, seen))


def rate_of(step: Step, rule: Rule, key: AlertKey, seen: Look) -> Rate:
    """The rate up to the last reading of the subject."""
    trail = step.world.trails.get(key, ())
    taken_ms = _read_ms(step, rule, seen) if seen.parts else None
    if not trail or taken_ms is None:
        return Rate(Decimal(0), 0)
    return rate(trail, taken_ms, cast("Runway", rule.spec).over_ms)


def rate(trail: Trail, now_ms: int, over_ms: int) -> Rate:
    """What fell in the last `over_ms` of observation, in whole stretches from the newest back.

    A stretch in which something fell counts whole, with all of its time; a quiet one only as far as needed.
    """
    anchor, stretches = trail[0], trail[1:]
    seen_ms = min(max(now_ms - anchor.last_ms, 0), over_ms)
    fell: list[Decimal] = []
    for stretch in reversed(stretches):
        if seen_ms >= over_ms or stretch.last_ms < now_ms - OLDEST_TIMES * over_ms:
            break
        amount = Decimal(stretch.value)
        fell.append(amount)
        seen_ms += stretch.seen_ms if amount else min(stretch.seen_ms, over_ms - seen_ms)
    return Rate(add(fell), seen_ms)


def _take(
    step: Step,
    settings: ExchangeSettings,
    rule: Rule,
    key: AlertKey,
    arrival: Arrival,
    seen: Look,
    value: Decimal,
) -> None:
    """Compare with the anchor. Where no reading came for as long as makes an account stale, begin anew beside it.

    Neither the time of such a gap counts nor what fell in it: nobody knows how it fell, and a rate of a known fall
    over a time that counts in part would be too high.
    """
    trail = step.world.trails.get(key, ())
    anchor = TrailPoint(format(value, "f"), arrival.ended_ms, parts=len(seen.parts))
    if not trail:
        step.world.trails[key] = (anchor,)
        return
    old, over_ms = trail[0], cast("Runway", rule.spec).over_ms
    before = arrival.before_valuation if is_valued(rule) else arrival.before
    previous_ms = None if before is None else before.ended_ms
    quiet_ms = 0 if previous_ms is None else max(previous_ms - old.last_ms, 0)
    gap_ms = None if previous_ms is None else arrival.ended_ms - max(previous_ms, old.last_ms)
    broken = gap_ms is None or not 0 <= gap_ms <= late_after_ms(step, settings) or old.parts != anchor.parts
    fell = EXACT.subtract(Decimal(old.value), value)
    if not (broken or fell):
        return
    stretches = list(trail[1:])
    if quiet_ms and previous_ms is not None:
        stretches.append(TrailPoint("0", previous_ms, quiet_ms))
    if not broken and gap_ms is not None:
        stretches.append(TrailPoint(format(max(fell, Decimal(0)), "f"), arrival.ended_ms, gap_ms))
    step.world.trails[key] = (anchor, *_needed(stretches, over_ms))


def _needed(stretches: list[TrailPoint], over_ms: int) -> Sequence[TrailPoint]:
    """Without what lies before the window, and with neighbours put together where there are too many."""
    seen_ms, first = 0, len(stretches)
    while first > 0 and seen_ms < over_ms:
        first -= 1
        seen_ms += stretches[first].seen_ms
    kept = _joined(stretches[first:])
    while len(kept) > STRETCHES_MOST:
        lengths = [one.seen_ms + other.seen_ms for one, other in pairwise(kept)]
        at = lengths.index(min(lengths))
        kept[at : at + 2] = [_one(kept[at], kept[at + 1])]
    return kept


def _joined(stretches: list[TrailPoint]) -> list[TrailPoint]:
    """Quiet neighbours without a gap between are one stretch: only what fell needs a place of its own."""
    kept: list[TrailPoint] = []
    for stretch in stretches:
        follows = bool(kept) and kept[-1].last_ms == stretch.last_ms - stretch.seen_ms
        if follows and kept[-1].value == stretch.value == "0":
            kept[-1] = _one(kept[-1], stretch)
        else:
            kept.append(stretch)
    return kept


def _one(older: TrailPoint, newer: TrailPoint) -> TrailPoint:
    fell = EXACT.add(Decimal(older.value), Decimal(newer.value))
    return TrailPoint(format(fell, "f"), newer.last_ms, older.seen_ms + newer.seen_ms)


def _read_ms(step: Step, rule: Rule, seen: Look) -> int | None:
    """When the figure was taken last: with the last wallet that it is made of."""
    table = step.world.valuations if is_valued(rule) else step.world.holdings
    known = table.get(seen.parts[-1])
    return None if known is None else known.ended_ms


def _facts(step: Step, rule: Rule, key: AlertKey, arrival: Arrival, seen: Look, verdict: Verdict) -> Facts:
    facts = facts_of(step, rule, key, arrival, with_before(step, rule, key, arrival, seen), verdict)
    return replace(facts, outlook=verdict.outlook)

"""What a shift is: how far a major fell, less what went elsewhere by withdrawal or transfer, beside what is new.

A key that may only trade can do neither: what a statement, a movement, or a withdrawal that ended accounts for is no
part of a shift, and what is left of the fall is measured against what was left to turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import cast

from rules.ledger import NEW, Mark, ShiftKey
from rules.reconciling.shift_ways import changes_of, points_of, total_of, went
from rules.records import Account
from rules.ruleset import ExchangeSettings, Rule
from rules.step import Step
from rules.types.composition_shift import CompositionShift
from rules.values import EXACT, ZERO, add


@dataclass(frozen=True, slots=True)
class Shift:
    """`asset` fell from `top` to `now` since `top` was left at `since_ms`, of which `gone` went elsewhere."""

    asset: str
    top: Decimal
    gone: Decimal
    now: Decimal
    since_ms: int

    @property
    def base(self) -> Decimal:
        """What there was to turn into something else."""
        return EXACT.subtract(self.top, self.gone)

    @property
    def turned(self) -> Decimal:
        """What no movement accounts for."""
        return EXACT.subtract(self.base, self.now)


def fresh_of(step: Step, account: Account, marks: tuple[Mark, ...], since_ms: int) -> list[Mark]:
    """What the account never held before and holds now."""
    return [
        mark
        for mark in marks
        if mark.kind == NEW and mark.last_ms >= since_ms and total_of(step, account, mark.asset)
    ]


def shift_of(
    step: Step, settings: ExchangeSettings, rule: Rule, account: Account, major: str, since_ms: int
) -> Shift | None:
    """The largest fall of a major since a time; None where its total is not known, or was not seen to change."""
    now = total_of(step, account, major)
    marks = step.world.shifts.get(ShiftKey(rule.key, account.key), ())
    points = points_of(marks, major)
    if now is None or not any(mark.last_ms >= since_ms for mark in points):
        return None
    fall = cast("CompositionShift", rule.spec).fall
    values = [Decimal(mark.value) for mark in points if mark.last_ms >= since_ms]
    if max(values) <= 0 or (max(values) - now) * 100 < fall * max(values):
        return Shift(major, max(values), ZERO, now, since_ms)
    gone = went(step, settings, rule, account, marks, changes_of(points, now, step.now_ms))
    since = list(accumulate((max(one, ZERO) for one in reversed(gone)), EXACT.add))[::-1]
    found = [
        Shift(major, Decimal(mark.value), left, now, mark.last_ms)
        for mark, left in zip(points, since, strict=True)
        if mark.last_ms >= since_ms
    ]
    return max(found, key=lambda one: (one.turned * 100 >= fall * one.base > 0, one.turned, one.since_ms))


def is_most(shift: Shift, fall: Decimal) -> bool:
    """Whether the least share of what there was fell; equal to it is enough."""
    return shift.base > 0 and shift.turned * 100 >= fall * shift.base


def gained(
    step: Step, settings: ExchangeSettings, rule: Rule, account: Account, major: str, since_ms: int
) -> Decimal | None:
    """By how much a major rose, or fell below zero, since a time, movements apart; None where nothing tells."""
    now = total_of(step, account, major)
    marks = step.world.shifts.get(ShiftKey(rule.key, account.key), ())
    points = [mark for mark in points_of(marks, major) if mark.last_ms >= since_ms]
    if now is None or not points:
        return None
    gone = went(step, settings, rule, account, marks, changes_of(points, now, step.now_ms))
    return add([EXACT.subtract(now, Decimal(points[0].value)), *gone])

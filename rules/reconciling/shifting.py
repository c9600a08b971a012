"""What a shift is: how far a major fell, less what went elsewhere by withdrawal or transfer, beside what is new.

A key that may only trade can do neither: what a statement, a movement, or a withdrawal that ended accounts for is no
part of a shift, and what is left of the fall is measured against what was left to turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import cast

from rules.ledger import LegKey, Mark, Match, ShiftKey
from rules.reconciling import legs, proofs
from rules.reconciling.tracking import SWEEPS_IN_FLIGHT
from rules.records import Account
from rules.ruleset import HOUR_MS, ExchangeSettings, Rule
from rules.statements import MovementKind
from rules.step import Step
from rules.sweep import planned_sweep_ms
from rules.types.composition_shift import CompositionShift
from rules.values import EXACT, ZERO, add, figure

MAJOR, NEW, WORTH, LEFT = "major", "new", "worth", "left"

SAME_TIME_MS = 10_000
"""Two sides of one movement are seen so far apart at least, however fast a sweep is."""


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
    points = _points(marks, major)
    if now is None or not any(mark.last_ms >= since_ms for mark in points):
        return None
    fall = cast("CompositionShift", rule.spec).fall
    values = [Decimal(mark.value) for mark in points if mark.last_ms >= since_ms]
    if max(values) <= 0 or (max(values) - now) * 100 < fall * max(values):
        return Shift(major, max(values), ZERO, now, since_ms)
    went = [_went(step, settings, rule, account, marks, one) for one in _steps(points, now, step.now_ms)]
    found = [
        Shift(major, Decimal(mark.value), add(max(one, ZERO) for one in went[place:]), now, mark.last_ms)
        for place, mark in enumerate(points)
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
    points = [mark for mark in _points(marks, major) if mark.last_ms >= since_ms]
    if now is None or not points:
        return None
    went = [_went(step, settings, rule, account, marks, one) for one in _steps(points, now, step.now_ms)]
    return add([EXACT.subtract(now, Decimal(points[0].value)), *went])


def total_of(step: Step, account: Account, asset: str) -> Decimal | None:
    """What all wallets of an account hold; None while one of them does not tell."""
    wallets = sorted(step.world.index.wallets.get(account.key, ()))
    figures = [figure(step.world.holdings[account.key, wallet], asset, "total") for wallet in wallets]
    known = [one for one in figures if one is not None]
    return add(known) if len(known) == len(figures) else None


@dataclass(frozen=True, slots=True)
class _Step:
    """One change of a total: it was left at `from_ms`, and the change was seen before `until_ms`."""

    asset: str
    amount: Decimal
    from_ms: int
    until_ms: int


def _points(marks: tuple[Mark, ...], major: str) -> list[Mark]:
    return [mark for mark in marks if (mark.kind, mark.asset) == (MAJOR, major)]


def _steps(points: list[Mark], now: Decimal, now_ms: int) -> Iterator[_Step]:
    ends = [(Decimal(mark.value), mark.last_ms) for mark in points] + [(now, now_ms)]
    for mark, (before, after) in zip(points, pairwise(ends), strict=True):
        yield _Step(mark.asset, EXACT.subtract(after[0], before[0]), before[1], after[1])


def _went(
    step: Step, settings: ExchangeSettings, rule: Rule, account: Account, marks: tuple[Mark, ...], one: _Step
) -> Decimal:
    """How much of a change went elsewhere, or below zero came from there: never more than the change."""
    size = one.amount.copy_abs()
    ended = [Decimal(mark.value) for mark in marks if mark.kind == LEFT and _is_in(mark, one)]
    ways = [
        add(ended) if one.amount < 0 else ZERO,
        _by_legs(step, account, one),
        _by_statements(step, account, one),
        size if _is_elsewhere(step, settings, rule, account, one) else ZERO,
    ]
    return min(size, max(ways)).copy_sign(one.amount.copy_negate())


def _is_in(mark: Mark, one: _Step) -> bool:
    return mark.asset == one.asset and one.from_ms < mark.last_ms <= one.until_ms


def _by_legs(step: Step, account: Account, one: _Step) -> Decimal:
    """What movements that are followed account for, in the direction of the change."""
    found = [ZERO]
    for key in legs.of_asset(step, account.exchange, one.asset):
        if key.account != account.key or not one.from_ms < key.at_ms <= one.until_ms:
            continue
        leg = step.world.legs[key]
        match = step.world.matches.get(leg.match)
        if leg.declared or (match is not None and _is_sure(step, key, match)):
            inside = match is not None and {other.account for other in (*match.givers, *match.takers)} == {
                account.key
            }
            found.append(ZERO if inside else legs.amount_of(leg))
        elif leg.stated:
            found += [
                proofs.sign(step, key, said) * Decimal(said.amount) for said in proofs.stated(step, key)
            ]
    return max(ZERO, add(found) if one.amount > 0 else add(found).copy_negate())


def _is_sure(step: Step, key: LegKey, match: Match) -> bool:
    """Whether no third account may as well have been this side of the movement."""
    known, falls = step.world.legs, legs.amount_of(step.world.legs[key]) < 0
    rivals = [other for other in match.rivals if other in known]
    return bool(match.proof) or not any((legs.amount_of(known[other]) < 0) == falls for other in rivals)


def _by_statements(step: Step, account: Account, one: _Step) -> Decimal:
    """What the venue states in the time of the change, or of a withdrawal that it dates a little earlier."""
    if not step.world.stated:
        return ZERO
    wanted, size, found = (1 if one.amount > 0 else -1), one.amount.copy_abs(), [ZERO]
    key = LegKey(account.exchange, one.asset, account.key, "", one.until_ms)
    for place, said in sorted(step.world.stated.items()):
        if place[0] != account.exchange or said.asset != one.asset or proofs.sign(step, key, said) != wanted:
            continue
        since_ms = one.from_ms - proofs.SLACK_MS
        if said.kind is not MovementKind.INTERNAL and size in proofs.amounts_of(said):
            since_ms -= HOUR_MS
        if since_ms <= said.at_ms <= one.until_ms + proofs.SLACK_MS:
            found.append(max(proofs.amounts_of(said)))
    return add(found)


def _is_elsewhere(step: Step, settings: ExchangeSettings, rule: Rule, account: Account, one: _Step) -> bool:
    """Whether another account changed by the very same amount the other way, which no third one accounts for."""
    most_ms = max(SAME_TIME_MS, (SWEEPS_IN_FLIGHT + 1) * planned_sweep_ms(step, settings))
    same = against = 0
    for other in step.accounts_of(account.exchange):
        marks = step.world.shifts.get(ShiftKey(rule.key, other.key))
        points = _points(marks, one.asset) if marks and other.key != account.key else []
        now = total_of(step, other, one.asset) if points else None
        if now is None:
            continue
        for theirs in _steps(points, now, step.now_ms):
            if abs(theirs.from_ms - one.from_ms) <= most_ms:
                same += theirs.amount == one.amount
                against += theirs.amount == one.amount.copy_negate()
    return against > same

"""Whether an account is worth less after a shift: by the venue's own valuation, else by its public prices."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import cast

from rules.ledger import MAJOR, WORTH, Mark, ShiftKey
from rules.reconciling import prices
from rules.reconciling.shift_ways import total_of
from rules.reconciling.shifting import Shift, gained
from rules.records import Account
from rules.ruleset import MINUTE_MS, ExchangeSettings, Rule
from rules.step import Step
from rules.types.composition_shift import CompositionShift

VALUED_WITHIN_MS = MINUTE_MS
"""So long the venue's valuation after a shift is waited for, where the venue values the account at all."""

PRICED_WITHIN_MS = 15_000
"""So long its public prices are waited for."""

QUOTE = "USDT"

TRADED = Fraction(1, 100)
"""A fair trade costs so much at most, prices moving meanwhile: less is no loss."""


class Worth(StrEnum):
    """What is known of it."""

    FELL = "fell"
    KEPT = "kept"
    UNKNOWN = "unknown"
    SOON = "soon"  # the venue values the account, and has not done so since


def worth_of(
    step: Step,
    settings: ExchangeSettings,
    rule: Rule,
    account: Account,
    shift: Shift,
    new: list[Mark],
    at_ms: int,
) -> Worth:
    """What became of the worth of an account that turned a major into what is new, as was seen at a time."""
    marks = step.world.shifts.get(ShiftKey(rule.key, account.key), ())
    spec, shift_ms = cast("CompositionShift", rule.spec), max(mark.last_ms for mark in new)
    if not shift.gone:  # else the valuation fell by what went elsewhere, too
        names = sorted({mark.asset for mark in marks if mark.kind == WORTH})
        for name in names:
            points = [mark for mark in marks if (mark.kind, mark.asset) == (WORTH, name)]
            past = [mark for mark in points if mark.last_ms < shift_ms]
            inside = [mark for mark in past if mark.last_ms >= shift_ms - spec.within_ms]
            before = [Fraction(mark.value) for mark in inside or past[-1:]]
            after = [Fraction(mark.value) for mark in points if mark.last_ms >= shift_ms]
            if before and after:
                fell, little = max(before) - after[-1], TRADED * max(before)
                if fell > little:
                    return Worth.FELL
                if fell <= 0 or is_known_good(spec, new):
                    return Worth.KEPT
                break  # a little of the account may be much of what was turned: prices tell
        else:
            if names and step.now_ms < shift_ms + VALUED_WITHIN_MS:
                return Worth.SOON
    if awaits_prices(step, rule, account, at_ms, new):
        return Worth.UNKNOWN
    return _by_prices(step, settings, rule, account, shift, new)


def is_known_good(spec: CompositionShift, new: list[Mark]) -> bool:
    """Whether all that is new are majors: nobody sells those dear to a stolen key."""
    return all(spec.majors.match(mark.asset) for mark in new)


def awaits_prices(step: Step, rule: Rule, account: Account, since_ms: int, new: list[Mark]) -> bool:
    """Whether prices of the time of a shift are on their way; they are asked for where nobody did."""
    marks = step.world.shifts.get(ShiftKey(rule.key, account.key), ())
    majors = {mark.asset for mark in marks if mark.kind == MAJOR}
    assets = frozenset(majors | {mark.asset for mark in new})
    told = prices.are_from(step, account.exchange, assets, QUOTE, since_ms - MINUTE_MS)
    return not told and step.now_ms < since_ms + PRICED_WITHIN_MS


def _by_prices(
    step: Step,
    settings: ExchangeSettings,
    rule: Rule,
    account: Account,
    shift: Shift,
    new: list[Mark],
) -> Worth:
    rate = prices.fetched(step, account.exchange, shift.asset, QUOTE)
    lost = None if rate is None else rate * Fraction(shift.turned)
    came = Fraction(0)
    for asset in sorted({mark.asset for mark in new}):
        rate, amount = prices.fetched(step, account.exchange, asset, QUOTE), total_of(step, account, asset)
        if rate is None or amount is None:
            return Worth.UNKNOWN
        came += rate * Fraction(amount)
    if lost is None:
        return Worth.UNKNOWN
    marks = step.world.shifts.get(ShiftKey(rule.key, account.key), ())
    others = {mark.asset for mark in marks if mark.kind == MAJOR} - {shift.asset, *(one.asset for one in new)}
    for asset in sorted(others):  # it may have turned into them as well, or they into what is new
        rate = prices.fetched(step, account.exchange, asset, QUOTE)
        more = gained(step, settings, rule, account, asset, shift.since_ms)
        if rate is not None and more is not None:
            came += rate * Fraction(more)
    return Worth.FELL if lost - came > TRADED * lost else Worth.KEPT

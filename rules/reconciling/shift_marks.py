"""The marks that a shift is measured from: totals, what is new, what a withdrawal took, what the account was worth."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import cast

from rules.figures import Arrival
from rules.ledger import LEFT, MAJOR, NEW, WORTH, Mark, ShiftKey
from rules.plan import AccountPlan
from rules.records import Account
from rules.ruleset import MINUTE_MS, Rule
from rules.step import Step
from rules.types.composition_shift import CompositionShift
from rules.values import EXACT, ZERO, add, figure

MARKS_MOST = 256

KEPT_MS = MINUTE_MS
"""Marks are kept so much longer than the window: what was seen at its end may wait for an explanation."""


def remember(step: Step, rule: Rule, arrival: Arrival, changed: Iterable[str]) -> None:
    """One reading: what it left behind, and what it shows that was never held."""
    spec = cast("CompositionShift", rule.spec)
    for asset in changed if arrival.before is not None else ():
        if spec.majors.match(asset):
            _remember_major(step, rule, arrival, asset)
        if _is_new(step, arrival, asset):
            _add(step, rule, arrival.account, Mark(NEW, asset, "", arrival.ended_ms))


def valued(step: Step, plan: AccountPlan, account: Account, wallet: str) -> None:
    """A valuation came: keep the worth of the account as it is now."""
    valuation = step.world.valuations[account.key, wallet]
    for rule in plan.composed:
        for quote, text in sorted(valuation.values.items()):
            _add(step, rule, account, Mark(WORTH, f"{wallet}/{quote}", text, valuation.ended_ms))


def told(step: Step, rule: Rule, account: Account, seen_ms: int | None = None) -> None:
    """What comes next is measured from here: one shift is one alert, whatever majors it took.

    Of one that was told later than it was seen, what changed since stays: it may be another.
    """
    place = ShiftKey(rule.key, account.key)
    step.world.shifts[place] = tuple(
        mark
        for mark in step.world.shifts[place]
        if mark.kind == WORTH or (seen_ms is not None and _is_since(mark, seen_ms))
    )


def _is_since(mark: Mark, seen_ms: int) -> bool:
    """Whether a change was seen after a time; a total was left at that time at the earliest."""
    return mark.last_ms > seen_ms or (mark.kind == MAJOR and mark.last_ms == seen_ms)


def _remember_major(step: Step, rule: Rule, arrival: Arrival, asset: str) -> None:
    """The total that was left behind, in all wallets of the account."""
    before = figure(arrival.before, asset, "total")
    others_held = [
        step.world.holdings[arrival.account.key, wallet]
        for wallet in sorted(step.world.index.wallets.get(arrival.account.key, ()))
        if wallet != arrival.wallet
    ]
    others = [figure(one, asset, "total") for one in others_held]
    if before is None or arrival.before is None or any(one is None for one in others):
        return
    total = add([before, *(one for one in others if one is not None)])
    ends = [one.ended_ms for one in others_held]
    shown_ms = max([arrival.before.ended_ms, *ends])
    _add(step, rule, arrival.account, Mark(MAJOR, asset, format(total, "f"), shown_ms))
    ended = _withdrawn(step, arrival, asset)
    if ended:
        _add(step, rule, arrival.account, Mark(LEFT, asset, format(ended, "f"), arrival.ended_ms))


def _withdrawn(step: Step, arrival: Arrival, asset: str) -> Decimal | None:
    """What was withdrawing and has left the total since; a withdrawal that was cancelled leaves it as it is."""
    held = step.world.holdings[arrival.account.key, arrival.wallet]
    sides = [
        (figure(one, asset, "withdrawing"), figure(one, asset, "total")) for one in (arrival.before, held)
    ]
    (before, total), (after, left) = sides
    if before is None or after is None or total is None or left is None:
        return None
    ended = EXACT.subtract(before, after)
    return ended if ZERO < ended <= EXACT.subtract(total, left) else None


def _is_new(step: Step, arrival: Arrival, asset: str) -> bool:
    """Whether no wallet of the account ever held it, and this one does now."""
    wallets = step.world.index.wallets.get(arrival.account.key, ())
    for wallet in wallets:
        held = (
            arrival.before if wallet == arrival.wallet else step.world.holdings[arrival.account.key, wallet]
        )
        if held is not None and asset in held.rows:
            return False
    return bool(figure(step.world.holdings[arrival.account.key, arrival.wallet], asset, "total"))


def _add(step: Step, rule: Rule, account: Account, mark: Mark) -> None:
    """One more mark. Those that nothing can need go, but of each wallet's worth the last one stays."""
    place = ShiftKey(rule.key, account.key)
    marks = step.world.shifts.get(place, ())
    since_ms = mark.last_ms - cast("CompositionShift", rule.spec).within_ms - KEPT_MS
    last = {one.asset: one for one in marks if one.kind == WORTH}
    kept = [one for one in marks if one.last_ms >= since_ms or one is last.get(one.asset)]
    others = [one for one in kept if one.kind != WORTH]
    worth = [one for one in kept if one.kind == WORTH]
    lasting = [one for one in worth[:-MARKS_MOST] if one is last[one.asset]]
    # Apart, because an account may be valued far oftener than it changes.
    step.world.shifts[place] = (*others[-MARKS_MOST:], *lasting, *worth[-MARKS_MOST:], mark)

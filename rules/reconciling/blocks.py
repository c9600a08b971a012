"""Blocks: several changes that are one movement together, because their amounts add up to exactly nothing.

An account that takes in twice between two readings, or takes in and passes a part of it on, shows the sum of both
alone: without a history its other sides are found by the sum, among the changes near it that nothing else explains.
"""

from __future__ import annotations

from rules.ledger import LegKey
from rules.reconciling import groups, leaks, legs, movements, proofs
from rules.reconciling.groups import Change
from rules.reconciling.tracking import Tracking
from rules.statements import MovementKind
from rules.step import Step

NEAR_MOST = 48
"""Of more changes than these only the nearest are tried."""

ROUND_MOST, RARE_MOST = 5, 7
"""Changes of one block. Of amounts with few digits larger ones would fit by chance."""

WINDOWS = 2
"""How far a block reaches from a change of it: the other side of the other side may come a window later."""


def found(step: Step, tracking: Tracking, key: LegKey, within: int) -> bool:
    """Whether a block explains a leg whose window is over; it is told as one movement."""
    every = _near(step, key, within)
    changes = [_change(step, one) for one in every]
    place = every.index(key)
    fitting = groups.around(
        changes, place, within, RARE_MOST if leaks.is_rare(changes[place].size) else ROUND_MOST
    )
    if not fitting:
        return False
    block, *others = ([every[place] for place in places] for places in fitting)
    rivals = {one: None for other in others for one in other if one not in block}
    givers = [one for one in block if legs.amount_of(step.world.legs[one]) < 0]
    takers = [one for one in block if one not in givers]
    movements.matched(step, tracking, givers, takers, rivals=rivals)
    return True


def awaited_ms(step: Step, key: LegKey, within: int) -> int | None:
    """When the last window ends of the changes that may hide the other side of a leg; None where all are over."""
    ends = [
        one.at_ms + within
        for one in legs.of_asset(step, key.exchange, key.asset)
        if one.account != key.account
        and one.at_ms + within > step.now_ms
        and legs.is_open(step.world.legs[one])
        and legs.gap_ms(step, key, one) <= within
    ]
    return max(ends, default=None)


def _near(step: Step, key: LegKey, within: int) -> list[LegKey]:
    """The leg and those that may be of its block, in the order of time."""
    near = [
        one
        for one in legs.of_asset(step, key.exchange, key.asset)
        if one == key or (legs.gap_ms(step, key, one) <= WINDOWS * within and _is_free(step, one))
    ]
    if len(near) > NEAR_MOST:
        near = sorted(near, key=lambda one: (abs(one.at_ms - key.at_ms), one))[:NEAR_MOST]
    return sorted(near, key=lambda one: (one.at_ms, one))


def _is_free(step: Step, key: LegKey) -> bool:
    """Whether a leg may be one side of a movement: nothing explains it, or statements of movements inside alone."""
    leg = step.world.legs[key]
    return legs.is_open(leg) or bool(
        not (leg.match or leg.declared)
        and all(one.kind is MovementKind.INTERNAL for one in proofs.stated(step, key))
    )


def _change(step: Step, key: LegKey) -> Change:
    leg = step.world.legs[key]
    amount = legs.amount_of(leg)
    return Change(amount, amount, leg.from_ms, key.at_ms, paired=False, recent=True)

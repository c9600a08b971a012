"""Blocks: several changes that are one movement together, because their amounts add up to exactly nothing.

An account that takes in twice between two readings, or takes in and passes a part of it on, shows the sum of both
alone: without a history its other sides are found by the sum, among the changes near it that nothing else explains.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from math import comb

from rules.ledger import LegKey
from rules.reconciling import groups, leaks, legs, movements, proofs
from rules.reconciling.groups import Change
from rules.reconciling.tracking import Tracking
from rules.statements import MovementKind
from rules.step import Step
from rules.values import EXACT

NEAR_MOST = 32
"""Of more changes than these only the nearest are tried."""

SIZE_MOST, LARGE_MOST, LARGE_AMONG = 5, 7, 24
"""Changes of one block, and of one among no more than so many changes: the sums to look at grow with both."""

FEW, SMALL = 14, 4
"""Among no more than so many changes a block of so many is taken for one though it may fit by chance."""

WINDOWS = 2
"""How far a block reaches from a change of it: the other side of the other side may come a window later."""


def found(step: Step, tracking: Tracking, key: LegKey, within: int) -> bool:
    """Whether a block explains a leg whose window is over; it is told as one movement."""
    every = _near(step, key, within)
    changes = [_change(step, one) for one in every]
    place = every.index(key)
    most = LARGE_MOST if len(every) <= LARGE_AMONG else SIZE_MOST
    fitting = groups.around(changes, place, within, most)
    if not fitting or _fits_by_chance(changes, place, fitting[0]):
        return False
    block, *others = ([every[place] for place in places] for places in fitting)
    rivals = {one: None for other in others for one in other if one not in block}
    givers = [one for one in block if legs.amount_of(step.world.legs[one]) < 0]
    takers = [one for one in block if one not in givers]
    movements.matched(step, tracking, givers, takers, rivals=rivals)
    return True


def _fits_by_chance(changes: list[Change], place: int, block: tuple[int, ...]) -> bool:
    """Whether so many sums of so few different amounts were tried that one of them fits anything.

    Of a block of all that was open between two moments as many were tried as there are such spans of time.
    """
    unit = leaks.unit([changes[one].amount for one in block])
    alike = sum(1 for one in changes if not EXACT.remainder(one.amount, unit))
    if len(block) <= SMALL and alike <= FEW:
        return False
    tried = comb(alike - 1, len(block) - 1)
    if block[-1] - block[0] == len(block) - 1:
        tried = min(tried, (place + 1) * (len(changes) - place))
    return tried * unit >= max(changes[one].size.copy_abs() for one in block)


def _near(step: Step, key: LegKey, within: int) -> list[LegKey]:
    """The leg and those that may be of its block, in the order of time."""
    near = list(islice(_free(step, key, WINDOWS * within), NEAR_MOST - 1))
    # A change of an account that was not read for long is near to others that are far from each other.
    far = [one for one in near if one.at_ms - step.world.legs[one].from_ms > within]
    found = dict.fromkeys(chain((key,), near, *(_free(step, one, within) for one in far)))
    return sorted(islice(found, NEAR_MOST), key=lambda one: (one.at_ms, one))


def _free(step: Step, key: LegKey, within: int) -> Iterator[LegKey]:
    return (one for one in legs.nearest(step, key, within) if _is_free(step, one))


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

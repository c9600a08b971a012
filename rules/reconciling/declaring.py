"""Which `[[expect]]` a leg is: the one that it has consumed, or the one that it fits."""

from __future__ import annotations

from decimal import Decimal

from rules.ledger import Leg, LegKey
from rules.patterns import Patterns
from rules.plan import is_named
from rules.reconciling import legs, proofs, telling
from rules.reconciling.tracking import Tracking
from rules.ruleset import Expect
from rules.statements import MovementKind
from rules.step import Step
from rules.values import EXACT


def waiting(step: Step, tracking: Tracking, asset: str, amount: Decimal) -> list[Expect]:
    """The declarations of this asset and amount that nothing has consumed, the one due first at the front."""
    fitting = [
        expect
        for expect in tracking.expects
        if expect.key not in step.world.declared
        and expect.asset.casefold() == asset.casefold()
        and EXACT.subtract(amount.copy_abs(), expect.amount).copy_abs() <= expect.tolerance
    ]
    return sorted(fitting, key=lambda expect: (expect.due_ms, expect.key))


def is_side(step: Step, patterns: Patterns | None, key: LegKey) -> bool:
    """Whether one side of a declaration is the leg's account; outside is nobody's."""
    account = step.world.accounts[key.account]
    return patterns is not None and is_named(patterns, account, account.identity.identifiers)


def is_denied(step: Step, key: LegKey, other: Patterns | None) -> bool:
    """Whether the venue states of a leg that its other side is outside, and an account is declared, or the reverse."""
    inside = other is not None
    return any((one.kind is MovementKind.INTERNAL) != inside for one in proofs.stated(step, key))


def said_of(step: Step, tracking: Tracking, key: LegKey) -> tuple[str, ...]:
    """What is declared of a leg, as a sentence; of one that is not explained yet, what it would be then."""
    leg = step.world.legs[key]
    if not _waits(leg):
        return telling.declared_as(step, [key])
    expect = meant(step, tracking, key)
    if expect is None:
        return ()
    if leg.stated:
        return (telling.named_as(expect),)
    way = "went" if legs.amount_of(leg) < 0 else "came from"
    return (f"{telling.named_as(expect)}. Where it {way} is not known yet.",)


def meant(step: Step, tracking: Tracking, wanted: LegKey) -> Expect | None:
    """What a leg would consume if all that wait stayed without their other side: the oldest first."""
    if not waiting(step, tracking, wanted.asset, legs.amount_of(step.world.legs[wanted])):
        return None
    given: set[str] = set()
    for key in legs.of_asset(step, wanted.exchange, wanted.asset):
        leg = step.world.legs[key]
        if not _waits(leg):
            continue
        amount = legs.amount_of(leg)
        for expect in waiting(step, tracking, key.asset, amount):
            mine, other = (expect.giver, expect.taker) if amount < 0 else (expect.taker, expect.giver)
            if expect.key in given or is_denied(step, key, other):
                continue
            if is_side(step, mine, key):
                if key == wanted:
                    return expect
                given.add(expect.key)
                break
    return None


def _waits(leg: Leg) -> bool:
    return not (leg.match or leg.declared or leg.settled)

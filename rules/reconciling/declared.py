"""Declared movements: each `[[expect]]` is consumed by exactly one, and told as missing when it is due."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from rules.builtin import raise_alert, settle
from rules.builtin_names import EXPECT
from rules.ledger import Declared, LegKey, Match
from rules.model import Severity
from rules.patterns import Patterns
from rules.plan import is_named
from rules.reconciling import legs, telling
from rules.reconciling.tracking import Tracking, parts_read, tracking_of
from rules.records import AlertKey, Subject
from rules.ruleset import Expect
from rules.step import Step
from rules.values import EXACT


def consume(step: Step, tracking: Tracking, match: Match) -> tuple[str, ...]:
    """The declaration that a movement inside the exchange fulfils, as a sentence; none is no sentence."""
    amount = telling.size_of(step, match)
    for expect in _waiting(step, tracking, match.givers[0].asset, amount):
        both = ((expect.giver, match.givers), (expect.taker, match.takers))
        if all(side is not None and all(_is(step, side, key) for key in keys) for side, keys in both):
            return _consumed(step, expect, match.givers[0])
    return ()


def settles(step: Step, tracking: Tracking, key: LegKey) -> bool:
    """Whether a declaration explains a leg whose other side is outside, or in an account that is not read."""
    amount = legs.amount_of(step.world.legs[key])
    for expect in _waiting(step, tracking, key.asset, amount.copy_abs()):
        mine, other = (expect.giver, expect.taker) if amount < 0 else (expect.taker, expect.giver)
        if mine is None or not _is(step, mine, key):
            continue
        if other is None or not _is_read(step, key.exchange, other):
            _consumed(step, expect, key)
            legs.put(step, key, replace(step.world.legs[key], declared=expect.name))
            return True
    return False


def due(step: Step) -> None:
    """Tell what is due and did not come; a leg that waits for its window may be it."""
    for expect in step.ruleset.expects:
        if expect.key in step.world.declared:
            continue
        if step.now_ms < expect.due_ms:
            step.world.index.due(expect.due_ms)
            continue
        for exchange in sorted(step.ruleset.exchanges):
            if expect.exchange.match(exchange):
                _look(step, exchange, expect)
        if (
            expect.key not in step.world.declared
            and AlertKey(EXPECT, subject_of(expect)) not in step.world.alerts
        ):
            _missing(step, expect)


def forget(step: Step) -> None:
    """After an edit: what is no longer declared is forgotten, and written again it is new."""
    known = {expect.key for expect in step.ruleset.expects}
    for key in [key for key in step.world.declared if key not in known]:
        del step.world.declared[key]
    subjects = {subject_of(expect) for expect in step.ruleset.expects}
    for open_ in sorted(one for one in step.world.alerts if one.rule == EXPECT):
        if open_.subject not in subjects:
            settle(step, EXPECT, open_.subject, "no longer declared")


def _look(step: Step, exchange: str, expect: Expect) -> None:
    tracking = tracking_of(step, exchange)
    if tracking is None:
        return
    for key in legs.of_asset(step, exchange, expect.asset):
        leg = step.world.legs[key]
        if legs.is_open(leg) and not leg.settled and expect.key not in step.world.declared:
            settles(step, tracking, key)


def _missing(step: Step, expect: Expect) -> None:
    giver, taker = (str(side) if side else "outside" for side in (expect.giver, expect.taker))
    raise_alert(
        step,
        EXPECT,
        subject_of(expect),
        Severity.WARNING,
        f"declared movement “{expect.name}” did not come: {expect.amount:,f} {expect.asset} from {giver} to {taker}",
        asset=expect.asset,
        details=(f"Declared because: {expect.reason}",) if expect.reason else (),
    )


def subject_of(expect: Expect) -> Subject:
    """What the alert about a missing declared movement is about."""
    return Subject("", asset=expect.asset, event=expect.key)


def _waiting(step: Step, tracking: Tracking, asset: str, amount: Decimal) -> list[Expect]:
    """The declarations of this asset and amount that nothing has consumed, the one due first at the front."""
    fitting = [
        expect
        for expect in tracking.expects
        if expect.key not in step.world.declared
        and expect.asset.casefold() == asset.casefold()
        and EXACT.subtract(amount, expect.amount).copy_abs() <= expect.tolerance
    ]
    return sorted(fitting, key=lambda expect: (expect.due_ms, expect.key))


def _consumed(step: Step, expect: Expect, key: LegKey) -> tuple[str, ...]:
    step.world.declared[expect.key] = Declared(step.now_ms, key)
    settle(step, EXPECT, subject_of(expect), "it came")
    reason = f": {expect.reason}" if expect.reason else ""
    return (f"Declared as “{expect.name}”{reason}",)


def _is(step: Step, patterns: Patterns, key: LegKey) -> bool:
    account = step.world.accounts[key.account]
    return is_named(patterns, account, account.identity.identifiers)


def _is_read(step: Step, exchange: str, patterns: Patterns) -> bool:
    return any(
        is_named(patterns, account, account.identity.identifiers) for account, _ in parts_read(step, exchange)
    )

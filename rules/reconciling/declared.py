"""Declared movements: each `[[expect]]` is consumed by exactly one, and told as missing when it is due."""

from __future__ import annotations

from collections.abc import Iterable

from rules.builtin import raise_alert, settle
from rules.builtin_names import EXPECT
from rules.changed import replace
from rules.ledger import Declared, LegKey, Match
from rules.model import Severity
from rules.patterns import Patterns
from rules.plan import is_named
from rules.reconciling import changes, legs, proofs, telling
from rules.reconciling.declaring import is_denied, is_side, meant, waiting
from rules.reconciling.tracking import Tracking, parts_read, rules_on, spec_of, tracking_of
from rules.records import AlertKey, Subject
from rules.ruleset import Expect
from rules.step import Step
from rules.types.reconciliation import Tell

OUTSIDE = "outside of the exchange"


def consume(step: Step, tracking: Tracking, match: Match) -> None:
    """A movement inside the exchange fulfils the first declaration that it fits."""
    amount = telling.size_of(step, match)
    for expect in waiting(step, tracking, match.givers[0].asset, amount):
        both = ((expect.giver, match.givers), (expect.taker, match.takers))
        if all(is_side(step, side, key) for side, keys in both for key in keys):
            _consumed(step, expect, match.givers[0])
            return


def free(step: Step, keys: Iterable[LegKey]) -> None:
    """These legs are another movement than was thought: what they consumed waits again."""
    keys = list(keys)
    for expect, one in list(step.world.declared.items()):
        if one.leg in keys:
            del step.world.declared[expect]
    for key in keys:
        if step.world.legs[key].declared:
            legs.put(step, key, replace(step.world.legs[key], declared=""))


def settles(step: Step, tracking: Tracking, key: LegKey) -> bool:
    """Whether a declaration explains a leg whose other side is outside, or in an account that is not read.

    Then it is told as the declared movement, to whoever hears of every movement or waits for this one.
    """
    amount = legs.amount_of(step.world.legs[key])
    for expect in waiting(step, tracking, key.asset, amount):
        mine, other = (expect.giver, expect.taker) if amount < 0 else (expect.taker, expect.giver)
        if is_denied(step, key, other) or not is_side(step, mine, key):
            continue
        if other is None or not _is_read(step, key.exchange, other):
            _consumed(step, expect, key)
            legs.put(step, key, replace(step.world.legs[key], declared=expect.name))
            _tell(step, tracking, key, other)
            return True
    return False


def may_settle(step: Step, tracking: Tracking, key: LegKey) -> bool:
    """Whether a leg waits that a declaration settles when its window is over without another side."""
    expect = meant(step, tracking, key)
    if expect is None:
        return False
    other = expect.taker if legs.amount_of(step.world.legs[key]) < 0 else expect.giver
    return other is None or not _is_read(step, key.exchange, other)


def _tell(step: Step, tracking: Tracking, key: LegKey, other: Patterns | None) -> None:
    amount, who = legs.amount_of(step.world.legs[key]), telling.label_of(step, key)
    there = OUTSIDE if other is None else str(other)
    giver, taker = (who, there) if amount < 0 else (there, who)
    headline = f"{amount.copy_abs():,f} {key.asset} moved from {giver} to {taker}"
    headline += "" if other is None else ", which is not read here"
    ways = [f"The venue states {one.kind.value} {one.id}." for one in proofs.stated(step, key)]
    details = (*telling.declared_as(step, [key]), *ways, *changes.told_alone(step, [key]))
    heard: set[str] = set()
    for rule in rules_on(step, tracking, [key]):
        if spec_of(rule).tell is Tell.ALL:
            heard |= telling.event(step, rule, key, headline, details).told
    changes.release_as(step, [key], headline, details, heard)


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


def _consumed(step: Step, expect: Expect, key: LegKey) -> None:
    step.world.declared[expect.key] = Declared(step.now_ms, key)
    settle(step, EXPECT, subject_of(expect), "it came")


def _is_read(step: Step, exchange: str, patterns: Patterns) -> bool:
    return any(
        is_named(patterns, account, account.identity.identifiers) for account, _ in parts_read(step, exchange)
    )

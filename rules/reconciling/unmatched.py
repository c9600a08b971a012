"""Unmatched outflows: whether anybody needs to hear of one, and what is said of it."""

from __future__ import annotations

from rules.ledger import LegKey
from rules.reconciling import legs, proofs, telling
from rules.reconciling.prices import is_awaited, is_dust
from rules.reconciling.tracking import Tracking, parts_read, rules_on, spec_of
from rules.step import Step
from rules.values import figure


def tell(step: Step, tracking: Tracking, key: LegKey, within: int, unread: list[str]) -> None:
    """Tell an outflow whose other side did not come within so many milliseconds; `unread` could not be asked."""
    amount = legs.amount_of(step.world.legs[key])
    for rule in rules_on(step, tracking, [key]):
        tolerance = spec_of(rule).tolerance
        if tolerance.abs and amount.copy_abs() <= tolerance.abs:
            continue
        if is_dust(step, key.exchange, key.asset, amount, tolerance):
            continue
        telling.event(step, rule, key, _said(step, key, within, unread), _why(step, key))


def may_be_dust(step: Step, tracking: Tracking, key: LegKey) -> bool:
    """Whether the first price of the asset is under way, which may tell that nobody needs to hear of the leg.

    It is asked for as soon as the leg is seen, so that it is mostly known by the end of the window.
    """
    amount, waits = legs.amount_of(step.world.legs[key]), False
    for rule in rules_on(step, tracking, [key]):
        tolerance = spec_of(rule).tolerance
        if not is_dust(step, key.exchange, key.asset, amount, tolerance):
            waits |= is_awaited(step, key.exchange, key.asset, tolerance)
    return waits


def lost(within: int) -> str:
    """What is said of an outflow whose other side did not come within so many milliseconds."""
    return f" and arrived in no account that is read here within {_duration(within)}"


def _said(step: Step, key: LegKey, within: int, unread: list[str]) -> str:
    amount = legs.amount_of(step.world.legs[key]).copy_abs()
    said = f"{amount:,f} {key.asset} left {telling.label_of(step, key)}"
    gone = proofs.withdrawals(step, key)
    if gone:
        ids = telling.names(one.id for one in gone)
        return f"{said} and the exchange: the venue states {'withdrawal' if len(gone) == 1 else 'withdrawals'} {ids}"
    if unread:
        return f"{said}; where it went is not known: not read since then: {telling.names(unread)}"
    return said + lost(within)


def _why(step: Step, key: LegKey) -> tuple[str, ...]:
    """What a person wants to know beside it."""
    who, said = telling.label_of(step, key), []
    left = figure(step.world.holdings.get((key.account, key.wallet)), key.asset, "total")
    if left is not None:
        said.append(f"{who} holds {left:,f} {key.asset} in {key.wallet} now.")
    if proofs.withdrawals(step, key):
        return tuple(said)
    if step.world.legs[key].traded:
        said.append("Other assets of the account moved the other way in the same reading: it may be a trade.")
    if not any(account.master for account, _ in parts_read(step, key.exchange)):
        said.append("The master's own quantities are not read here: it may have gone there.")
    return tuple(said)


def _duration(time_ms: int) -> str:
    minutes, seconds = divmod(time_ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
    return " ".join(f"{count}{unit}" for count, unit in parts if count) or "0s"

"""What reconciliation forgets: legs, matches and statements that nothing will ask for again."""

from __future__ import annotations

from rules.ledger import Leg, LegKey
from rules.reconciling import conservation, legs
from rules.ruleset import HOUR_MS, ExchangeSettings
from rules.step import Step

LEGS_MOST = 4_096
"""Legs kept of one asset on one exchange; beyond it the oldest is forgotten."""

KEPT_MS = 24 * HOUR_MS
"""An outflow without its other side is remembered so long: the account that got it may be unreadable."""


def too_many(step: Step, key: LegKey) -> None:
    """Of too many legs of an asset the oldest goes."""
    kept = legs.of_asset(step, key.exchange, key.asset)
    if len(kept) > LEGS_MOST:
        step.note("reconciliation.forgot", key.exchange, f"more than {LEGS_MOST} changes of {key.asset}")
        drop(step, min(kept, key=lambda one: (one.at_ms, one)))


def expires_ms(key: LegKey, leg: Leg, window: int) -> int:
    """When nothing will ask for a leg any more; an outflow that arrived nowhere is kept for a day."""
    waits = legs.is_open(leg) and legs.amount_of(leg) < 0
    return key.at_ms + window + (KEPT_MS if waits else window + HOUR_MS)


def old(step: Step, settings: ExchangeSettings, window: int) -> None:
    """Drop what no window can reach any more, and look again when the next is due."""
    gone = []
    for key, leg in step.world.legs.items():
        if key.exchange != settings.name:
            continue
        at_ms = expires_ms(key, leg, window)
        if at_ms <= step.now_ms:
            gone.append(key)
        else:
            step.world.index.due(at_ms)
    for key in sorted(gone):
        drop(step, key)
    for ident, match in list(step.world.matches.items()):
        if not any(key in step.world.legs for key in (*match.givers, *match.takers)):
            del step.world.matches[ident]
    since = min((leg.from_ms for leg in step.world.legs.values()), default=step.now_ms)
    oldest = min(since, step.now_ms - KEPT_MS - window)
    for place in [place for place, one in step.world.stated.items() if one.at_ms < oldest]:
        del step.world.stated[place]


def drop(step: Step, key: LegKey) -> None:
    """Forget a leg; what it adds to a sum stays there."""
    conservation.forgotten(step, key)
    legs.drop(step, key)

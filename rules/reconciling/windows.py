"""Windows: what the end of one says of a change that has not found its other side.

It may be one of several that are a movement together (`blocks`), it may have come back, or it left and arrived nowhere.
Whoever could still explain it is waited for: accounts that cannot be read, and changes whose own window is not over.
"""

from __future__ import annotations

from rules.changed import replace
from rules.ledger import Leg, LegKey
from rules.reconciling import blocks, declared, forgetting, legs, proofs, telling, unmatched
from rules.reconciling.prices import FIRST_WAIT_MS
from rules.reconciling.tracking import Tracking, parts_read, seen_ms, tracking_of, window_ms
from rules.reconciling.waiting import Waiting
from rules.ruleset import HOUR_MS, ExchangeSettings
from rules.step import Step
from rules.sweep import planned_sweep_ms

UNREAD_MOST_MS = HOUR_MS
"""So long an outflow waits for accounts that cannot be read; then it is told as one whose way is not known."""

LOOK_AGAIN_MS, PRICE_AGAIN_MS = 5_000, 1_000


def due(step: Step) -> None:
    """Windows that end now: an outflow without its other side is told, unless some account could not be asked."""
    waiting: dict[str, list[LegKey]] = {}
    for key, leg in step.world.legs.items():
        keys = waiting.setdefault(key.exchange, [])
        if _waits(leg):
            keys.append(key)
    for exchange, keys in sorted(waiting.items()):
        settings, tracking = step.exchange(exchange), tracking_of(step, exchange)
        if settings is None or tracking is None:
            continue
        within = window_ms(step, settings, tracking)
        over = [key for key in keys if key.at_ms + within <= step.now_ms]
        for key in keys:
            if key.at_ms + within > step.now_ms:
                step.world.index.due(key.at_ms + within)
        if over:
            _over(step, settings, tracking, sorted(over, key=lambda key: (key.at_ms, key)), within)
        forgetting.old(step, settings, within)


def _over(
    step: Step, settings: ExchangeSettings, tracking: Tracking, over: list[LegKey], within: int
) -> None:
    parts = parts_read(step, settings.name)
    seen = [(seen_ms(step.world.holdings.get((who.key, wallet))), who.label) for who, wallet in parts]
    oldest = min((at for at, _ in seen), default=step.now_ms)
    # Whoever was read a moment after it left, and never again, may have got it since.
    late = max(0, within - planned_sweep_ms(step, settings) - settings.poll_every_ms // 2)
    waiting = Waiting(step, settings.name, within)
    for key in over:
        leg = step.world.legs.get(key)
        if leg is None or not _waits(leg):
            continue  # an earlier one of this round has taken it
        asked_ms = key.at_ms + late
        if oldest < asked_ms and not leg.stated and step.now_ms < key.at_ms + within + UNREAD_MOST_MS:
            step.world.index.due(step.now_ms + LOOK_AGAIN_MS)
            continue
        unread = [label for at, label in seen if at < asked_ms] if oldest < asked_ms else []
        _settle(step, tracking, key, waiting, unread)


def _settle(step: Step, tracking: Tracking, key: LegKey, waiting: Waiting, unread: list[str]) -> None:
    """The window of one leg is over."""
    if declared.settles(step, tracking, key):
        return
    leg, within = step.world.legs[key], waiting.within_ms
    amount, gone = legs.amount_of(leg), proofs.withdrawals(step, key)
    if not gone:
        ends_ms = None if leg.stated else waiting.until_ms(key)
        if ends_ms is not None:
            step.world.index.due(ends_ms)
            return
        if not legs.came_back(step, key) and blocks.found(step, tracking, key, within):
            step.world.index.due(step.now_ms + LOOK_AGAIN_MS)  # who waits for one of them need not any more
            return
    if (
        amount < 0
        and step.now_ms < key.at_ms + within + FIRST_WAIT_MS
        and unmatched.may_be_dust(step, tracking, key)
    ):
        step.world.index.due(step.now_ms + PRICE_AGAIN_MS)
        return
    legs.put(step, key, replace(leg, settled=True))
    if amount > 0 or (leg.stated and not gone):
        return
    if legs.came_back(step, key):
        step.note("movement.came_back", key.exchange, f"{telling.label_of(step, key)} {key.asset}")
        return
    unmatched.tell(step, tracking, key, within, unread)


def _waits(leg: Leg) -> bool:
    """Whether the end of its window has still to say something of a leg."""
    return not (leg.settled or leg.match or leg.declared)

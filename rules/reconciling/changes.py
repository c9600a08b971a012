"""Events of `balance_change` rules on both legs of one movement are told as that movement.

Such an event waits for the other leg for a minute at most, and not at all where every account was read since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from rules import telling as told
from rules.changed import replace
from rules.ledger import LegKey, Match
from rules.reconciling import declaring, legs
from rules.reconciling.telling import change_of, details_of, label_of, moved, told_as
from rules.reconciling.tracking import Tracking, parts_read, seen_ms, tracking_of
from rules.records import Alert
from rules.ruleset import MINUTE_MS
from rules.step import Step

LONGEST_HOLD_MS = MINUTE_MS
LOOK_AGAIN_MS = 2_000
TYPE = "balance_change"

HELD_FIELD = "total"
"""What a movement changes by exactly its amount; what is free may change by it for other reasons, too."""

FIELDS = (HELD_FIELD, "free")


def hold(step: Step, alert: Alert) -> Alert:
    """An event that is about to be told: held where it waits for the other leg of its movement, else with what is
    declared of it.
    """
    tracking = tracking_of(step, alert.key.subject.exchange)
    key = None if tracking is None else _leg_of(step, alert)
    if tracking is None or key is None:
        return alert
    if alert.facts.field != HELD_FIELD:
        return _named(step, tracking, alert, key)
    leg, followed = step.world.legs[key], any(rule.asset.match(key.asset) for rule in tracking.movements)
    waits = legs.is_open(leg) and not _all_read(step, key)
    if not (followed and (waits or leg.match)):
        return _named(step, tracking, alert, key)
    step.world.index.due(step.now_ms if leg.match else step.now_ms + LOOK_AGAIN_MS)
    return replace(alert, held=True)


def release(step: Step, match: Match, headline: str, details: tuple[str, ...], heard: set[str]) -> None:
    """A movement is known: the events that wait for it are told as it, each notifier once."""
    heard = release_as(step, {*match.givers, *match.takers}, headline, details, heard)
    known = step.world.matches.get(match.id, match)
    step.world.matches[match.id] = replace(known, heard=tuple(sorted(heard)))


def release_as(
    step: Step, keys: Collection[LegKey], headline: str, details: tuple[str, ...], heard: Iterable[str]
) -> set[str]:
    """Tell the events that wait for these legs as what is said; the notifiers that have heard of it by then."""
    heard = set(heard)
    for _, alert in sorted(step.world.alerts.items()):
        if _waits(alert) and _leg_of(step, alert) in keys:
            rule = step.rule(alert.key.rule)
            if rule is not None:
                told_as(step, rule, alert, headline, details, heard)
    return heard


def told_alone(step: Step, keys: Iterable[LegKey]) -> tuple[str, ...]:
    """What was told of a leg before its other side was known: the movement refers to it."""
    said = []
    for key in keys:
        for place in sorted(step.world.index.open_of.get((key.exchange, key.account), ())):
            alert = step.world.alerts[place]
            if alert.type == TYPE and alert.told and alert.facts.value and _leg_of(step, alert) == key:
                said.append(f"The change of {label_of(step, key)} was told as {alert.id}.")
    return tuple(said)


def due(step: Step) -> None:
    """Tell alone what has waited long enough, and as its movement what came after that was known."""
    for _, alert in sorted(step.world.alerts.items()):
        if not _waits(alert):
            continue
        key, rule = _leg_of(step, alert), step.rule(alert.key.rule)
        match = None if key is None else step.world.matches.get(step.world.legs[key].match)
        if match is not None and rule is not None:
            release(step, match, moved(step, match), details_of(step, match), set(match.heard))
        elif key is None or step.now_ms >= (alert.fired_ms or 0) + LONGEST_HOLD_MS or _all_read(step, key):
            tracking = tracking_of(step, alert.key.subject.exchange)
            named = alert if key is None or tracking is None else _named(step, tracking, alert, key)
            step.world.put_alert(told.tell(step, rule, named))
        else:
            step.world.index.due(step.now_ms + LOOK_AGAIN_MS)


def _named(step: Step, tracking: Tracking, alert: Alert, key: LegKey) -> Alert:
    """The event with the declaration that its leg has consumed, or will where nothing else explains it."""
    said = declaring.said_of(step, tracking, key)
    facts = replace(alert.facts, details=(*alert.facts.details, *said))
    return replace(alert, facts=facts) if said else alert


def _waits(alert: Alert) -> bool:
    return alert.held and alert.type == TYPE and alert.expires_ms is not None


def _leg_of(step: Step, alert: Alert) -> LegKey | None:
    """The leg that is exactly the change which an event tells, the newest of them."""
    subject, change = alert.key.subject, change_of(alert)
    if subject.account is None or not change or alert.facts.field not in FIELDS:
        return None
    newest = reversed(legs.of_asset(step, subject.exchange, subject.asset))
    return next(
        (
            key
            for key in newest
            if key.account == subject.account and legs.amount_of(step.world.legs[key]) == change
        ),
        None,
    )


def _all_read(step: Step, key: LegKey) -> bool:
    parts = parts_read(step, key.exchange)
    return all(
        seen_ms(step.world.holdings.get((who.key, wallet))) >= key.at_ms
        for who, wallet in parts
        if who.key != key.account
    )

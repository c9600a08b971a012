"""Where a reading meets reconciliation: before its figures are judged, its changes become legs and past figures."""

from __future__ import annotations

from collections.abc import Iterable

from rules.figures import Arrival
from rules.ledger import Round
from rules.plan import AccountPlan
from rules.reconciling import (
    books,
    breaks,
    changes,
    composition,
    conservation,
    declared,
    expected,
    forgetting,
    legs,
    movements,
    shift_marks,
    summary,
    windows,
)
from rules.reconciling.tracking import tracking_of
from rules.ruleset import ExchangeSettings, Ruleset
from rules.step import Step


def read(
    step: Step,
    settings: ExchangeSettings,
    plan: AccountPlan,
    arrival: Arrival,
    changed: Iterable[str],
    *,
    whole: bool,
) -> None:
    """Quantities of one wallet arrived. Costs nothing where no rule asks for any of it."""
    tracking = tracking_of(step, settings.name)
    if tracking is not None and changed:
        wanted = [asset for asset in changed if tracking.wants(asset)]
        since_ms = _known_since_ms(step, settings)
        for key, leg in legs.taken(step, arrival, wanted, since_ms=since_ms):
            legs.add(step, key, leg)
            conservation.noted(step, tracking, key)
            movements.arrived(step, settings, tracking, key)
            forgetting.too_many(step, key)
    if not (plan.reconciled or plan.composed):
        return
    expected.remember(step, plan, arrival, changed, whole=whole)
    if whole:
        conservation.covered(step, settings, plan, arrival)
    summary.read(step, settings, plan, arrival.account, arrival.wallet)
    composition.read(step, settings, plan, arrival, changed)


def valued(step: Step, settings: ExchangeSettings, plan: AccountPlan, arrival: Arrival) -> None:
    """A valuation of one wallet arrived."""
    if plan.composed:
        shift_marks.valued(step, plan, arrival.account, arrival.wallet)
    if plan.reconciled:
        summary.read(step, settings, plan, arrival.account, arrival.wallet)


def due(step: Step) -> None:
    """What time alone brings about."""
    if step.world.legs:
        windows.due(step)
        changes.due(step)
    if step.ruleset.expects:
        declared.due(step)
    if step.world.differing:
        summary.due(step)
    if step.world.failing_books:
        books.due(step)
    if step.world.shifts:
        composition.due(step)
    breaks.grow_old(step)


def edited(step: Step, old: Ruleset) -> None:
    """A rules file came into force: what nobody asks for any more is forgotten."""
    declared.forget(step)
    books.edited(step, old)
    expected.forget(step, old)
    conservation.forget(step, old)
    for shift in [p for p in step.world.shifts if step.rule(p.rule) is None]:
        del step.world.shifts[shift]
    for key in sorted(step.world.legs):
        if tracking_of(step, key.exchange) is None:
            legs.drop(step, key)
    for ident in [i for i, match in step.world.matches.items() if match.givers[0] not in step.world.legs]:
        del step.world.matches[ident]
    asking = {name for name in step.ruleset.exchanges if _asks(step, name)}
    for stated in [place for place in step.world.stated if place[0] not in asking]:
        del step.world.stated[stated]
    for name in [name for name in step.world.prices if name not in step.ruleset.exchanges]:
        del step.world.prices[name]
    for place in [place for place in step.world.earlier if place[0] not in step.ruleset.exchanges]:
        del step.world.earlier[place]
    if not any(summary.is_ours(rule) for rule in step.ruleset.rules if rule.enabled):
        for part in list(step.world.differing):
            del step.world.differing[part]


def _asks(step: Step, exchange: str) -> bool:
    """Whether some rule asks what the venue states of an exchange."""
    return tracking_of(step, exchange) is not None or composition.is_judged(step, exchange)


def _known_since_ms(step: Step, settings: ExchangeSettings) -> int:
    """Since when every account of an exchange is known: one that comes later held nothing before. 0: not yet."""
    place = ("", settings.name)
    known = step.world.rounds.get(place)
    if known is None:
        if not conservation.is_known(step, settings):
            return 0
        known = step.world.rounds[place] = Round(step.now_ms, step.now_ms, step.now_ms)
    return known.since_ms

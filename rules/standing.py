"""Since when an alert is known to stand: how old the readings are that its figure is made of."""

from __future__ import annotations

from rules.figures import parts_of
from rules.plan import is_valued
from rules.step import Step
from rules.types.base import Family
from rules.world import Alert, World


def shown_since_ms(world: World, alert: Alert) -> int | None:
    """When the oldest of the readings that show it firing now was asked for; None where no reading judges it.

    0 where its figure was clear the last time: it stands by `confirm` or by `keep_firing`, and nothing shows it.
    """
    step = Step(world, 0)  # nothing is judged here, so that the time is not asked
    rule = step.rule(alert.key.rule)
    if rule is None or rule.spec.family is not Family.LEVEL:
        return None
    if alert.clear_ms is not None:
        return 0
    subject = alert.key.subject
    account = None if subject.account is None else world.accounts.get(subject.account)
    parts = parts_of(step, rule, alert.key, account)
    table = world.valuations if is_valued(rule) else world.holdings
    known = [table.get(part) for part in parts]
    began_ms = min((0 if one is None else one.began_ms for one in known), default=0)
    # A reading that does not name the asset says nothing of it, and then the figure's own time is the older one.
    return min(began_ms, alert.facts.read_ms or 0)

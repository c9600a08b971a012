"""A rules file comes into force: what it removes is closed, what it changes acts at each subject's next reading."""

from __future__ import annotations

from rules import baseline, health
from rules.lifecycle import end
from rules.ruleset import RulesAccepted, Ruleset
from rules.step import Step


def accept(step: Step, accepted: RulesAccepted) -> None:
    """Swap the ruleset. Text and threshold edits tell nothing twice."""
    old, new = step.world.ruleset, accepted.ruleset
    step.world.ruleset = new
    step.outcome.cancelled.extend(name for name in old.notifiers if name not in new.notifiers)
    health.rules_accepted(step)
    _close_removed(step, new)
    step.world.index.forget_judged()
    step.world.index.next_due_ms = 0
    rules = {rule.key for rule in new.rules if rule.enabled}
    for place in [
        place for place in step.world.judged_rules if place[1] not in rules or place[0] not in new.exchanges
    ]:
        del step.world.judged_rules[
            place
        ]  # written again it is a new rule, with a first judgement of its own
    for key in [key for key in step.world.trails if key.rule not in rules]:
        del step.world.trails[key]
    for key in [key for key in step.world.blind if key.rule not in rules]:
        del step.world.blind[key]
    baseline.watch(step)


def _close_removed(step: Step, new: Ruleset) -> None:
    rules = {rule.key: rule for rule in new.rules if rule.enabled}
    names = {rule.name for rule in new.rules if rule.enabled}
    for key, alert in sorted(step.world.alerts.items()):
        reason = ""
        if key.subject.exchange and key.subject.exchange not in new.exchanges:
            reason = "the exchange was removed"
        elif key.rule == health.UNKNOWN and key.subject.event not in rules:
            reason = "rule changed"
        elif not key.rule.startswith("subtally/") and key.rule not in rules:
            reason = "rule changed" if alert.rule in names else "rule removed"
        if reason:
            end(step, rules.get(key.rule), alert, reason, alert.facts, closed=True)
    for name in [name for name in step.world.exchanges if name not in new.exchanges]:
        del step.world.exchanges[name]

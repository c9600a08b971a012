"""Time alone: silence, `keep_firing`, reminders, the end of events and of a first judgement's minute."""

from __future__ import annotations

from rules import baseline, health, staleness
from rules.lifecycle import end
from rules.ruleset import Rule
from rules.step import Step
from rules.types.base import Family

FAR_MS = 1 << 62


def tick(step: Step) -> None:
    """Look only when something can be due: between two deadlines a tick costs nothing and changes nothing."""
    index = step.world.index
    if step.now_ms < index.next_due_ms:
        return
    index.next_due_ms = FAR_MS
    rules = {rule.key: rule for rule in step.ruleset.rules}
    staleness.scan(step)
    for place, blind in sorted(step.world.blind.items()):
        at_ms = blind.since_ms + step.settings.stale_after_ms
        if step.now_ms >= at_ms:
            health.blind_for_long(step, rules, place, blind)
        else:
            index.due(at_ms)
    _kept_firing(step, rules)
    _events(step)
    _digests(step)
    health.remind_all(step, rules)


def _kept_firing(step: Step, rules: dict[str, Rule]) -> None:
    for key, alert in sorted(step.world.alerts.items()):
        rule = rules.get(key.rule)
        if rule is None or alert.clear_ms is None or rule.spec.family is not Family.LEVEL:
            continue
        until = alert.last_ms + rule.keep_firing_ms
        if alert.clear_run < rule.confirm:
            continue
        if step.now_ms >= until:
            end(step, rule, alert, "", alert.facts, closed=False)
        else:
            step.world.index.due(until)


def _events(step: Step) -> None:
    for _, alert in sorted(step.world.alerts.items()):
        if alert.expires_ms is None:
            continue
        if step.now_ms >= alert.expires_ms:
            end(step, None, alert, "closed by itself after 24 h", alert.facts, closed=True)
        else:
            step.world.index.due(alert.expires_ms)


def _digests(step: Step) -> None:
    for name in sorted(step.ruleset.exchanges):
        waiting = step.state(name).baseline
        if waiting is None or waiting.began_ms is None:
            continue
        until = waiting.began_ms + baseline.LONGEST_MS
        if step.now_ms >= until:
            baseline.finish(step, name, late=True)
        else:
            step.world.index.due(until)
            if step.world.index.unread.get(name) == set():
                baseline.finish(step, name)

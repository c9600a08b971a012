"""Time alone: silence, `keep_firing`, reminders, the end of events and of a first judgement's minute."""

from __future__ import annotations

from rules import baseline, blindness, departed, staleness, withdrawing
from rules.lifecycle import end
from rules.orders import escalate_all
from rules.reconciling import follow
from rules.reminding import remind_all
from rules.step import Step

FAR_MS = 1 << 62


def tick(step: Step) -> None:
    """Look only when something can be due: between two deadlines a tick costs nothing and changes nothing."""
    index = step.world.index
    if step.now_ms < index.next_due_ms:
        return
    index.next_due_ms = FAR_MS
    if step.now_ms >= index.next_scan_ms:
        index.next_scan_ms = FAR_MS
        staleness.scan(step)
    else:
        index.due(index.next_scan_ms)
    blindness.judge_blind(step)
    _kept_firing(step)
    _events(step)
    _digests(step)
    follow.due(step)
    remind_all(step)
    escalate_all(step)
    departed.forget(step)


def _kept_firing(step: Step) -> None:
    """Alerts that are clear and only `keep_firing` holds."""
    for key, alert in sorted(step.world.alerts.items()):
        rule = step.rule(key.rule)
        if rule is None or alert.clear_ms is None or alert.clear_run < rule.confirm:
            continue
        until = alert.last_ms + rule.keep_firing_ms
        if step.now_ms >= until:
            end(step, alert, withdrawing.ended(alert), alert.facts, closed=False)
        else:
            step.world.index.due(until)


def _events(step: Step) -> None:
    for _, alert in sorted(step.world.alerts.items()):
        if alert.expires_ms is None:
            continue
        if step.now_ms >= alert.expires_ms:
            end(step, alert, "closed by itself after 24 h", alert.facts, closed=True)
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

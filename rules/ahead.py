"""After the clock was set back: no time lies ahead, for what is reckoned from it would wait for as long.

Times of readings stay as they are: who needs them knows that those which lie ahead are of before.
"""

from __future__ import annotations

from rules.changed import replace
from rules.records import Account, Alert, ExchangeState
from rules.step import Step


def cut(step: Step) -> None:
    """Nothing waits longer than it would from now on. Where the clock was not set back this changes nothing."""
    world = step.world
    for name, state in sorted(world.exchanges.items()):
        said = _exchange(step, state)
        if said != state:
            world.exchanges[name] = said
    for _, alert in sorted(world.alerts.items()):
        shorter = _alert(step, alert)
        if shorter != alert:
            world.put_alert(shorter)
    for place, blind in sorted(world.blind.items()):
        if blind.since_ms > step.now_ms:
            world.blind[place] = replace(blind, since_ms=step.now_ms)
    for account in list(world.accounts.values()):
        if account.missing or account.denied_ms is not None:
            seen = _account(step, account)
            if seen != account:
                world.put_account(seen)


def _exchange(step: Step, state: ExchangeState) -> ExchangeState:
    now, last, baseline = step.now_ms, state.last_success_ms, state.baseline
    was_ahead = last is not None and last > now
    return replace(
        state,
        since_ms=min(state.since_ms, now),
        up_since_ms=min(state.up_since_ms, now),
        last_success_ms=_past(step, last),
        baseline=None if baseline is None else replace(baseline, began_ms=_past(step, baseline.began_ms)),
        # Its own wait is the client's, by another clock: the next success comes after it.
        banned_until_ms=_past(step, state.banned_until_ms) if was_ahead else state.banned_until_ms,
        maintenance_since_ms=_past(step, state.maintenance_since_ms),
        maintenance_ended_ms=_past(step, state.maintenance_ended_ms),
    )


def _alert(step: Step, alert: Alert) -> Alert:
    rule = step.rule(alert.key.rule)
    return replace(
        alert,
        last_ms=min(alert.last_ms, step.now_ms),
        remind_at_ms=_within(step, alert.remind_at_ms, alert.repeat_ms),
        escalate_at_ms=_within(step, alert.escalate_at_ms, None if rule is None else rule.escalate_after_ms),
    )


def _account(step: Step, account: Account) -> Account:
    return replace(
        account,
        missing_ms=_past(step, account.missing_ms),
        missing_since_ms=_past(step, account.missing_since_ms),
        denied_ms=_past(step, account.denied_ms),
        answered_ms=_past(step, account.answered_ms),
    )


def _past(step: Step, at_ms: int | None) -> int | None:
    return None if at_ms is None else min(at_ms, step.now_ms)


def _within(step: Step, at_ms: int | None, wait_ms: int | None) -> int | None:
    return at_ms if at_ms is None or wait_ms is None else min(at_ms, step.now_ms + wait_ms)

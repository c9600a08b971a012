"""A rules file comes into force: what it removes is closed, what it changes acts at each subject's next reading."""

from __future__ import annotations

from rules import baseline, blindness, departed, health
from rules.builtin_names import NOTIFICATION, PREFIX, STALE_ACCOUNT, UNKNOWN
from rules.changed import replace
from rules.figures import parts_of
from rules.lifecycle import end
from rules.plan import is_read, still_judges
from rules.reconciling import follow
from rules.records import Alert, AlertKey
from rules.ruleset import RulesAccepted, Ruleset
from rules.step import Step
from rules.types.base import Family


def accept(step: Step, accepted: RulesAccepted) -> None:
    """Swap the ruleset. Text and threshold edits tell nothing twice."""
    old, new = step.world.ruleset, accepted.ruleset
    step.world.ruleset = new
    step.world.index.forget_judged()
    step.outcome.cancelled.extend(name for name in old.notifiers if name not in new.notifiers)
    if old.exchanges:  # else it is the first file, and nobody was ever there
        step.outcome.restored.extend(name for name in new.notifiers if name not in old.notifiers)
    health.rules_accepted(step)
    _close(step, new)
    _forget(step, new)
    follow.edited(step, old)
    departed.watched(step)
    for name, state in sorted(step.world.exchanges.items()):
        # The file changed, and with it perhaps the key: another chance. One that is read in another way, by others too,
        # is not late by the pace of the new one.
        was = old.exchanges.get(name)
        other = was is not None and was != new.exchanges.get(name)
        said = replace(state, stopped="", up_since_ms=step.now_ms if other else state.up_since_ms)
        if said != state:
            step.world.exchanges[name] = said
    baseline.watch(step)


def close_unread(step: Step) -> None:
    """Close what is open on figures that are read no more: no next reading will ever do it."""
    for key, alert in sorted(step.world.alerts.items()):
        reason = _unread(step, key, alert)
        if reason:
            end(step, alert, reason, alert.facts, closed=True)


def _close(step: Step, new: Ruleset) -> None:
    names = {rule.name for rule in new.rules if rule.enabled}
    for key, alert in sorted(step.world.alerts.items()):
        reason = ""
        if key.subject.exchange and key.subject.exchange not in new.exchanges:
            reason = "the exchange was removed"
        elif key.rule == UNKNOWN and step.rule(key.subject.event) is None:
            reason = "rule changed"
        elif key.rule == NOTIFICATION and key.subject.asset not in new.notifiers:
            reason = "the notifier was removed"
        elif not key.rule.startswith(PREFIX) and step.rule(key.rule) is None:
            reason = "rule changed" if alert.rule in names else "rule removed"
        if reason:
            end(step, alert, reason, alert.facts, closed=True)
    close_unread(step)


def _unread(step: Step, key: AlertKey, alert: Alert) -> str:
    """Why no reading will judge an open alert again, "" where one will."""
    rule, subject = step.rule(key.rule), key.subject
    if alert.expires_ms is not None or (rule is None and key.rule != STALE_ACCOUNT):
        return ""
    if subject.account is not None:
        account = step.world.accounts[subject.account]
        settings = step.exchange(account.exchange)
        if not is_read(step, account):
            return "the account is no longer read"
        wallets = () if settings is None or account.master else settings.wallets
        return "the wallet is no longer read" if wallets and subject.wallet not in ("", *wallets) else ""
    if rule is None or rule.spec.family not in (Family.LEVEL, Family.CHANGE):
        return ""
    return "" if still_judges(rule, subject) and parts_of(step, rule, key, None) else "rule changed"


def _forget(step: Step, new: Ruleset) -> None:
    """Drop what is remembered of rules and exchanges that are gone: written again they are new."""
    world = step.world
    for name in [name for name in world.exchanges if name not in new.exchanges]:
        del world.exchanges[name]
    for place in [p for p in world.judged_rules if step.rule(p[1]) is None or p[0] not in new.exchanges]:
        del world.judged_rules[place]
    for key in [key for key in world.trails if _is_gone(step, key)]:
        del world.trails[key]
    blindness.forget(step)


def _is_gone(step: Step, key: AlertKey) -> bool:
    exchange = key.subject.exchange
    return step.rule(key.rule) is None or (exchange != "" and step.exchange(exchange) is None)

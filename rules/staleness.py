"""Accounts without a reading: the built-in alert, and the user's own `stale` rules. Judged by time alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from rules import health
from rules.facts import Facts
from rules.ids import derive
from rules.lifecycle import end, fire
from rules.model import Severity
from rules.plan import concerns
from rules.ruleset import ExchangeSettings, Rule
from rules.step import Step, selected
from rules.sweep import late_after_ms
from rules.types.base import Family
from rules.types.stale import Stale
from rules.world import Account, Alert, AlertKey, Subject


def scan(step: Step) -> None:
    """Every exchange and every account read: what has been silent for too long, and what speaks again."""
    own = [rule for rule in step.ruleset.rules if rule.enabled and rule.spec.family is Family.STALE]
    for name, settings in step.ruleset.exchanges.items():
        if not _exchange_speaks(step, name):
            continue
        built_in = late_after_ms(step, settings)
        for account in step.accounts_of(name):
            if not selected(settings, account) or not _has_wallets(settings, account):
                continue
            wallet, silent_since = _silent_since(step, settings, account)
            _built_in(step, account, wallet, silent_since, built_in)
            for rule in own:
                if concerns(rule, account):
                    _own(step, rule, account, wallet, silent_since)


def spoke(step: Step, settings: ExchangeSettings, account: Account) -> None:
    """A reading arrived: the alerts on this account's silence end where every wallet speaks again."""
    for key in list(_stale_keys(step, account)):
        alert = step.world.alerts[key]
        _, since = _silent_since(step, settings, account)
        if since > (alert.fired_ms or alert.since_ms) or step.now_ms - since < _after_ms(step, settings, key):
            rule = next((rule for rule in step.ruleset.rules if rule.key == key.rule), None)
            end(step, rule, alert, "", replace(alert.facts, read_ms=since), closed=False)


def _exchange_speaks(step: Step, name: str) -> bool:
    """Judge the exchange as a whole; a stale one holds its accounts' stale alerts back."""
    state = step.state(name)
    late = health.stale_exchange_after_ms(step, name)
    if state.stopped:
        health.stopped(step, name)
        return False
    if step.now_ms >= late:
        health.stale_exchange(step, name)
        return False
    step.world.index.due(late)
    return True


def _has_wallets(settings: ExchangeSettings, account: Account) -> bool:
    return bool(settings.wallets) and not account.master


def _silent_since(step: Step, settings: ExchangeSettings, account: Account) -> tuple[str, int]:
    """The wallet that has been silent the longest, and since when. What the exchange missed as a whole, or we
    while we were down, is not the account's silence.
    """
    floor = max(step.world.started_ms, account.first_seen_ms, step.state(account.exchange).up_since_ms)
    times = []
    for wallet in settings.wallets:
        holding = step.world.holdings.get((account.key, wallet))
        times.append((max(floor, holding.ended_ms) if holding else floor, wallet))
    since, wallet = min(times)
    return wallet, since


def _built_in(step: Step, account: Account, wallet: str, since: int, after_ms: int) -> None:
    if step.now_ms < since + after_ms:
        step.world.index.due(since + after_ms)
        return
    subject = Subject(account.exchange, account.key)
    holding = step.world.holdings.get((account.key, wallet))
    reason = account.failing_reason or "No call about it succeeded."
    health.raise_alert(
        step,
        health.STALE_ACCOUNT,
        subject,
        Severity.WARNING,
        "cannot be read",
        account.label,
        wallet=wallet,
        read_ms=None if holding is None else holding.ended_ms,
        details=(reason,),
        identifiers=account.identity.identifiers,
    )


def _own(step: Step, rule: Rule, account: Account, wallet: str, since: int) -> None:
    after = cast("Stale", rule.spec).after_ms
    key = AlertKey(rule.key, Subject(account.exchange, account.key))
    if key in step.world.alerts:
        return
    if step.now_ms < since + after:
        step.world.index.due(since + after)
        return
    holding = step.world.holdings.get((account.key, wallet))
    facts = Facts(
        rule=rule.name,
        type=rule.type,
        exchange=account.exchange,
        severity=rule.severity,
        label=account.label,
        wallet=wallet,
        headline="has no reading",
        since_ms=since,
        fired_ms=step.now_ms,
        read_ms=None if holding is None else holding.ended_ms,
        details=(account.failing_reason,) if account.failing_reason else (),
        identifiers=account.identity.identifiers,
        runbook=rule.runbook,
        description=rule.description,
    )
    ident = derive("A", f"{key.rule}|{key.subject}|{step.now_ms}", lambda text: text in step.world.index.ids)
    now = step.now_ms
    alert = Alert(key, ident, rule.name, rule.type, "pending", rule.severity, facts, since, now, now)
    step.moved(alert, "", "pending")
    fire(step, rule, alert, event=False)


def _stale_keys(step: Step, account: Account) -> Iterator[AlertKey]:
    own = {rule.key for rule in step.ruleset.rules if rule.spec.family is Family.STALE}
    for key in sorted(step.world.index.open_of.get((account.exchange, account.key), ())):
        if key.rule == health.STALE_ACCOUNT or key.rule in own:
            yield key


def _after_ms(step: Step, settings: ExchangeSettings, key: AlertKey) -> int:
    rule = next((rule for rule in step.ruleset.rules if rule.key == key.rule), None)
    return late_after_ms(step, settings) if rule is None else cast("Stale", rule.spec).after_ms

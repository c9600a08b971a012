"""Accounts without a reading: the built-in alert, and the user's own `stale` rules. Judged by time alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from rules import health
from rules.builtin import raise_alert
from rules.builtin_names import STALE_ACCOUNT
from rules.changed import replace
from rules.evidence import CLOCK_JUMP_MS
from rules.facts import Facts
from rules.ids import derive
from rules.lifecycle import end, fire
from rules.model import Severity
from rules.plan import concerns, is_read, quantity_wallets, valued_wallets
from rules.records import Account, Alert, AlertKey, Subject
from rules.ruleset import ExchangeSettings, Rule
from rules.step import Step
from rules.sweep import late_after_ms
from rules.types.base import Family
from rules.types.stale import Stale

AGAIN_MS = 5_000
"""While the exchange as a whole is silent, its accounts are looked at no more often than this."""


def scan(step: Step) -> None:
    """Every exchange and every account read: what has been silent for too long."""
    own = [rule for rule in step.ruleset.rules if rule.enabled and rule.spec.family is Family.STALE]
    for name, settings in step.ruleset.exchanges.items():
        if not _exchange_speaks(step, name) or not _wallets(settings):
            continue
        after_ms = late_after_ms(step, settings)
        floor = max(step.world.started_ms, step.state(name).up_since_ms)
        last_success = step.last_success_ms(name) or 0
        for account in step.accounts_of(name):
            if account.master or not is_read(step, account):
                continue
            wallet, read_ms = _oldest(step, settings, account)
            # What lies ahead was before the clock was set back: since then there was a start.
            times = [ms for ms in (read_ms or 0, account.first_seen_ms) if ms <= step.now_ms + CLOCK_JUMP_MS]
            since = max([floor, *times])
            _built_in(step, account, wallet, since, after_ms, last_success)
            for rule in own:
                if concerns(rule, account):
                    _own(step, rule, account, wallet, since)


def spoke(step: Step, settings: ExchangeSettings, account: Account) -> None:
    """A reading arrived: the alerts on this account's silence end where every wallet speaks again."""
    if (account.exchange, account.key) not in step.world.index.open_of:
        return
    for key in list(_stale_keys(step, account)):
        _, read_ms = _oldest(step, settings, account)
        if read_ms is not None and step.now_ms - read_ms < _after_ms(step, settings, key):
            alert = step.world.alerts[key]
            facts = replace(alert.facts, read_ms=read_ms)
            end(step, alert, "", facts, closed=False)


def _exchange_speaks(step: Step, name: str) -> bool:
    """Judge the exchange as a whole; a stale one holds its accounts' stale alerts back."""
    late = health.stale_exchange_after_ms(step, name)
    if step.state(name).stopped:
        health.stopped(step, name)
        return False
    if step.now_ms >= late:
        health.stale_exchange(step, name)
        return False
    step.world.index.scan_due(late)
    return True


def _wallets(settings: ExchangeSettings) -> tuple[str, ...]:
    """The wallets whose readings keep an account fresh: quantities, or valuations where only they are read."""
    return quantity_wallets(settings) or valued_wallets(settings)


def _oldest(step: Step, settings: ExchangeSettings, account: Account) -> tuple[str, int | None]:
    """The wallet that has been silent the longest, and its last reading; None where it was never read."""
    oldest: tuple[str, int | None] = ("", None)
    by_quantity = bool(quantity_wallets(settings))
    for place, wallet in enumerate(_wallets(settings)):
        table = step.world.holdings if by_quantity else step.world.valuations
        found = table.get((account.key, wallet))
        read_ms = None if found is None else found.ended_ms
        if place == 0 or (oldest[1] is not None and (read_ms is None or read_ms < oldest[1])):
            oldest = (wallet, read_ms)
    return oldest


def _built_in(
    step: Step, account: Account, wallet: str, since: int, after_ms: int, last_success_ms: int
) -> None:
    """Tell of an account that stayed silent while its exchange spoke: an outage of all is told as one."""
    if step.now_ms < since + after_ms:
        step.world.index.scan_due(since + after_ms)
        return
    if last_success_ms < since + after_ms:
        step.world.index.scan_due(step.now_ms + max(since + after_ms - last_success_ms, AGAIN_MS))
        return
    subject = Subject(account.exchange, account.key)
    holding = step.world.holdings.get((account.key, wallet))
    reason = account.failing_reason or "No call about it succeeded."
    raise_alert(
        step,
        STALE_ACCOUNT,
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
        step.world.index.scan_due(since + after)
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
    for key in sorted(step.world.index.open_of.get((account.exchange, account.key), ())):
        alert = step.world.alerts[key]
        if key.rule == STALE_ACCOUNT or alert.type == "stale":
            yield key


def _after_ms(step: Step, settings: ExchangeSettings, key: AlertKey) -> int:
    rule = step.rule(key.rule)
    return late_after_ms(step, settings) if rule is None else cast("Stale", rule.spec).after_ms

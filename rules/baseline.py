"""The first judgement of a rule: one digest per exchange and notifier, not an alarm for each old condition."""

from __future__ import annotations

from collections.abc import Iterator

from rules import telling
from rules.changed import replace
from rules.filed import Filed
from rules.plan import FIGURES, is_about, is_valued, quantity_wallets, valued_wallets
from rules.records import Account, Alert, Baseline
from rules.ruleset import MINUTE_MS, ExchangeSettings, Rule
from rules.step import Step, selected
from rules.types.base import Family
from rules.unread import Pair, Unread

LONGEST_MS = MINUTE_MS
"""A digest waits no longer than this after the first reading."""

VALUE_OF = "value of "
"""Marks a valuation among the wallets that a first judgement waits for."""

HELD_FAMILIES = frozenset({Family.LEVEL, Family.STALE})


def watch(step: Step) -> None:
    """Rules not yet judged on an exchange begin their first judgement there."""
    for name in step.ruleset.exchanges:
        new = {rule.key for rule in step.ruleset.rules if _is_new(step, rule, name)}
        state = step.state(name)
        old = state.baseline
        known = {rule.key for rule in step.ruleset.rules}
        waiting = new | (set(old.rules) & known if old else set())
        began = old.began_ms if old and not new - old.rules else None
        fresh = Baseline(frozenset(waiting), began) if waiting else None
        if fresh != old or name not in step.world.exchanges:
            step.world.exchanges[name] = replace(state, baseline=fresh)


def begin(step: Step, exchange: str, at_ms: int) -> None:
    """The first reading after new rules starts the minute."""
    state = step.state(exchange)
    if state.baseline is None or state.baseline.began_ms is not None:
        return
    step.world.exchanges[exchange] = replace(state, baseline=replace(state.baseline, began_ms=at_ms))
    step.world.index.due(at_ms + LONGEST_MS)


def was_read(step: Step, settings: ExchangeSettings, account: int, wallet: str) -> None:
    """One wallet was looked at completely; when none is left and none wavers, the digest leaves."""
    _looked_at(step, settings, (account, wallet))


def was_valued(step: Step, settings: ExchangeSettings, account: int, wallet: str) -> None:
    """As `was_read`, for a valuation."""
    _looked_at(step, settings, (account, VALUE_OF + wallet))


def finish(step: Step, exchange: str, *, late: bool = False) -> None:
    """Tell the digest when everything was judged, or when its minute is over (`late`)."""
    state = step.state(exchange)
    baseline = state.baseline
    if baseline is None or baseline.began_ms is None:
        return
    if not late and (not state.listings_done or _wavering(step, exchange, baseline)):
        return
    for key in baseline.rules:
        step.world.judged_rules[exchange, key] = step.now_ms
    step.world.exchanges[exchange] = replace(state, baseline=None)
    step.world.index.unread.pop(exchange, None)
    batch = f"{exchange}@{step.now_ms}"
    for alert in _held(step, exchange):
        step.world.put_alert(telling.tell(step, step.rule(alert.key.rule), alert, batch))


def _is_new(step: Step, rule: Rule, exchange: str) -> bool:
    if not rule.enabled or not rule.exchange.match(exchange) or rule.spec.family not in HELD_FAMILIES:
        return False
    return (exchange, rule.key) not in step.world.judged_rules


def _looked_at(step: Step, settings: ExchangeSettings, pair: tuple[int, str]) -> None:
    state = step.state(settings.name)
    if state.baseline is None:
        return
    unread = step.world.index.unread.get(settings.name)
    if unread is None:
        awaited = _awaited(step, settings, state.baseline)
        unread = step.world.index.unread[settings.name] = Unread(awaited)
    unread.discard(pair)
    if unread.is_over():
        finish(step, settings.name)


def _awaited(step: Step, settings: ExchangeSettings, baseline: Baseline) -> Iterator[set[Pair]]:
    """By account, the wallets not yet looked at that the new rules speak of, as of now.

    The master's are known only once they came.
    """
    accounts, judged = step.accounts_of(settings.name), step.world.index.judged.copy()
    new = [rule for key in sorted(baseline.rules) if (rule := step.rule(key)) is not None]
    figures = [rule for rule in new if rule.spec.family in FIGURES and rule.exchange.match(settings.name)]
    on_quantities = Filed.of(rule for rule in figures if not is_valued(rule))
    on_values = Filed.of(rule for rule in figures if is_valued(rule))

    def by_account() -> Iterator[set[Pair]]:
        for account in accounts:
            if account.master or not selected(settings, account):
                continue
            pairs: set[Pair] = set()
            if _speaks_of(on_quantities, account):
                pairs.update((account.key, wallet) for wallet in quantity_wallets(settings))
                pairs -= judged
            if _speaks_of(on_values, account):
                pairs.update((account.key, VALUE_OF + wallet) for wallet in valued_wallets(settings))
            if pairs:
                yield pairs

    return by_account()


def _speaks_of(found: Filed, account: Account) -> bool:
    identifiers = account.identity.identifiers
    return any(is_about(rule, account, identifiers) for rule in found.near(identifiers))


def _wavering(step: Step, exchange: str, baseline: Baseline) -> bool:
    """Whether a confirming reading is still awaited."""
    return any(
        alert.state == "pending"
        and (rule := step.rule(key.rule)) is not None
        and alert.held_ms >= rule.for_ms
        for key, alert in step.world.alerts.items()
        if key.subject.exchange in (exchange, "") and key.rule in baseline.rules
    )


def _held(step: Step, exchange: str) -> list[Alert]:
    """The alerts that waited, the most severe first; a sum over exchanges goes with the first that is done."""
    held = [
        a
        for key, a in step.world.alerts.items()
        if a.held and a.expires_ms is None and key.subject.exchange in (exchange, "")
    ]
    return sorted(held, key=lambda alert: (-alert.severity.rank, alert.key))

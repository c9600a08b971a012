"""A reading arrives: what it changes in the holdings, which subjects it concerns, and their verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import cast

from rules import accounts, baseline, changes, health, presence, status
from rules.figures import Arrival, facts_of, look_at, verdict_of
from rules.lifecycle import Evidence, end, look
from rules.model import Covers, Reading, Row
from rules.outcome import BalanceChange
from rules.plan import AccountPlan, is_valued, plan_of, quote_of, subjects, wallets_of
from rules.ruleset import ExchangeSettings, Rule
from rules.step import Step, selected
from rules.sweep import gap_cap_ms
from rules.types.base import Family
from rules.values import zero_row
from rules.world import Account, AlertKey, Holding, Valuation


def judge_reading(step: Step, reading: Reading) -> None:
    """Take one reading in and judge every subject it concerns (law 5)."""
    settings = step.exchange(reading.exchange)
    if settings is None or step.state(reading.exchange).stopped:
        return
    account = accounts.ensure(step, reading.exchange, reading.account)
    health.succeeded(step, reading.exchange, reading.ended_ms)
    account = presence.answered(step, settings, account, reading)
    if not selected(settings, account):
        return
    account = health.account_read(step, account)
    baseline.begin(step, reading.exchange, reading.ended_ms)
    key = account.key
    arrival = Arrival(
        account,
        reading.wallet,
        reading.began_ms,
        reading.ended_ms,
        step.world.holdings.get((key, reading.wallet)),
        step.world.valuations.get((key, reading.wallet)),
    )
    plan = plan_of(step, account)
    if reading.values is not None:
        step.world.put_valuation(
            key, reading.wallet, Valuation(reading.values, reading.began_ms, reading.ended_ms)
        )
        _judge_values(step, plan, arrival, reading.values)
    if reading.fields:
        changed = _take_in(step, arrival, reading)
        whole = reading.covers is Covers.ALL
        named = None if whole else frozenset(reading.rows)
        judge_assets(step, settings, plan, arrival, changed, named=named, whole=whole)
        if whole:
            baseline.was_read(step, settings, key, reading.wallet)


def judge_assets(
    step: Step,
    settings: ExchangeSettings,
    plan: AccountPlan,
    arrival: Arrival,
    changed: Iterable[str],
    *,
    named: frozenset[str] | None,
    whole: bool,
) -> None:
    """Judge the changed assets, every asset at the first look after a change of rules, and what is open.

    `named` limits the look to the assets that the arrival proves; None is all of them.
    """
    index, pair = step.world.index, (arrival.account.key, arrival.wallet)
    assets = set(changed)
    if pair not in index.judged:
        assets = _all_assets(step, plan, arrival, whole=whole)
        if whole:
            index.judged.add(pair)
    done: set[AlertKey] = set()
    for asset in sorted(assets):
        for rule in plan.for_asset(asset):
            for key in subjects(step, rule, arrival.account, arrival.wallet, asset):
                done.add(key)
                judge_subject(step, settings, rule, key, arrival)
    _judge_open(step, settings, plan, arrival, named, done)
    status.drained(step, settings, plan, arrival, whole=whole)


def judge_subject(
    step: Step, settings: ExchangeSettings, rule: Rule, key: AlertKey, arrival: Arrival
) -> None:
    """One look at one subject of one rule."""
    if rule.spec.family is Family.CHANGE:
        changes.judge(step, settings, rule, key, arrival)
        return
    seen = look_at(step, rule, key, arrival)
    verdict = verdict_of(rule, seen, arrival.account)
    health.seen(step, rule, key, arrival, known=seen.value is not None)
    evidence = Evidence(
        verdict,
        seen.began_ms,
        arrival.ended_ms,
        arrival.account.exchange,
        seen.parts,
        gap_cap_ms(step, settings),
        lambda: facts_of(step, rule, key, arrival, seen, verdict),
    )
    look(step, rule, key, evidence)


def zeroed(step: Step, arrival: Arrival, assets: Iterable[str], ended_ms: int) -> list[str]:
    """Write zeros for assets that a complete look proved absent; the ones that were not zero before."""
    holding = step.world.holdings[arrival.account.key, arrival.wallet]
    gone = [asset for asset in sorted(assets) if zero_row(holding.rows[asset]) != holding.rows[asset]]
    if not gone:
        return []
    rows = dict(holding.rows)
    for asset in gone:
        rows[asset] = zero_row(rows[asset])
        _changed(step, arrival, holding.fields, asset, holding.rows[asset], rows[asset], ended_ms)
    holding = replace(holding, rows=rows, source=None)
    step.world.put_holding(arrival.account.key, arrival.wallet, holding)
    return gone


def _take_in(step: Step, arrival: Arrival, reading: Reading) -> list[str]:
    """Update the wallet's holding; the assets whose row changed."""
    before = arrival.before
    whole = reading.covers is Covers.ALL
    whole_ms = reading.ended_ms if whole else (before.whole_ms if before else None)
    key = (arrival.account.key, reading.wallet)
    if before is not None and before.source is reading.rows and before.fields == reading.fields:
        moved = replace(before, began_ms=reading.began_ms, ended_ms=reading.ended_ms, whole_ms=whole_ms)
        step.world.put_holding(*key, moved)
        return []
    known: Mapping[str, Row] = before.rows if before is not None and before.fields == reading.fields else {}
    rows, changed = _merge(known, reading, whole=whole)
    for asset in changed:
        _changed(step, arrival, reading.fields, asset, known.get(asset), rows[asset], reading.ended_ms)
    holding = Holding(reading.fields, rows, reading.rows, reading.began_ms, reading.ended_ms, whole_ms)
    step.world.put_holding(*key, holding)
    return changed


def _merge(known: Mapping[str, Row], reading: Reading, *, whole: bool) -> tuple[Mapping[str, Row], list[str]]:
    """The rows after a reading: those it names, and those held before, at zero where it proves an absence."""
    changed = [asset for asset, row in reading.rows.items() if known.get(asset) != row]
    others = [asset for asset in known if asset not in reading.rows]
    if not others:
        return reading.rows, changed
    rows = dict(known)
    rows.update(reading.rows)
    if whole:
        for asset in others:
            if rows[asset] != zero_row(rows[asset]):
                rows[asset] = zero_row(rows[asset])
                changed.append(asset)
    return rows, changed


def _changed(
    step: Step,
    arrival: Arrival,
    fields: tuple[str, ...],
    asset: str,
    before: Row | None,
    after: Row,
    at_ms: int,
) -> None:
    step.outcome.changes.append(
        BalanceChange(arrival.account.key, arrival.wallet, fields, asset, before, after, at_ms)
    )


def _all_assets(step: Step, plan: AccountPlan, arrival: Arrival, *, whole: bool) -> set[str]:
    """Every asset of the wallet, and at a complete look those that rules name literally (law 4)."""
    rows = step.world.holdings[arrival.account.key, arrival.wallet].rows
    assets = set(rows)
    if whole:
        held = {asset.casefold() for asset in rows}
        assets |= {asset.upper() for asset in plan.literal if asset not in held}
    return assets


def _judge_open(
    step: Step,
    settings: ExchangeSettings,
    plan: AccountPlan,
    arrival: Arrival,
    named: frozenset[str] | None,
    done: set[AlertKey],
) -> None:
    """What is open is judged at every reading that speaks of it, changed or not."""
    by_key = _rules_by_key(plan)
    for alert_key in list(_open_keys(step, arrival.account)):
        alert = step.world.alerts.get(alert_key)
        if alert is None or alert_key in done or alert_key.subject.event:
            continue
        rule = by_key.get(alert_key.rule)
        if rule is None:
            _close_unselected(step, arrival.account, alert_key)
            continue
        subject = alert_key.subject
        if is_valued(rule) or subject.wallet not in ("", arrival.wallet):
            continue
        if rule.wallet is not None and not rule.wallet.match(arrival.wallet):
            continue
        if named is not None and subject.asset not in named:
            continue
        judge_subject(step, settings, rule, alert_key, arrival)


def _close_unselected(step: Step, account: Account, key: AlertKey) -> None:
    """An edit took the subject out of its rule: the next reading closes the alert."""
    rule = next((rule for rule in step.ruleset.rules if rule.key == key.rule), None)
    if (
        rule is None
        or key.subject.account != account.key
        or rule.spec.family not in (Family.LEVEL, Family.CHANGE)
    ):
        return
    alert = step.world.alerts[key]
    end(step, rule, alert, "rule changed", alert.facts, closed=True)


def _rules_by_key(plan: AccountPlan) -> dict[str, Rule]:
    rules = [*plan.any_asset, *plan.valued, *(rule for named in plan.literal.values() for rule in named)]
    return {rule.key: rule for rule in rules}


def _open_keys(step: Step, account: Account) -> Iterator[AlertKey]:
    """Open alerts that may be about the account: its own, and sums of its exchange or of all."""
    index = step.world.index.open_of
    for owner in ((account.exchange, account.key), (account.exchange, None), ("", None)):
        yield from sorted(index.get(owner, ()))


def _judge_values(step: Step, plan: AccountPlan, arrival: Arrival, values: Mapping[str, str]) -> None:
    settings = cast("ExchangeSettings", step.exchange(arrival.account.exchange))
    for rule in plan.valued:
        if quote_of(rule) not in values or arrival.wallet not in wallets_of(
            step, arrival.account, settings, valued=True
        ):
            continue
        for key in subjects(step, rule, arrival.account, arrival.wallet, quote_of(rule)):
            judge_subject(step, settings, rule, key, arrival)

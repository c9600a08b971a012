"""Looks at subjects: which figure a rule judges for a subject now, from which parts, and what to say of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from rules.facts import Facts
from rules.plan import concerns, field_of, is_valued, quote_of, wallets_of
from rules.ruleset import ExchangeSettings, Rule
from rules.step import Step, selected
from rules.types.base import LevelSpec, Verdict
from rules.values import add, figure, text_of, valued
from rules.world import Account, AlertKey, Holding, Valuation

ALSO_MOST = 6


@dataclass(frozen=True, slots=True)
class Arrival:
    """The reading that brings a look: whose wallet it was, when, and what that wallet held before."""

    account: Account
    wallet: str
    began_ms: int
    ended_ms: int
    before: Holding | None
    before_valuation: Valuation | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """One figure of one subject, with the figure before this arrival and the parts that it is made of."""

    value: Decimal | None
    before: Decimal | None
    before_ms: int | None
    began_ms: int
    parts: tuple[tuple[int, str], ...]


def look_at(step: Step, rule: Rule, key: AlertKey, arrival: Arrival) -> Look:
    """The judged figure of a subject; unknown while any part is."""
    parts = tuple(_parts(step, rule, key, arrival))
    now = _sum(step, rule, key.subject.asset, parts, None)
    before = _sum(step, rule, key.subject.asset, parts, arrival)
    began = min((_began(step, rule, part, arrival) for part in parts), default=arrival.began_ms)
    return Look(now, before, _before_ms(rule, arrival), began, parts)


def facts_of(step: Step, rule: Rule, key: AlertKey, arrival: Arrival, look: Look, verdict: Verdict) -> Facts:
    """Everything a message about this look needs."""
    settings = cast("ExchangeSettings", step.exchange(arrival.account.exchange))
    summed = key.subject.account is None
    wallets = sorted({wallet for _, wallet in look.parts})
    account = arrival.account
    return Facts(
        rule=rule.name,
        type=rule.type,
        exchange=key.subject.exchange or ", ".join(sorted({_exchange(step, part) for part in look.parts})),
        severity=verdict.severity,
        label=_sum_label(rule, look) if summed else account.label,
        wallet=key.subject.wallet,
        wallets=tuple(wallets),
        asset=key.subject.asset,
        field=field_of(rule),
        quote=quote_of(rule) if is_valued(rule) else "",
        value=text_of(look.value),
        sign=verdict.sign,
        threshold=text_of(verdict.threshold),
        clear_at=text_of(verdict.clear_at),
        before=text_of(look.before) if look.before != look.value else None,
        before_ms=look.before_ms if look.before != look.value else None,
        since_ms=arrival.ended_ms,
        read_ms=arrival.ended_ms,
        readings=1,
        also=() if summed else tuple(_also(step, rule, key, account, wallets)),
        not_watched=() if summed else settings.not_watched,
        details=tuple(_details(step, rule, key, account)),
        identifiers=() if summed else account.identity.identifiers,
        runbook=rule.runbook,
        description=rule.description,
    )


def verdict_of(rule: Rule, look: Look, account: Account) -> Verdict:
    """The rule type's own comparison."""
    return cast("LevelSpec", rule.spec).verdict(look.value, rule.severity, account.identity.identifiers)


def _parts(step: Step, rule: Rule, key: AlertKey, arrival: Arrival) -> Iterator[tuple[int, str]]:
    by_value = is_valued(rule)
    for account in _accounts(step, rule, key, arrival):
        settings = step.exchange(account.exchange)
        if settings is None:
            continue
        for wallet in wallets_of(step, account, settings, valued=by_value):
            if key.subject.wallet:
                if wallet == key.subject.wallet:
                    yield account.key, wallet
            elif rule.wallet is None or rule.wallet.match(wallet):
                yield account.key, wallet


def _accounts(step: Step, rule: Rule, key: AlertKey, arrival: Arrival) -> Iterator[Account]:
    if key.subject.account is not None:
        yield arrival.account
        return
    names = [key.subject.exchange] if key.subject.exchange else sorted(step.ruleset.exchanges)
    for name in names:
        settings = step.exchange(name)
        if settings is None:
            continue
        for account in step.accounts_of(name):
            if account.present and selected(settings, account) and concerns(rule, account):
                yield account


def _sum(
    step: Step, rule: Rule, asset: str, parts: tuple[tuple[int, str], ...], before: Arrival | None
) -> Decimal | None:
    field, by_value = field_of(rule), is_valued(rule)
    figures: list[Decimal] = []
    for part in parts:
        old = before is not None and part == (before.account.key, before.wallet)
        if by_value:
            valuation = before.before_valuation if old and before else step.world.valuations.get(part)
            one = valued(valuation, quote_of(rule))
        else:
            one = figure(before.before if old and before else step.world.holdings.get(part), asset, field)
        if one is None:
            return None
        figures.append(one)
    return add(figures) if figures else None


def _began(step: Step, rule: Rule, part: tuple[int, str], arrival: Arrival) -> int:
    if part == (arrival.account.key, arrival.wallet):
        return arrival.began_ms
    table = step.world.valuations if is_valued(rule) else step.world.holdings
    found = table.get(part)
    return 0 if found is None else found.began_ms


def _before_ms(rule: Rule, arrival: Arrival) -> int | None:
    known = arrival.before_valuation if is_valued(rule) else arrival.before
    return None if known is None else known.ended_ms


def _exchange(step: Step, part: tuple[int, str]) -> str:
    return step.world.accounts[part[0]].exchange


def _sum_label(rule: Rule, look: Look) -> str:
    count = len({account for account, _ in look.parts})
    return f"sum of {count} accounts ({rule.account})"


def _also(
    step: Step, rule: Rule, key: AlertKey, account: Account, wallets: list[str]
) -> Iterator[tuple[str, str, str, str]]:
    """Other known figures of the same asset, then other assets: what may explain the judged one."""
    given = 0
    asset, judged = key.subject.asset, field_of(rule)
    for wallet in sorted(step.world.index.wallets.get(account.key, ())):
        holding = step.world.holdings[account.key, wallet]
        same = [name for name in holding.fields if name != judged and name != "total"]
        for name in same:
            value = figure(holding, asset, name) if asset in holding.rows else None
            if value and given < ALSO_MOST:
                given += 1
                yield wallet, asset, name, format(value, "f")
        if wallet not in wallets and given < ALSO_MOST and (value := figure(holding, asset, judged)):
            given += 1
            yield wallet, asset, judged, format(value, "f")
    for wallet in wallets:
        other = step.world.holdings.get((account.key, wallet))
        for name in sorted(other.rows) if other else ():
            value = figure(other, name, "total") if name != asset else None
            if value and given < ALSO_MOST:
                given += 1
                yield wallet, name, "total", format(value, "f")


def _details(step: Step, rule: Rule, key: AlertKey, account: Account) -> Iterator[str]:
    if account.absent_passes and step.state(account.exchange).listings == {}:
        yield "The account is no longer named by the venue: drained or unlisted; the venue does not tell which."
    elif account.absent_passes:
        yield "The venue names no balance of this account any more; it is still listed."
    if rule.type != "low_balance" or is_valued(rule) or account.master:
        return
    for master in step.accounts_of(account.exchange):
        if not master.master:
            continue
        for wallet in sorted(step.world.index.wallets.get(master.key, ())):
            free = figure(step.world.holdings[master.key, wallet], key.subject.asset, "free")
            if free:
                yield f"The master has {free:,f} {key.subject.asset} free in {wallet}."

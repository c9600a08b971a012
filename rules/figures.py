"""Looks at subjects: which figure a rule judges for a subject now, from which parts, and what to say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from typing import NamedTuple, cast

from rules.accounts import find
from rules.facts import Facts
from rules.model import MASTER_IDENTITY
from rules.plan import concerns, field_of, is_read, is_valued, quote_of, wallets_of
from rules.records import Account, AlertKey, Holding, Valuation
from rules.ruleset import ExchangeSettings, Rule
from rules.sources import primary
from rules.step import Step
from rules.sums import FEWEST_PARTS, Part, Sums, over_assets
from rules.types.base import Verdict
from rules.types.low_balance import LowBalance
from rules.values import add, figure, text_of, valued

ALSO_MOST = 6

ACCOUNTS_AT_ONCE = 200
"""To ask so many what a rule means of them takes about a millisecond."""


class Arrival(NamedTuple):
    """The reading that brings a look: whose wallet it was, when, and what that wallet held before."""

    account: Account
    wallet: str
    began_ms: int
    ended_ms: int
    before: Holding | None
    before_valuation: Valuation | None = None


class Look(NamedTuple):
    """One figure of one subject and the parts that it is made of.

    `began` tells when the oldest of them was asked for, which few looks need: of thousands it takes long.
    `before` is the figure before this arrival; few looks need it, so that `with_before` adds it to those.
    `blind` is the part that was read and does not tell the figure; None where the figure is known, or where
    it is only not read yet.
    """

    value: Decimal | None
    began: Callable[[], int]
    parts: tuple[Part, ...]
    blind: Part | None = None
    before: Decimal | None = None
    before_ms: int | None = None

    @property
    def began_ms(self) -> int:
        return self.began()


def look_at(step: Step, rule: Rule, key: AlertKey, arrival: Arrival) -> Look:
    """The judged figure of a subject; unknown while any part is."""
    parts = parts_of(step, rule, key, arrival.account)

    def now() -> int:
        return arrival.began_ms

    if not parts or (key.subject.account is None and not all_known(step, rule, key)):
        return Look(None, now, parts)
    if len(parts) == 1:
        value = _figure(step, rule, key.subject.asset, parts[0])
        if value is None:
            return Look(None, now, parts, _blind(step, rule, parts[0]))
        return Look(value, lambda: _began(step, rule, parts[0], arrival), parts)
    total = _total(step, rule, key, parts, (arrival.account.key, arrival.wallet))
    if isinstance(total, tuple):
        return Look(None, now, parts, _blind(step, rule, total))
    return Look(total, lambda: min(_began(step, rule, part, arrival) for part in parts), parts)


def with_before(step: Step, rule: Rule, key: AlertKey, arrival: Arrival, look: Look) -> Look:
    """The look with the figure before this arrival, and when that was read. The other parts are as they are."""
    mine, asset = (arrival.account.key, arrival.wallet), key.subject.asset
    old = _figure_before(rule, asset, arrival) if look.value is not None and mine in look.parts else None
    if old is not None:
        others = (_figure(step, rule, asset, part) for part in look.parts if part != mine)
        old = add([old, *(one for one in others if one is not None)])
    return look._replace(before=old, before_ms=_before_ms(rule, arrival))


def _total(step: Step, rule: Rule, key: AlertKey, parts: tuple[Part, ...], mine: Part) -> Decimal | Part:
    """The sum of all parts, or one part that is unknown. Of many parts what did not move is not added up again."""
    if key.subject.account is not None or len(parts) < FEWEST_PARTS:
        figures = _figures(step, rule, key, parts)
        return figures if isinstance(figures, tuple) else add(figures.values())
    asset, kept, hints = key.subject.asset, sums_of(step, rule, key, parts), step.world.index.unknown_part
    told, hint = figure_of(step, rule, asset), hints.get(key)
    if hint is not None and told(hint) is None:
        kept.keep_behind(mine, asset, told)
        return hint
    total = kept.total(asset, told)
    if total is not None:
        hints.pop(key, None)
        return total
    figures = _figures(step, rule, key, parts)
    return figures if isinstance(figures, tuple) else kept.keep(asset, map(figures.__getitem__, parts))


def _figures(step: Step, rule: Rule, key: AlertKey, parts: tuple[Part, ...]) -> dict[Part, Decimal] | Part:
    """The figure of every part, or one part that is unknown: the one of the last look first, then the last ones.

    A first sweep reads accounts in the order of the parts: this way an unfinished one costs a single look.
    """
    hints, told = step.world.index.unknown_part, figure_of(step, rule, key.subject.asset)
    hint = hints.get(key)
    if hint is not None and told(hint) is None:
        return hint
    figures: dict[Part, Decimal] = {}
    for part in reversed(parts):
        one = told(part)
        if one is None:
            if len(parts) > 2:  # noqa: PLR2004  one account's two wallets are looked at as fast as remembered
                hints[key] = part
            return part
        figures[part] = one
    hints.pop(key, None)
    return figures


def facts_of(step: Step, rule: Rule, key: AlertKey, arrival: Arrival, look: Look, verdict: Verdict) -> Facts:
    """Everything a message about this look needs; it knows the figure before."""
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
        also=() if summed else tuple(islice(_also(step, rule, key, account, wallets), ALSO_MOST)),
        not_watched=() if summed else settings.unwatched(master=account.master),
        details=tuple(_details(step, rule, key, account)),
        identifiers=() if summed else account.identity.identifiers,
        runbook=rule.runbook,
        description=rule.description,
    )


def parts_of(step: Step, rule: Rule, key: AlertKey, account: Account | None) -> tuple[Part, ...]:
    """The wallets that a subject's figure is the sum of; `account` is the subject's own where it has one."""
    if key.subject.account is not None and account is not None:
        return tuple(_wallets(step, rule, key, account))
    kept, place = step.world.index.parts, over_assets(key)
    found = kept.get(place)
    if found is None:
        for _ in parts_in_steps(step, rule, key):
            pass
        found = kept[place] = step.world.index.asked[_meaning(rule, place)]
    return found


def parts_in_steps(step: Step, rule: Rule, key: AlertKey) -> Iterator[None]:
    """Have `parts_of` ready for a subject over accounts. Not to be gone on with once `index.unreckoned` is set.

    To ask every account takes long: rules that mean the same wallets ask but once.
    """
    index, place = step.world.index, over_assets(key)
    alike = _meaning(rule, place)
    if place in index.parts or alike in index.asked:
        return
    found: list[Part] = []
    for number, account in enumerate(_accounts(step, key), 1):
        if is_read(step, account) and concerns(rule, account):
            found += _wallets(step, rule, key, account)
        if number % ACCOUNTS_AT_ONCE == 0:
            yield
    index.asked[alike] = tuple(found)


def sums_of(step: Step, rule: Rule, key: AlertKey, parts: tuple[Part, ...]) -> Sums:
    """What is kept of the sums over these parts, which are those of `parts_of`."""
    sums, place = step.world.index.sums, over_assets(key)
    kept = sums.get(place)
    if kept is None or kept.parts is not parts:
        kept = sums[place] = Sums(parts, valued=is_valued(rule))
    return kept


def figure_of(step: Step, rule: Rule, asset: str) -> Callable[[Part], Decimal | None]:
    """What one part tells of an asset; asked of thousands, so that what the rule wants is looked up but once."""
    if is_valued(rule):
        quote, valuations = quote_of(rule), step.world.valuations
        return lambda part: valued(valuations.get(part), quote)
    field, holdings = field_of(rule), step.world.holdings
    return lambda part: figure(holdings.get(part), asset, field)


def _meaning(rule: Rule, place: AlertKey) -> tuple[object, ...]:
    """All of a rule and a subject that `parts_of` asks for."""
    chosen: tuple[object, ...] | None = None
    if isinstance(rule.spec, LowBalance) and not rule.spec.tiers:
        chosen = tuple((floor.accounts, bool(floor.tiers)) for floor in rule.spec.floors)
    return place.subject, rule.enabled, rule.exchange, rule.account, rule.wallet, is_valued(rule), chosen


def _wallets(step: Step, rule: Rule, key: AlertKey, account: Account) -> Iterator[Part]:
    settings = step.exchange(account.exchange)
    if settings is None:
        return
    for wallet in wallets_of(step, account, settings, valued=is_valued(rule)):
        if key.subject.wallet:
            if wallet == key.subject.wallet:
                yield account.key, wallet
        elif rule.wallet is None or rule.wallet.match(wallet):
            yield account.key, wallet


def _accounts(step: Step, key: AlertKey) -> Iterator[Account]:
    names = [key.subject.exchange] if key.subject.exchange else sorted(step.ruleset.exchanges)
    for name in names:
        if step.exchange(name) is not None:
            yield from step.accounts_of(name)


def all_known(step: Step, rule: Rule, key: AlertKey) -> bool:
    """Whether it is known which accounts a sum is made of: of an exchange not listed yet nobody knows."""
    names = [key.subject.exchange] if key.subject.exchange else sorted(step.ruleset.exchanges)
    for name in names:
        settings = step.exchange(name)
        if settings is None or not rule.exchange.match(name):
            continue
        state = step.state(name)
        if not (state.listings_done if settings.own_call else state.passes):
            return False
    return True


def _figure(step: Step, rule: Rule, asset: str, part: Part) -> Decimal | None:
    return figure_of(step, rule, asset)(part)


def _figure_before(rule: Rule, asset: str, arrival: Arrival) -> Decimal | None:
    if is_valued(rule):
        return valued(arrival.before_valuation, quote_of(rule))
    return figure(arrival.before, asset, field_of(rule))


def _blind(step: Step, rule: Rule, part: Part) -> Part | None:
    """An unknown part where it was read: then the venue does not give the figure."""
    if is_valued(rule):
        return part if part in step.world.valuations else None
    holding = step.world.holdings.get(part)
    return part if holding is not None and holding.whole_ms is not None else None


def _began(step: Step, rule: Rule, part: Part, arrival: Arrival) -> int:
    if part == (arrival.account.key, arrival.wallet):
        return arrival.began_ms
    table = step.world.valuations if is_valued(rule) else step.world.holdings
    found = table.get(part)
    return 0 if found is None else found.began_ms


def _before_ms(rule: Rule, arrival: Arrival) -> int | None:
    known = arrival.before_valuation if is_valued(rule) else arrival.before
    return None if known is None else known.ended_ms


def _exchange(step: Step, part: Part) -> str:
    return step.world.accounts[part[0]].exchange


def _sum_label(rule: Rule, look: Look) -> str:
    count = len({account for account, _ in look.parts})
    return f"sum of {count} accounts ({rule.account})"


def _also(
    step: Step, rule: Rule, key: AlertKey, account: Account, wallets: list[str]
) -> Iterator[tuple[str, str, str, str]]:
    """Other known figures of the same asset, then other assets: what may explain the judged one."""
    asset, judged = key.subject.asset, field_of(rule)
    for wallet in sorted(step.world.index.wallets.get(account.key, ())):
        holding = step.world.holdings[account.key, wallet]
        if asset in holding.rows:
            for name in holding.fields:
                value = figure(holding, asset, name) if name not in {judged, "total"} else None
                if value:
                    yield wallet, asset, name, format(value, "f")
        if wallet not in wallets and (value := figure(holding, asset, judged)):
            yield wallet, asset, judged, format(value, "f")
    for wallet in wallets:
        other = step.world.holdings.get((account.key, wallet))
        for name in sorted(other.rows) if other else ():
            value = figure(other, name, "total") if name != asset else None
            if value:
                yield wallet, name, "total", format(value, "f")


def still_listed(step: Step, account: Account) -> bool:
    """Whether a complete list, begun since balances of the account were last named, still names the account."""
    listings = step.state(account.exchange).listings
    source = primary(listings)
    if source is None or source not in account.listed_by or account.missing:
        return False
    return (listings[source].began_ms or 0) >= (account.absent_since_ms or 0)


def _details(step: Step, rule: Rule, key: AlertKey, account: Account) -> Iterator[str]:
    if account.absent_passes and key.subject.account is not None:
        yield (
            "The venue names no balance of this account any more; it is still listed."
            if still_listed(step, account)
            else "The account is no longer named by the venue: drained or unlisted; the venue does not tell which."
        )
    if rule.type != "low_balance" or is_valued(rule) or account.master:
        return
    master = find(step.world, account.exchange, MASTER_IDENTITY)
    if master is None:
        return
    for wallet in sorted(step.world.index.wallets.get(master.key, ())):
        free = figure(step.world.holdings[master.key, wallet], key.subject.asset, "free")
        if free:
            yield f"The master has {free:,f} {key.subject.asset} free in {wallet}."

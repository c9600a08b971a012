"""Accounts and balances that a rules file is about: literal names, an example for each pattern, nothing alarming."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from daemon.simulator.seeding import PRICES
from daemon.simulator.venue import Venue
from rules.model import MASTER, MASTER_IDENTITY, Identity
from rules.plan import concerns, field_of, is_valued, quantity_wallets, quote_of
from rules.records import Account
from rules.ruleset import ExchangeSettings, Rule, Ruleset
from rules.types.base import Family
from rules.types.high_balance import HighBalance
from rules.types.low_balance import LowBalance
from rules.types.runway import Runway

ACCOUNTS_MOST = 24
"""Of one exchange: a drill is to be read, and venues limit how fast so many can be."""

USUAL = Decimal(10_000)
_EXAMPLE = "desk-1"
_DOMAIN = "drill.example"


@dataclass(slots=True)
class Pocket:
    """One asset in one wallet: what rules want at least and at most, so that nothing fires at the start."""

    wallet: str
    asset: str
    least: Decimal | None = None
    most: Decimal | None = None

    @property
    def free(self) -> Decimal:
        if self.least is None:
            return USUAL if self.most is None or self.most > USUAL else self.most / 2
        ample = self.least * 2 or USUAL
        if self.most is None or ample < self.most:
            return ample
        return (self.least + self.most) / 2 if self.least < self.most else self.least


@dataclass(slots=True)
class Desk:
    """One simulated account: `name` is what the venue calls it, `account` is how rules see it."""

    name: str
    label: str
    account: Account
    pockets: dict[tuple[str, str], Pocket] = field(default_factory=dict)


def desks_of(ruleset: Ruleset, settings: ExchangeSettings) -> list[Desk]:
    """The accounts of one exchange that its rules name, or would match."""
    rules = [rule for rule in ruleset.rules if rule.enabled and rule.exchange.match(settings.name)]
    found: dict[str, Desk] = {}
    for label in _labels(rules, settings):
        desk = _desk(settings, label)
        if settings.accounts.match(*desk.account.identity.identifiers) and len(found) < ACCOUNTS_MOST:
            found.setdefault(desk.name, desk)
    for desk in found.values():
        _furnish(desk, rules, quantity_wallets(settings) or settings.wallets, len(ruleset.exchanges))
    return list(found.values())


def fill(venue: Venue, desks: Iterable[Desk], ruleset: Ruleset, settings: ExchangeSettings) -> None:
    """Make the accounts exist, with their balances, and the master with what rules ask of it."""
    venue.prices.update({asset: Decimal(price) for asset, price in PRICES.items()})
    for desk in desks:
        venue.add(desk.name, label=desk.label)
        for pocket in desk.pockets.values():
            venue.set_balance(desk.name, pocket.asset, wallet=pocket.wallet, free=plain(pocket.free))
    master = Account(0, settings.name, MASTER_IDENTITY, master=True)
    for rule in ruleset.rules:
        if concerns(rule, master):
            for pocket in _wanted(rule, master, _master_wallets(rule, venue)):
                venue.set_balance(MASTER, pocket.asset, wallet=pocket.wallet, free=plain(pocket.free))


def plain(amount: Decimal) -> str:
    """As a venue writes it."""
    return format(amount.quantize(Decimal("0.00000001")).normalize() if amount < 1 else amount, "f")


def example_of(pattern: str) -> str:
    """A name that meets a pattern: `mm-*` gives mm-1."""
    text = re.sub(r"\[!?(.)[^\]]*\]", r"\1", pattern)
    text = text.replace("*", "1").replace("?", "1")
    return _EXAMPLE if pattern.strip("*") == "" else text


def _labels(rules: Iterable[Rule], settings: ExchangeSettings) -> Iterator[str]:
    """The rules' own names first: where there are too many, examples of wildcards give way."""
    patterns: list[str] = []
    for rule in rules:
        patterns += rule.account.wanted
        if isinstance(rule.spec, LowBalance):
            patterns += (pattern for floor in rule.spec.floors for pattern in floor.accounts.wanted)
    patterns += settings.accounts.wanted
    wild = [pattern for pattern in patterns if set("*?[") & set(pattern)]
    for pattern in dict.fromkeys([*(p for p in patterns if p not in wild), *wild]):
        if pattern.casefold() != MASTER:
            yield example_of(pattern)


def _desk(settings: ExchangeSettings, label: str) -> Desk:
    """Binance calls accounts by e-mail, OKX by letters and digits, Bitget by a name of its own."""
    word = label.split("@", maxsplit=1)[0]
    if settings.kind == "binance":
        name = label if "@" in label else f"{label}@{_DOMAIN}"
        label = word
    else:
        bare = re.sub(r"[^0-9A-Za-z]", "", word) or "desk1"
        name = bare if settings.kind == "okx" else f"{bare.lower()}@virtual.example"
    identity = Identity(email=name if "@" in name else None, name=label, alias=name)
    return Desk(name, label, Account(0, settings.name, identity))


def _furnish(desk: Desk, rules: Iterable[Rule], wallets: tuple[str, ...], exchanges: int) -> None:
    for rule in rules:
        if not concerns(rule, desk.account):
            continue
        for pocket in _wanted(rule, desk.account, wallets, exchanges):
            known = desk.pockets.setdefault((pocket.wallet, pocket.asset), pocket)
            known.least = max(filter(None, (known.least, pocket.least)), default=known.least)
            known.most = min(filter(None, (known.most, pocket.most)), default=known.most)
    if not desk.pockets and wallets:
        desk.pockets[wallets[0], "USDT"] = Pocket(wallets[0], "USDT")


def _wanted(rule: Rule, account: Account, wallets: tuple[str, ...], exchanges: int = 1) -> Iterator[Pocket]:
    """What one rule on figures wants to be there."""
    if rule.spec.family not in (Family.LEVEL, Family.CHANGE):
        return
    least, most = _limits(rule, account)
    if least is not None and "exchange" in rule.sum_over:
        least /= exchanges  # each has at least one account that is part of the sum
    if is_valued(rule):
        assets: list[str] = ["BTC" if quote_of(rule) == "BTC" else "USDT"]
    else:
        assets = [asset.upper() for asset in sorted(rule.asset.literals)] or ["USDT"]
    places = [wallet for wallet in wallets if rule.wallet is None or rule.wallet.match(wallet)]
    for wallet in places[:1] if rule.wallet is None else places:
        for asset in assets:
            if rule.asset.match(asset) or is_valued(rule):
                yield Pocket(wallet, asset, least, most)


def _limits(rule: Rule, account: Account) -> tuple[Decimal | None, Decimal | None]:
    spec = rule.spec
    if isinstance(spec, LowBalance) and spec.field in ("free", "total", "value", "eq"):
        identifiers = account.identity.identifiers
        floors = (floor.tiers for floor in spec.floors if floor.accounts.match(*identifiers))
        tiers = spec.tiers or next(floors, ())
        return max([tier.threshold for tier in tiers] + [spec.clear_at or Decimal(0)]), None
    if isinstance(spec, HighBalance) and field_of(rule) in ("free", "total", "value", "eq"):
        return None, min([tier.threshold for tier in spec.tiers] + ([spec.clear_at] if spec.clear_at else []))
    if isinstance(spec, Runway) and spec.field in ("free", "total", "value", "eq"):
        return max(spec.below, Decimal(0)), None
    return None, None


def _master_wallets(rule: Rule, venue: Venue) -> tuple[str, ...]:
    named = () if rule.wallet is None else tuple(w for w in rule.wallet.wanted if not set("*?[") & set(w))
    return named or (venue.master_wallet,)


__all__ = ["Desk", "Pocket", "desks_of", "example_of", "fill", "plain"]

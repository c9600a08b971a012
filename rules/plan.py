"""Which rules concern which account: compiled once per account, so that unmatched rules cost nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

from rules.filed import filed
from rules.model import MASTER
from rules.patterns import Patterns
from rules.records import Account, AlertKey, Subject
from rules.ruleset import Allow, ExchangeSettings, Rule
from rules.step import Step
from rules.types.account_status import AccountStatus
from rules.types.balance_change import BalanceChange
from rules.types.base import Family
from rules.types.low_balance import LowBalance
from rules.types.runway import Runway

FIGURES = frozenset({Family.LEVEL, Family.CHANGE})


@dataclass(slots=True)
class AccountPlan:
    """The rules on figures of some accounts, all of them alike: by the asset they name, and those that see any asset.

    `by_key` finds the rules on figures; `read` tells whether the account's names are among those read;
    `allows` are the standing exceptions that speak of the accounts; `reconciled` and `composed` are the rules of
    those types.
    `rated` tells that some rule judges how a quantity moves in time, so that an unchanged one is news as well.
    """

    read: bool
    literal: dict[str, list[Rule]] = field(default_factory=dict)
    any_asset: list[Rule] = field(default_factory=list)
    valued: list[Rule] = field(default_factory=list)
    drained: list[Rule] = field(default_factory=list)
    by_key: dict[str, Rule] = field(default_factory=dict)
    allows: tuple[Allow, ...] = ()
    reconciled: list[Rule] = field(default_factory=list)
    composed: list[Rule] = field(default_factory=list)
    rated: bool = False

    def for_asset(self, asset: str, *, held: bool) -> Sequence[Rule]:
        """The rules that judge this asset, each once; one never held is seen only by those that name it (law 4)."""
        folded = asset.casefold()
        named = self.literal.get(folded, ())
        if not (held and self.any_asset):
            return named
        return [*named, *[rule for rule in self.any_asset if rule.asset.match_wild(folded)]]


def plan_of(step: Step, account: Account) -> AccountPlan:
    """The account's plan, compiled at its first use after a change of rules or of its names."""
    plans = step.world.index.plans
    plan = cast("AccountPlan | None", plans.get(account.key))
    if plan is None:
        plan = plans[account.key] = _compile(step, account)
    return plan


def is_read(step: Step, account: Account) -> bool:
    """Whether the account's quantities or valuations are read at all.

    It is asked of all accounts in one go after each start and edit: to compile their plans would hold up the loop.
    """
    if not account.present:
        return False
    plan = cast("AccountPlan | None", step.world.index.plans.get(account.key))
    return _is_selected(step.exchange(account.exchange), account) if plan is None else plan.read


def concerns(rule: Rule, account: Account) -> bool:
    """Whether the rule is about this account. The master must be named: no wildcard means it."""
    if not rule.enabled or not rule.exchange.match(account.exchange):
        return False
    return is_about(rule, account, account.identity.identifiers)


def is_valued(rule: Rule) -> bool:
    """Whether the rule judges the venue's own valuation and not a quantity."""
    return rule.valued


def quote_of(rule: Rule) -> str:
    """The coin of the valuation that a rule with field = "value" judges."""
    return str(getattr(rule.spec, "quote", ""))


def field_of(rule: Rule) -> str:
    """The field that a rule on figures judges."""
    return cast("LowBalance | BalanceChange", rule.spec).field


def quantity_wallets(settings: ExchangeSettings) -> tuple[str, ...]:
    """The wallets of a sub-account whose quantities are read; Binance's summary alone reads none."""
    if settings.kind == "binance" and "assets" not in settings.read:
        return ()
    return settings.wallets


def valued_wallets(settings: ExchangeSettings) -> tuple[str, ...]:
    """The wallets of a sub-account that the venue values."""
    if settings.kind == "binance":
        return ("spot",) if "summary" in settings.read else ()
    return ("trading",) if "trading" in settings.wallets else ()


def wallets_of(step: Step, account: Account, settings: ExchangeSettings, *, valued: bool) -> tuple[str, ...]:
    """The wallets of an account that are read: as configured, and for the master as the venue names them."""
    if account.master:
        index = step.world.index
        return tuple(sorted((index.valued if valued else index.wallets).get(account.key, ())))
    return valued_wallets(settings) if valued else quantity_wallets(settings)


def subjects(rule: Rule, account: Account, wallet: str, asset: str) -> Iterable[AlertKey]:
    """The subject of a rule that one asset in one wallet of one account belongs to, or none."""
    if rule.wallet is not None and not rule.wallet.match(wallet):
        return ()
    over = rule.sum_over
    subject = Subject(
        exchange="" if "exchange" in over else account.exchange,
        account=None if "account" in over or "exchange" in over else account.key,
        wallet="" if rule.wallet is None or "wallet" in over else wallet,
        asset=asset,
    )
    return (AlertKey(rule.key, subject),)


def still_judges(rule: Rule, subject: Subject) -> bool:
    """Whether a rule, perhaps edited since, still has subjects of this shape, wallet and asset."""
    over = rule.sum_over
    if (subject.exchange == "") != ("exchange" in over):
        return False
    if (subject.account is None) != bool({"account", "exchange"} & over):
        return False
    if (subject.wallet == "") != (rule.wallet is None or "wallet" in over):
        return False
    if subject.wallet and rule.wallet is not None and not rule.wallet.match(subject.wallet):
        return False
    return subject.asset == quote_of(rule) if is_valued(rule) else rule.asset.match(subject.asset)


def _compile(step: Step, account: Account) -> AccountPlan:
    """Most accounts of a desk are meant by the same few rules: they share one plan."""
    identifiers = account.identity.identifiers
    read = _is_selected(step.exchange(account.exchange), account)
    about = [rule for rule in filed(step, account) if is_about(rule, account, identifiers)]
    allows = tuple(
        allow
        for allow in step.ruleset.allows
        if allow.exchange.match(account.exchange) and is_named(allow.account, account, identifiers)
    )
    alike = (read, tuple(map(id, about)), tuple(map(id, allows)))
    plan = cast("AccountPlan | None", step.world.index.alike.get(alike))
    if plan is None:
        plan = step.world.index.alike[alike] = _plan(about, allows, read=read)
    return plan


def _plan(about: Iterable[Rule], allows: tuple[Allow, ...], *, read: bool) -> AccountPlan:
    plan = AccountPlan(read, allows=allows)
    for rule in about:
        if rule.spec.family is Family.STATUS:
            if "drained" in cast("AccountStatus", rule.spec).on:
                plan.drained.append(rule)
        elif rule.spec.family is Family.RECONCILIATION:
            plan.reconciled.append(rule)
        elif rule.spec.family is Family.COMPOSITION:
            plan.composed.append(rule)
        elif rule.spec.family in FIGURES:
            plan.by_key[rule.key] = rule
            _file(plan, rule)
            plan.rated |= isinstance(rule.spec, Runway) and not is_valued(rule)
    return plan


def is_named(patterns: Patterns, account: Account, identifiers: tuple[str, ...]) -> bool:
    """Whether patterns mean an account. The master must be named: no wildcard means it."""
    return patterns.names(MASTER) if account.master else patterns.match(*identifiers)


def is_about(rule: Rule, account: Account, identifiers: tuple[str, ...]) -> bool:
    """Whether a rule that is in force on the account's exchange is about this account, which has these identifiers."""
    if not is_named(rule.account, account, identifiers):
        return False
    spec = rule.spec
    return not isinstance(spec, LowBalance) or spec.selects(identifiers)


def _is_selected(settings: ExchangeSettings | None, account: Account) -> bool:
    if settings is None:
        return False
    if account.master:
        return bool({"master", "wallets", "summary"} & set(settings.read))
    return settings.accounts.match(*account.identity.identifiers)


def _file(plan: AccountPlan, rule: Rule) -> None:
    if is_valued(rule):
        plan.valued.append(rule)
        return
    for asset in sorted(rule.asset.literals):
        if rule.asset.match(asset):
            plan.literal.setdefault(asset, []).append(rule)
    if not rule.asset.only_literals:
        plan.any_asset.append(rule)

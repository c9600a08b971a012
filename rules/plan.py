"""Which rules concern which account: compiled once per account, so that unmatched rules cost nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

from rules.model import MASTER
from rules.ruleset import ExchangeSettings, Rule
from rules.step import Step
from rules.types.balance_change import BalanceChange
from rules.types.base import Family
from rules.types.low_balance import LowBalance
from rules.world import Account, AlertKey, Subject

FIGURES = frozenset({Family.LEVEL, Family.CHANGE})


@dataclass(slots=True)
class AccountPlan:
    """The rules on figures of one account: by the asset they name, and those that see any asset."""

    literal: dict[str, list[Rule]] = field(default_factory=dict)
    any_asset: list[Rule] = field(default_factory=list)
    valued: list[Rule] = field(default_factory=list)
    status: list[Rule] = field(default_factory=list)

    def for_asset(self, asset: str) -> Iterator[Rule]:
        """The rules that judge this asset, each once."""
        yield from self.literal.get(asset.casefold(), ())
        for rule in self.any_asset:
            if rule.asset.match(asset):
                yield rule


def plan_of(step: Step, account: Account) -> AccountPlan:
    """The account's plan, compiled at its first use after a change of rules or of its names."""
    plans = step.world.index.plans
    plan = cast("AccountPlan | None", plans.get(account.key))
    if plan is None:
        plan = plans[account.key] = _compile(step, account)
    return plan


def concerns(rule: Rule, account: Account) -> bool:
    """Whether the rule is about this account. The master must be named: no wildcard means it."""
    if not rule.enabled or not rule.exchange.match(account.exchange):
        return False
    spec = rule.spec
    if isinstance(spec, LowBalance) and not spec.selects(account.identity.identifiers):
        return False
    if account.master:
        return rule.account.names(MASTER)
    return rule.account.match(*account.identity.identifiers)


def is_valued(rule: Rule) -> bool:
    """Whether the rule judges the venue's own valuation and not a quantity."""
    return getattr(rule.spec, "field", "") == "value"


def quote_of(rule: Rule) -> str:
    """The coin of the valuation that a rule with field = "value" judges."""
    return str(getattr(rule.spec, "quote", ""))


def wallets_of(step: Step, account: Account, settings: ExchangeSettings, *, valued: bool) -> tuple[str, ...]:
    """The wallets of an account that are read: as configured, and for the master as the venue names them."""
    if account.master:
        index = step.world.index
        return tuple(sorted((index.valued if valued else index.wallets).get(account.key, ())))
    return _valued(settings) if valued else settings.wallets


def subjects(step: Step, rule: Rule, account: Account, wallet: str, asset: str) -> Iterable[AlertKey]:
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


def _valued(settings: ExchangeSettings) -> tuple[str, ...]:
    if settings.kind == "binance":
        return ("spot",) if "summary" in settings.read else ()
    return ("trading",) if "trading" in settings.wallets else ()


def _compile(step: Step, account: Account) -> AccountPlan:
    plan = AccountPlan()
    for rule in step.ruleset.rules:
        if not concerns(rule, account):
            continue
        if rule.spec.family is Family.STATUS:
            plan.status.append(rule)
        elif rule.spec.family in FIGURES:
            _file(plan, rule)
    return plan


def _file(plan: AccountPlan, rule: Rule) -> None:
    if is_valued(rule):
        plan.valued.append(rule)
    elif rule.asset.only_literals:
        for asset in rule.asset.literals:
            plan.literal.setdefault(asset, []).append(rule)
    else:
        plan.any_asset.append(rule)


def field_of(rule: Rule) -> str:
    """The field that a rule on figures judges."""
    return cast("LowBalance | BalanceChange", rule.spec).field

"""`[[rule]]` into rules of the engine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from daemon.config.daemon_table import notified
from daemon.config.reach import Need, check_exchange_names, check_reach, quotes_of, selected
from daemon.config.reconcile_models import CompositionShift, Reconciliation
from daemon.config.reconcile_table import composition_shift_of, reconciliation_of
from daemon.config.report import Scope
from daemon.config.rule_common import DurationTiers, RuleTable, Tiers
from daemon.config.rule_models import (
    AccountStatus,
    BalanceChange,
    HighBalance,
    LowBalance,
    Runway,
    Stale,
    UnexpectedFrozen,
    UnexpectedLocked,
    UnexpectedWithdrawing,
)
from daemon.config.sources import normal
from daemon.config.thresholds import check_clear_at, limits_of, tiers_of
from daemon.config.wording import plain, shown
from rules.patterns import EVERYTHING, Patterns
from rules.ruleset import ExchangeSettings, Rule
from rules.types import (
    account_status,
    balance_change,
    high_balance,
    low_balance,
    presence,
    runway,
    stale,
    unexpected,
)
from rules.types.base import Spec
from rules.types.levels import Floor, Tier
from rules.words import Severity


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a rule may speak of. `exchanges` are the valid ones; `all_valid` tells whether none is missing.

    `csv` holds the floors of each CSV file, or why it could not be read.
    """

    exchange_names: Collection[str]
    exchanges: Mapping[str, ExchangeSettings]
    all_valid: bool
    notifiers: Collection[str]
    csv: Mapping[str, tuple[Floor, ...] | str]
    books: Collection[str] = ()


def rule_of(table: RuleTable, scope: Scope, around: Surroundings) -> Rule:
    """Check and convert. The result counts only where the report holds no problem at the end."""
    check_exchange_names(table.exchange, around.exchange_names, scope)
    notify = notified(table.notify, scope, around.notifiers)
    escalate_after, escalate_to = _escalation(table, scope, around)
    quote = _quote(table, scope, around)
    _warn_of_idle_keys(table, scope)
    valued = getattr(table, "field", "") == "value"
    return Rule(
        name=table.name,
        type=table.type,
        spec=_spec(table, scope, around, quote),
        exchange=table.exchange,
        account=table.account,
        wallet=table.wallet,
        asset=EVERYTHING if valued else table.asset,
        severity=Severity(table.severity),
        confirm=table.confirm,
        for_ms=table.for_,
        keep_firing_ms=table.keep_firing,
        repeat_every_ms=table.repeat_every,
        notify=notify,
        runbook=table.runbook,
        description=table.description,
        enabled=table.enabled,
        sum_over=frozenset(table.sum_over),
        escalate_after_ms=escalate_after,
        escalate_to=escalate_to,
    )


def _escalation(table: RuleTable, scope: Scope, around: Surroundings) -> tuple[int | None, tuple[str, ...]]:
    """After what time whom; neither for a trial, which tells nobody at any time."""
    both = ("escalate_after", "escalate_to")
    missing = [key for key in both if key not in table.model_fields_set | scope.broken]
    if len(missing) == 1:
        hint = "escalate_after and escalate_to go together"
        scope.problem_of_key((missing[0],), "is required and missing", hint)
    names = notified(table.escalate_to, scope, around.notifiers, "escalate_to")
    if names and table.notify == []:
        scope.warning(("escalate_to",), "has no effect: notify = [] tells nobody")
        return None, ()
    return table.escalate_after, names or ()


def _spec(table: RuleTable, scope: Scope, around: Surroundings, quote: str) -> Spec:  # noqa: C901  one case a type
    spec: Spec
    match table:
        case LowBalance():
            spec = _low_balance(table, scope, around, quote)
        case HighBalance():
            tiers = tiers_of(table.above, scope, ("above",), floor=False)
            check_clear_at(table.clear_at, tiers, scope, floor=False)
            spec = high_balance.HighBalance(tiers, table.field, table.clear_at, quote)
        case UnexpectedFrozen() | UnexpectedWithdrawing() | UnexpectedLocked():
            tiers = tiers_of(table.above, scope, ("above",), floor=False)
            if min(tier.threshold for tier in tiers) < 0:
                scope.problem(("above",), "must not be negative", "0 tells of any amount")
            spec = unexpected.Unexpected(_needed_field(table), tiers)
        case BalanceChange():
            spec = _balance_change(table, scope, quote)
        case Runway():
            limits = limits_of(table.empties_within, scope, ("empties_within",))
            spec = runway.Runway(table.over, limits, table.below, table.field, quote)
        case AccountStatus():
            spec = account_status.AccountStatus(frozenset(table.on))
        case Stale():
            spec = stale.Stale(table.after)
        case Reconciliation():
            exchanges = around.exchanges if around.all_valid else None
            spec = reconciliation_of(table, scope, around.books, exchanges)
        case CompositionShift():
            spec = composition_shift_of(table)
        case _:
            spec = presence.Presence(appeared=table.type == "account_appeared")
    return spec


def _low_balance(table: LowBalance, scope: Scope, around: Surroundings, quote: str) -> Spec:
    tiers: tuple[Tier, ...] = ()
    floors: tuple[Floor, ...] = ()
    if table.below is not None and table.below_by is not None:
        scope.problem_of_key(("below_by",), "below and below_by exclude each other", "keep one of them")
    elif table.below is not None:
        tiers = tiers_of(table.below, scope, ("below",), floor=True)
    elif table.below_by is not None:
        floors = _floors(table.below_by, scope, around)
    elif "below_by" not in scope.broken:
        scope.problem_of_key(
            ("below",), "is required and missing", "write below, or below_by for a floor per account"
        )
    every = (*tiers, *(tier for floor in floors for tier in floor.tiers))
    check_clear_at(table.clear_at, every, scope, floor=True)
    return low_balance.LowBalance(tiers, floors, table.field, table.clear_at, quote)


def _floors(
    below_by: dict[str, Decimal | Tiers] | str, scope: Scope, around: Surroundings
) -> tuple[Floor, ...]:
    if isinstance(below_by, dict):
        return tuple(
            Floor(Patterns.of(account), tiers_of(threshold, scope, ("below_by", account), floor=True))
            for account, threshold in below_by.items()
        )
    found = around.csv.get(normal(below_by), "there is no such file")
    if isinstance(found, str):
        scope.problem(("below_by",), f"{shown(below_by)}: {found}")
        return ()
    return found


def _balance_change(table: BalanceChange, scope: Scope, quote: str) -> Spec:
    if table.drop is None and table.rise is None and not scope.broken & {"drop", "rise"}:
        scope.problem_of_key((), "needs drop or rise, or both", 'as in drop = 10_000 or rise = "10%"')
    if table.drop is not None and table.drop.percent and table.drop.amount > 100:  # noqa: PLR2004  percent
        scope.problem(("drop",), "nothing falls by more than 100%")
    return balance_change.BalanceChange(table.within, table.drop, table.rise, table.field, quote)


def _needed_field(table: RuleTable) -> str:
    """The figure that a rule judges; "" where it judges none."""
    if isinstance(table, UnexpectedFrozen | UnexpectedWithdrawing | UnexpectedLocked):
        return table.type.removeprefix("unexpected_")
    return str(getattr(table, "field", ""))


def _quote(table: RuleTable, scope: Scope, around: Surroundings) -> str:
    """The coin of the valuation, where one is judged. Checks on the way that somebody tells the figure."""
    field = _needed_field(table)
    written: str | None = getattr(table, "quote", None)
    if written is not None and field != "value":
        scope.problem_of_key(
            ("quote",), 'only field = "value" has a quote', "quantities are in their own coin"
        )
    if field == "value" and table.asset != EVERYTHING:
        scope.problem_of_key(("asset",), 'field = "value" is the worth of a whole wallet', "leave asset out")
    if not field or not around.all_valid or scope.broken & {"field", "exchange", "account", "wallet"}:
        return written or ""
    need = Need(field, table.account, table.wallet)
    exchanges = selected(table.exchange, around.exchanges)
    before = len(scope.report.problems)
    check_reach(need, table.exchange, exchanges, scope)
    if field != "value" or len(scope.report.problems) > before:
        return written or ""
    return _chosen_quote(written, quotes_of(need, exchanges), scope)


def _chosen_quote(written: str | None, quotes: Mapping[str, Mapping[str, bool]], scope: Scope) -> str:
    if not quotes:
        return written or ""
    told = ", ".join(f"{quote} ({', '.join(map(plain, names))})" for quote, names in quotes.items())
    if written is None:
        evident = [quote for quote, names in quotes.items() if any(names.values())] or list(quotes)
        if len(evident) > 1:
            scope.problem_of_key(
                ("quote",), "is required: the values are in several coins", f"they are in {told}"
            )
        return evident[0]
    if written not in quotes:
        scope.problem(("quote",), "no exchange of this rule tells values in that coin", f"they are in {told}")
    return written


def _warn_of_idle_keys(table: RuleTable, scope: Scope) -> None:
    for name in table.idle:
        if name in table.model_fields_set:
            key = name.rstrip("_")
            hint = "confirm of its [[exchange]] counts" if key == "confirm" and table.type != "stale" else ""
            scope.warning((key,), f"has no effect on a rule of type {table.type}", hint)
    limits = (getattr(table, key, None) for key in ("below", "above", "empties_within"))
    graded = any(isinstance(limit, Tiers | DurationTiers) for limit in limits)
    if graded and "severity" in table.model_fields_set:
        scope.warning(("severity",), "has no effect: each threshold has its own")

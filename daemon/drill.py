"""What the alert of a rule would look like, had its condition come true: the facts of a drill, and about whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import cast

from daemon.drill_breaks import broken, turned
from rules.facts import Facts
from rules.model import MASTER, Severity
from rules.patterns import Patterns
from rules.records import Account
from rules.ruleset import Rule, Ruleset
from rules.status import unlisted_as
from rules.types.account_status import AccountStatus
from rules.types.balance_change import BalanceChange, Step
from rules.types.base import Family, LevelSpec, Verdict, Zone
from rules.types.composition_shift import CompositionShift
from rules.types.low_balance import LowBalance
from rules.types.presence import Presence
from rules.types.runway import Rate, Runway
from rules.types.stale import Stale
from rules.values import EXACT
from state.queries import BalanceRow

READ_AGO_MS = 4_000
_TENTH = Decimal("0.1")
_ASSET = "USDT"
_ACCOUNT = "example-1"
_STATUS = {
    "frozen": "was frozen by the venue",
    "renamed": "was renamed: it was example-0 before",
    "drained": "was drained: every wallet read is empty",
}


@dataclass(frozen=True, slots=True)
class About:
    """Whom and what a drill is about. `known` tells that the state knows the account, and the names are real."""

    exchange: str
    identifiers: tuple[str, ...]
    wallet: str = ""
    asset: str = _ASSET
    known: bool = False
    own_call: bool = True

    @property
    def label(self) -> str:
        return self.identifiers[0]


def example_of(rule: Rule, ruleset: Ruleset) -> About:
    """An account, a wallet and an asset as the patterns of the rule have them, where the state knows none."""
    names = [name for name in ruleset.exchanges if rule.exchange.match(name)] or [
        _like(rule.exchange, "exchange-1")
    ]
    accounts = rule.account
    if isinstance(rule.spec, LowBalance) and rule.spec.floors and rule.account.all:
        accounts = rule.spec.floors[0].accounts
    wallet = "" if rule.wallet is None else _like(rule.wallet, "spot")
    own_call = _own_call(ruleset, names[0])
    return About(
        names[0], (_like(accounts, _ACCOUNT),), wallet, _like(_assets(rule), _ASSET), own_call=own_call
    )


def about(rule: Rule, ruleset: Ruleset, accounts: Iterable[Account], balances: Iterable[BalanceRow]) -> About:
    """The first known account that the rule judges, with an asset of its; else an example."""
    example = example_of(rule, ruleset)
    assets = {(row.account, row.wallet): row.asset for row in balances if _assets(rule).match(row.asset)}
    for account in accounts:
        identifiers = account.identity.identifiers
        named = not account.master or rule.account.names(MASTER)
        if not (named and account.present and rule.exchange.match(account.exchange)):
            continue
        if not rule.account.match(*identifiers) or not _has_limits(rule, identifiers):
            continue
        held = next(
            (
                (wallet, asset)
                for (key, wallet), asset in assets.items()
                if key == account.key and _in(rule, wallet)
            ),
            None,
        )
        wallet, asset = held or (example.wallet, example.asset)
        own_call = _own_call(ruleset, account.exchange)
        return About(
            account.exchange, (account.label, *identifiers), wallet, asset, known=True, own_call=own_call
        )
    return example


def drill_facts(rule: Rule, subject: About, now_ms: int) -> Facts:
    """As the rule's alert would have them, with a figure that makes its condition true."""
    facts = Facts(
        rule=rule.name,
        type=rule.type,
        exchange=subject.exchange,
        severity=rule.severity,
        label=subject.label,
        since_ms=now_ms - READ_AGO_MS - rule.for_ms,
        held_ms=rule.for_ms,
        read_ms=now_ms - READ_AGO_MS,
        readings=rule.confirm,
        fired_ms=now_ms,
        identifiers=subject.identifiers,
        runbook=rule.runbook,
        description=rule.description,
    )
    return _MAKERS[rule.spec.family](rule, subject, facts)


def _presence(rule: Rule, _subject: About, facts: Facts) -> Facts:
    appeared = cast("Presence", rule.spec).appeared
    said = (
        "appeared: a new sub-account"
        if appeared
        else "disappeared: the venue no longer knows this sub-account"
    )
    return replace(facts, headline=said, readings=0)


def _status(rule: Rule, subject: About, facts: Facts) -> Facts:
    on = cast("AccountStatus", rule.spec).on
    said = _STATUS | {"unlisted": unlisted_as(own_call=subject.own_call)}
    return replace(facts, headline=next(text for word, text in said.items() if word in on), readings=0)


def _stale(rule: Rule, _subject: About, facts: Facts) -> Facts:
    since = (facts.fired_ms or 0) - cast("Stale", rule.spec).after_ms
    return replace(facts, headline="has no reading", since_ms=since, read_ms=since, readings=0)


def _broken(rule: Rule, subject: About, facts: Facts) -> Facts:
    return broken(rule, replace(facts, wallet=subject.wallet, asset=subject.asset))


def _turned(rule: Rule, subject: About, facts: Facts) -> Facts:
    return turned(rule, replace(facts, asset=subject.asset))


def _assets(rule: Rule) -> Patterns:
    """Those that the rule may name in its message."""
    return rule.spec.majors if isinstance(rule.spec, CompositionShift) else rule.asset


def _own_call(ruleset: Ruleset, exchange: str) -> bool:
    settings = ruleset.exchanges.get(exchange)
    return settings is None or settings.own_call


def _figured(facts: Facts, rule: Rule, subject: About) -> Facts:
    over = rule.sum_over
    if "wallet" in over:
        subject = replace(subject, wallet="")
    if {"account", "exchange"} & over:
        facts = replace(facts, label=f"sum of the accounts ({rule.account})", identifiers=())
    if "exchange" in over:
        facts = replace(facts, exchange=f"exchanges ({rule.exchange})")
    field = str(getattr(rule.spec, "field", ""))
    # A valuation is of a whole wallet: there is no asset in it.
    asset = "" if rule.valued else subject.asset
    return replace(
        facts, wallet=subject.wallet, asset=asset, field=field, quote=str(getattr(rule.spec, "quote", ""))
    )


def _level(rule: Rule, subject: About, facts: Facts) -> Facts:
    facts = _figured(facts, rule, subject)
    if isinstance(rule.spec, Runway):
        return _runway(rule, rule.spec, facts)
    spec = cast("LevelSpec", rule.spec)
    verdict = _worst_verdict(spec, rule.severity, subject.identifiers)
    return replace(
        facts,
        severity=verdict.severity,
        value=_text(verdict.value),
        sign=verdict.sign,
        threshold=_text(verdict.threshold),
        clear_at=_text(verdict.clear_at),
    )


def _runway(rule: Rule, spec: Runway, facts: Facts) -> Facts:
    """Half of the shortest limit is left: 1,000 fell in every part of so long."""
    half_ms = int(min(tier.threshold for tier in spec.tiers)) // 2 or 1
    fell = EXACT.multiply(Decimal(1_000), Decimal(-(-spec.over_ms // half_ms)))
    verdict = spec.verdict(
        EXACT.add(spec.below, Decimal(1_000)),
        rule.severity,
        Rate(fell, half_ms * -(-spec.over_ms // half_ms)),
    )
    return replace(facts, severity=verdict.severity, value=_text(verdict.value), outlook=verdict.outlook)


def _worst_verdict(spec: LevelSpec, severity: Severity, identifiers: tuple[str, ...]) -> Verdict:
    """The gravest that the rule can give: a little beyond one of its thresholds."""
    found: list[Verdict] = []
    for threshold in _thresholds(spec, identifiers):
        off = EXACT.multiply(threshold.copy_abs(), _TENTH) or Decimal(1)
        beyond = EXACT.subtract(threshold, off), EXACT.add(threshold, off)
        found += (spec.verdict(value, severity, identifiers) for value in beyond)
    qualified = [verdict for verdict in found if verdict.zone is Zone.QUALIFIES]
    return max(qualified, key=lambda verdict: verdict.severity.rank, default=Verdict(Zone.UNKNOWN, severity))


def _thresholds(spec: LevelSpec, identifiers: tuple[str, ...]) -> Sequence[Decimal]:
    if isinstance(spec, LowBalance) and spec.floors:
        floor = next((floor for floor in spec.floors if floor.accounts.match(*identifiers)), None)
        return [tier.threshold for tier in floor.tiers] if floor else ()
    return [tier.threshold for tier in getattr(spec, "tiers", ())]


def _change(rule: Rule, subject: About, facts: Facts) -> Facts:
    facts = _figured(facts, rule, subject)
    spec = cast("BalanceChange", rule.spec)
    step = spec.drop or spec.rise or Step(Decimal(0))
    before = Decimal(100_000) if step.percent else EXACT.multiply(step.amount, Decimal(2))
    change = (
        EXACT.multiply(EXACT.multiply(before, step.amount), Decimal("0.01")) if step.percent else step.amount
    )
    after = EXACT.subtract(before, change) if spec.drop else EXACT.add(before, change)
    return replace(
        facts,
        headline="fell" if spec.drop else "rose",
        value=_text(after),
        threshold=f"{step.amount:f}%" if step.percent else f"{step.amount:f}",
        before=_text(before),
        before_ms=None if facts.read_ms is None else facts.read_ms - spec.within_ms // 2,
        window_ms=spec.within_ms,
    )


def _has_limits(rule: Rule, identifiers: tuple[str, ...]) -> bool:
    return not isinstance(rule.spec, LowBalance) or rule.spec.selects(identifiers)


def _in(rule: Rule, wallet: str) -> bool:
    return rule.wallet is None or rule.wallet.match(wallet)


def _like(patterns: Patterns, otherwise: str) -> str:
    """A name that the patterns mean, `otherwise` where they mean everything."""
    made = (pattern.replace("*", "1").replace("?", "1") for pattern in patterns.wanted if pattern != "*")
    fit = (name for name in made if "[" not in name and patterns.match(name))
    return next(fit, otherwise)


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")


_MAKERS: dict[Family, Callable[[Rule, About, Facts], Facts]] = {
    Family.LEVEL: _level,
    Family.CHANGE: _change,
    Family.PRESENCE: _presence,
    Family.STATUS: _status,
    Family.STALE: _stale,
    Family.RECONCILIATION: _broken,
    Family.COMPOSITION: _turned,
}

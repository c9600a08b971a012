"""Why a rule does or does not tell of a subject: each condition on the way to a verdict, by the verdict's own code.

For `explain`: nothing is judged here, and the World is only looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rules import runways
from rules.allows import verdict_of
from rules.figures import Arrival, Look, look_at
from rules.model import MASTER
from rules.patterns import Patterns
from rules.plan import FIGURES, field_of, is_read, is_valued, quote_of, still_judges, subjects, wallets_of
from rules.records import Account, Alert, AlertKey
from rules.ruleset import Rule, Ruleset
from rules.step import Step
from rules.sums import Part
from rules.types.base import Family, Verdict
from rules.types.levels import UNKNOWN
from rules.types.low_balance import LowBalance
from rules.types.runway import Rate, Runway
from rules.values import figure, valued
from rules.world import World


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must be so before the rule can tell: `met`, and both sides of it in words."""

    name: str
    met: bool
    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One part of the judged figure: whose wallet, what it says (None: unknown), and when it was read, if ever."""

    part: Part
    label: str
    value: str | None
    read_ms: int | None


@dataclass(frozen=True, slots=True)
class Why:
    """One subject of a rule. `look` and `verdict` are those that a reading of now would get; None before any."""

    conditions: tuple[Condition, ...]
    key: AlertKey | None = None
    figures: tuple[Figure, ...] = ()
    look: Look | None = None
    verdict: Verdict | None = None
    alert: Alert | None = None
    unmet: tuple[Condition, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "unmet", tuple(one for one in self.conditions if not one.met))


def why(world: World, rule: Rule, account: Account, asset: str, now_ms: int) -> list[Why]:
    """One for each subject of the rule that the account's asset belongs to: one a wallet where wallets are told apart.

    `asset` is not asked of a rule about accounts. Where a condition is not met there is one Why, without a subject.
    """
    step = Step(world, now_ms)
    conditions = list(_conditions(step, rule, account, asset))
    if rule.spec.family not in FIGURES:
        opened = [a for a in world.alerts.values() if _is_of(a, rule, account)]
        return [Why(tuple(conditions), alert=one) for one in opened] or [Why(tuple(conditions))]
    if not all(one.met for one in conditions):
        return [Why(tuple(conditions))]
    return [
        _of_wallet(step, rule, account, wallet, asset, conditions) for wallet in _places(step, rule, account)
    ]


def _conditions(step: Step, rule: Rule, account: Account, asset: str) -> Iterator[Condition]:
    """In the order in which the engine asks; a later one may depend on the earlier."""
    yield Condition(
        "enabled", rule.enabled, "the rule is enabled" if rule.enabled else "the rule has enabled = false"
    )
    yield _matches("exchange", rule.exchange, (account.exchange,))
    yield _account(rule, account)
    if isinstance(rule.spec, LowBalance) and not rule.spec.selects(account.identity.identifiers):
        yield Condition("below_by", met=False, text=f"no pattern of below_by meets {account.label}")
    if not account.present:
        yield Condition("present", met=False, text="the account is gone")
    elif rule.spec.family is not Family.PRESENCE:
        yield _is_read(step, account)
    if rule.spec.family not in FIGURES:
        return
    yield _wallets(step, rule, account)
    if is_valued(rule):
        met = asset.casefold() == quote_of(rule).casefold()
        yield Condition("quote", met, f"the rule judges the value in {quote_of(rule)}, asked for was {asset}")
    else:
        yield _matches("asset", rule.asset, (asset,))


def _account(rule: Rule, account: Account) -> Condition:
    if not account.master:
        return _matches("account", rule.account, account.identity.identifiers)
    met = rule.account.names(MASTER)
    said = "names the master" if met else 'means the master only where it names it: account = "master"'
    return Condition("account", met, f"{_shown(rule.account)} {said}")


def _matches(name: str, patterns: Patterns, identifiers: tuple[str, ...]) -> Condition:
    met = patterns.match(*identifiers)
    who = " / ".join(dict.fromkeys(identifiers))
    excluded = next((p for p in patterns.excluded if Patterns((p,)).match(*identifiers)), None)
    if excluded is not None:
        return Condition(name, met, f"{who} is excluded by !{excluded}")
    return Condition(name, met, f"{who} {'meets' if met else 'does not meet'} {_shown(patterns)}")


def _is_read(step: Step, account: Account) -> Condition:
    settings = step.exchange(account.exchange)
    if settings is None:
        return Condition("read", met=False, text=f"the exchange {account.exchange} is no longer in the file")
    if is_read(step, account):
        return Condition("read", met=True, text="the exchange reads this account")
    said = (
        'read lacks "master"' if account.master else f"accounts = {_shown(settings.accounts)} leaves it out"
    )
    return Condition("read", met=False, text=f"the exchange does not read this account: {said}")


def _wallets(step: Step, rule: Rule, account: Account) -> Condition:
    settings = step.exchange(account.exchange)
    every = () if settings is None else wallets_of(step, account, settings, valued=is_valued(rule))
    wallet = rule.wallet
    what = "valued" if is_valued(rule) else "read"
    if not every:
        return Condition("wallet", met=False, text=f"no wallet of the account is {what} yet, or ever")
    if wallet is None:
        return Condition("wallet", met=True, text=f"the sum of the wallets {what}: {', '.join(every)}")
    met = any(wallet.match(one) for one in every)
    return Condition(
        "wallet",
        met,
        f"of the wallets {what} ({', '.join(every)}) {'some meet' if met else 'none meets'} {_shown(wallet)}",
    )


def _places(step: Step, rule: Rule, account: Account) -> list[str]:
    """One wallet for each subject: where wallets are summed, any of them stands for all."""
    settings = step.exchange(account.exchange)
    every = () if settings is None else wallets_of(step, account, settings, valued=is_valued(rule))
    found = [one for one in every if rule.wallet is None or rule.wallet.match(one)]
    return found[:1] if rule.wallet is None or "wallet" in rule.sum_over else found


def _of_wallet(
    step: Step, rule: Rule, account: Account, wallet: str, asset: str, conditions: list[Condition]
) -> Why:
    world = step.world
    name = quote_of(rule) if is_valued(rule) else _as_held(world, account, asset)
    key = next(iter(subjects(rule, account, wallet, name)))
    assert still_judges(rule, key.subject)  # noqa: S101  the conditions above are those of the engine
    table = world.valuations if is_valued(rule) else world.holdings
    known = table.get((account.key, wallet))
    began_ms, ended_ms = (0, 0) if known is None else (known.began_ms, known.ended_ms)
    look = look_at(step, rule, key, Arrival(account, wallet, began_ms, ended_ms, None))
    figures = tuple(_figure(world, rule, name, part) for part in look.parts)
    unknown = [one for one in figures if one.value is None]
    if look.value is None:
        conditions = [*conditions, _unknown(rule, unknown)]
    elif not is_valued(rule) and not _is_seen(world, rule, name, look.parts):
        text = f"{name} was never held here, and only a rule that names an asset literally sees it at zero"
        conditions = [*conditions, Condition("held", met=False, text=text)]
    verdict = None
    if isinstance(rule.spec, Runway):
        verdict = UNKNOWN if look.value is None else runways.verdict_of(step, rule, key, look)
        if look.value is not None and verdict is UNKNOWN:
            conditions = [*conditions, _accumulating(rule.spec, runways.rate_of(step, rule, key, look))]
    elif rule.spec.family is Family.LEVEL:
        verdict = verdict_of(step, rule, key, look, account) if look.value is not None else UNKNOWN
    alert = world.alerts.get(key)
    return Why(tuple(conditions), key, figures, look, verdict, alert)


def _as_held(world: World, account: Account, asset: str) -> str:
    """The asset as the venue writes it."""
    for wallet in world.index.wallets.get(account.key, ()):
        for name in world.holdings[account.key, wallet].rows:
            if name.casefold() == asset.casefold():
                return name
    return asset.upper()


def _is_seen(world: World, rule: Rule, asset: str, parts: tuple[Part, ...]) -> bool:
    held = any(part in world.holdings and asset in world.holdings[part].rows for part in parts)
    return held or asset.casefold() in rule.asset.literals


def _unknown(rule: Rule, unknown: list[Figure]) -> Condition:
    if not unknown:
        return Condition("known", met=False, text="it is not known yet which accounts the sum is made of")
    never = [one for one in unknown if one.read_ms is None]
    said = "was never read" if never else f"was read, and the venue does not give {field_of(rule)}"
    named = ", ".join(f"{one.label} {one.part[1]}" for one in (never or unknown)[:5])
    return Condition("known", met=False, text=f"the figure is unknown, which is no zero: {named} {said}")


def _accumulating(spec: Runway, rate: Rate) -> Condition:
    said = f"accumulating: {rate.seen_ms // 1000} s of the {spec.over_ms // 1000} s of over were observed"
    return Condition("history", met=False, text=said)


def _figure(world: World, rule: Rule, asset: str, part: Part) -> Figure:
    label = world.accounts[part[0]].label
    if is_valued(rule):
        valuation = world.valuations.get(part)
        value = valued(valuation, quote_of(rule))
        read_ms = None if valuation is None else valuation.ended_ms
    else:
        holding = world.holdings.get(part)
        value = figure(holding, asset, field_of(rule))
        read_ms = None if holding is None else holding.ended_ms
    return Figure(part, label, None if value is None else format(value, "f"), read_ms)


def _is_of(alert: Alert, rule: Rule, account: Account) -> bool:
    return alert.key.rule == rule.key and alert.key.subject.account == account.key


def _shown(patterns: Patterns) -> str:
    return " or ".join(f'"{p}"' for p in patterns.wanted) + "".join(
        f' but not "{p}"' for p in patterns.excluded
    )


def rule_called(ruleset: Ruleset, name: str) -> Rule | None:
    """The rule of that name, upper and lower case alike."""
    return next((rule for rule in ruleset.rules if rule.name.casefold() == name.casefold()), None)


__all__ = ["Condition", "Figure", "Why", "rule_called", "why"]

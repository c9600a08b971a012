"""Which accounts matter most now: by what is open about them, and by how near a figure is to its threshold.

The shell reads those first and more often. It is no part of the fold: nothing is judged by it, and nothing of it
is kept in the World.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import IntEnum

from rules import allows
from rules.figures import Look, parts_of
from rules.lifecycle import FEW_PARTS
from rules.plan import field_of, is_valued, plan_of, quote_of, subjects, wallets_of
from rules.records import Account, AlertKey
from rules.ruleset import Rule
from rules.step import Step
from rules.sums import Part, over_assets
from rules.types.base import Family, Verdict, Zone
from rules.types.runway import Runway
from rules.values import EXACT, add, figure, valued
from rules.world import World

NEAR_TENTHS = 1
"""Near is what is at most so many tenths of the threshold beyond the point at which an alert would end."""


class Urgency(IntEnum):
    """How much an account matters; the greater goes first."""

    NONE = 0
    CHANGED = 1
    NEAR = 2
    FIRING = 3
    PENDING = 4


def opened(world: World, exchange: str) -> dict[int, Urgency]:
    """The accounts of an exchange with an open alert. A sum of many wallets makes none of them matter."""
    found: dict[int, Urgency] = {}
    for owner, keys in world.index.open_of.items():
        if owner[0] not in (exchange, ""):
            continue
        for key in keys:
            for account in _accounts_of(world, key):
                known = world.accounts.get(account)
                if known is not None and known.exchange == exchange:
                    found[account] = max(found.get(account, Urgency.NONE), _of_alert(world, key))
    return found


def opened_about(world: World, account: Account) -> Urgency:
    """What is open about this account alone."""
    keys = world.index.open_of.get((account.exchange, account.key), ())
    return max((_of_alert(world, key) for key in keys), default=Urgency.NONE)


def assets_of(step: Step, account: Account, wallet: str) -> set[str]:
    """What a wallet holds or held, and what rules name literally (law 4)."""
    holding = step.world.holdings.get((account.key, wallet))
    held = set() if holding is None else set(holding.rows)
    folded = {asset.casefold() for asset in held}
    return held | {asset.upper() for asset in plan_of(step, account).literal if asset not in folded}


def near(step: Step, account: Account, assets: Iterable[str]) -> set[str]:
    """Those of the assets of which a quantity in some wallet is near a threshold, or beyond it."""
    settings = step.exchange(account.exchange)
    if settings is None:
        return set()
    plan, found, looked = plan_of(step, account), set[str](), list(assets)
    for wallet in wallets_of(step, account, settings, valued=False):
        holding = step.world.holdings.get((account.key, wallet))
        rows = {} if holding is None else holding.rows
        for asset in looked:
            for rule in plan.for_asset(asset, held=asset in rows):
                if asset not in found and _is_near(step, rule, account, wallet, asset):
                    found.add(asset)
    return found


def near_in_value(step: Step, account: Account) -> bool:
    """The same of the venue's own valuations."""
    settings = step.exchange(account.exchange)
    plan = plan_of(step, account)
    if settings is None or not plan.valued:
        return False
    wallets = wallets_of(step, account, settings, valued=True)
    return any(
        _is_near(step, rule, account, wallet, quote_of(rule)) for rule in plan.valued for wallet in wallets
    )


def close(verdict: Verdict) -> bool:
    """Whether a verdict is near another one: beyond its threshold, in the band, or clear by a tenth at most."""
    value, threshold, end = verdict.value, verdict.threshold, verdict.clear_at
    if verdict.zone is Zone.UNKNOWN or value is None or threshold is None or end is None:
        return False
    if verdict.zone is not Zone.CLEAR:
        return True
    beyond = EXACT.multiply(EXACT.subtract(value, end).copy_abs(), Decimal(10))
    # What should not be there at all has no neighbourhood: at a threshold of zero every zero would be near.
    return threshold != 0 and beyond <= EXACT.multiply(threshold.copy_abs(), Decimal(NEAR_TENTHS))


def _is_near(step: Step, rule: Rule, account: Account, wallet: str, asset: str) -> bool:
    """Of the subject that is this account's own; a sum over accounts is moved by any of them."""
    spec = rule.spec
    # How far a change or a runway is from being told, the next reading alone would say.
    if spec.family is not Family.LEVEL or isinstance(spec, Runway):
        return False
    for key in subjects(rule, account, wallet, asset):
        if key.subject.account is None:
            continue
        parts, known = parts_of(step, rule, key, account), list[Decimal]()
        for part in parts:
            one = _figure(step.world, rule, asset, part)
            if one is None:
                return False
            known.append(one)
        if not known:
            return False
        value = known[0] if len(known) == 1 else add(known)
        return close(allows.verdict_of(step, rule, key, Look(value, lambda: 0, parts), account))
    return False


def _figure(world: World, rule: Rule, asset: str, part: Part) -> Decimal | None:
    if is_valued(rule):
        return valued(world.valuations.get(part), asset)
    return figure(world.holdings.get(part), asset, field_of(rule))


def _accounts_of(world: World, key: AlertKey) -> set[int]:
    if key.subject.account is not None:
        return {key.subject.account}
    parts = world.index.parts.get(over_assets(key), ())
    return {account for account, _ in parts} if len(parts) <= FEW_PARTS else set()


def _of_alert(world: World, key: AlertKey) -> Urgency:
    """An event is over when it is told: reading again tells nothing more of it."""
    alert = world.alerts.get(key)
    if alert is None or key.subject.event:
        return Urgency.NONE
    return Urgency.PENDING if alert.state == "pending" else Urgency.FIRING

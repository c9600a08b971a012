"""What reconciliation follows on one exchange: nothing at all where no rule and no declaration asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from rules.ledger import LegKey
from rules.plan import concerns, is_read, wallets_of
from rules.records import Account, Holding
from rules.ruleset import ExchangeSettings, Expect, Rule
from rules.step import Step
from rules.sweep import planned_sweep_ms
from rules.types.base import Family
from rules.types.reconciliation import Check, Reconciliation

SWEEPS_IN_FLIGHT = 2
"""Two sides of one movement are seen at most so many sweeps apart, unless a rule says `within`."""


@dataclass(frozen=True, slots=True)
class Tracking:
    """The rules on movements and on conservation of one exchange, and the declared movements there."""

    movements: tuple[Rule, ...]
    conservation: tuple[Rule, ...]
    expects: tuple[Expect, ...]

    def wants(self, asset: str) -> bool:
        """Whether anybody asks for changes of this asset."""
        if any(rule.asset.match(asset) for rule in (*self.movements, *self.conservation)):
            return True
        return any(expect.asset.casefold() == asset.casefold() for expect in self.expects)


def tracking_of(step: Step, exchange: str) -> Tracking | None:
    """What is followed on an exchange; None is nothing."""
    known = step.world.index.tracking
    if exchange not in known:
        known[exchange] = _compile(step, exchange)
    return cast("Tracking | None", known[exchange])


def spec_of(rule: Rule) -> Reconciliation:
    """The keys of the rule's own type."""
    return cast("Reconciliation", rule.spec)


def rules_on(step: Step, tracking: Tracking, keys: Iterable[LegKey]) -> list[Rule]:
    """The rules on movements that select one of the legs, which are of one asset."""
    keys = list(keys)
    return [
        rule
        for rule in tracking.movements
        if rule.asset.match(keys[0].asset)
        and any(concerns(rule, step.world.accounts[key.account]) for key in keys)
    ]


def window_ms(step: Step, settings: ExchangeSettings, tracking: Tracking) -> int:
    """How far apart the two sides of one movement may be seen on an exchange.

    Without `within` two sweeps, and half a poll: accounts of one poll are not read at one moment.
    """
    given = [spec_of(rule).within_ms for rule in tracking.movements]
    sweeps = SWEEPS_IN_FLIGHT * planned_sweep_ms(step, settings) + settings.poll_every_ms // 2
    return max((sweeps if one is None else one for one in given), default=sweeps)


def seen_ms(holding: Holding | None) -> int:
    """Since when a wallet is known in full: a reading asked for after a movement shows it."""
    if holding is None or holding.whole_ms is None:
        return -1
    return min(holding.began_ms, holding.whole_ms)


def parts_read(step: Step, exchange: str) -> list[tuple[Account, str]]:
    """Every wallet of an exchange whose quantities are read."""
    settings = step.exchange(exchange)
    if settings is None:
        return []
    return [
        (account, wallet)
        for account in step.accounts_of(exchange)
        if is_read(step, account)
        for wallet in wallets_of(step, account, settings, valued=False)
    ]


def _compile(step: Step, exchange: str) -> Tracking | None:
    rules = [
        rule
        for rule in step.ruleset.rules
        if rule.enabled and rule.spec.family is Family.RECONCILIATION and rule.exchange.match(exchange)
    ]
    tracking = Tracking(
        tuple(rule for rule in rules if spec_of(rule).check is Check.MOVEMENTS),
        tuple(rule for rule in rules if spec_of(rule).check is Check.CONSERVATION),
        tuple(expect for expect in step.ruleset.expects if expect.exchange.match(exchange)),
    )
    return tracking if tracking.movements or tracking.conservation or tracking.expects else None

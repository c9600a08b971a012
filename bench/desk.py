"""The desk that is measured: Binance accounts with bodies as the venue sends them, and a mix of rules."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from daemon.exchanges.binance_wire import FIELDS, read_balances, revise_balances
from daemon.exchanges.memo import Memo
from rules.model import Contents, Identity, Row, Severity
from rules.patterns import Patterns
from rules.ruleset import ExchangeSettings, NotifierSettings, Rule, Ruleset, Settings
from rules.types.levels import Tier
from rules.types.low_balance import LowBalance

ASSETS = 50
LITERAL_OF_TEN = 7
EXCHANGE = "binance-main"


@dataclass(slots=True)
class Desk:
    """`accounts` × ASSETS balances as integers of 10⁻⁸, all held, their bodies and owners."""

    accounts: int
    seed: int = 1
    chance: random.Random = field(init=False)
    amounts: list[list[int]] = field(init=False)
    bodies: list[bytes] = field(init=False)
    people: list[Identity] = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.people = [Identity(email=f"desk-{number}@desk.example") for number in range(self.accounts)]
        self.amounts = [[self._amount() for _ in range(ASSETS)] for _ in range(self.accounts)]
        self.bodies = [self._body(number) for number in range(self.accounts)]

    def change(self, share: float) -> int:
        """Move that share of all balances, spread at random; the number that moved."""
        count = round(self.accounts * ASSETS * share)
        touched = set()
        for place in self.chance.sample(range(self.accounts * ASSETS), count):
            number, asset = divmod(place, ASSETS)
            self.amounts[number][asset] = self._amount()
            touched.add(number)
        for number in touched:
            self.bodies[number] = self._body(number)
        return count

    def renew(self) -> None:
        """The same bodies as other objects, as they come from the network."""
        self.bodies = [bytes(bytearray(body)) for body in self.bodies]

    def shuffle(self) -> None:
        """Write every body's rows in another order: other bytes, the same facts."""
        self.bodies = [self._body(number, shuffled=True) for number in range(self.accounts)]

    def tidy(self) -> None:
        """Write every body's rows in their first order again."""
        self.bodies = [self._body(number) for number in range(self.accounts)]

    def _amount(self) -> int:
        return self.chance.randrange(10**8, 10**14)

    def _body(self, number: int, *, shuffled: bool = False) -> bytes:
        rows = [
            f'{{"asset":"{name_of(asset)}","free":"{amount // 10**8}.{amount % 10**8:08d}","locked":"0",'
            '"freeze":"0","withdrawing":"0"}'
            for asset, amount in enumerate(self.amounts[number])
        ]
        if shuffled:
            self.chance.shuffle(rows)
        return f'{{"balances":[{",".join(rows)}]}}'.encode()


def memo() -> Memo[Mapping[str, Row], Contents]:
    """The client's memory of the desk's bodies."""
    return Memo(
        read_balances,
        lambda account, rows: Contents(EXCHANGE, account, "spot", FIELDS, rows),
        revise_balances,
    )


def name_of(asset: int) -> str:
    """A coin code."""
    return "USDT" if asset == 0 else f"COIN{asset}"


def ruleset(accounts: int, *, rules: int = 1_000, unmatched: int = 0) -> Ruleset:
    """The mix: 70 % of the rules name account and asset, the others use patterns. None fires at these amounts."""
    chance = random.Random(2)
    made = [_rule(chance, number, accounts) for number in range(rules)]
    made += [
        replace(_floor(f"nobody {number}"), account=Patterns.of(f"nobody-{number}@desk.example"))
        for number in range(unmatched)
    ]
    settings = ExchangeSettings(EXCHANGE, "binance", 30_000, ("assets",), ("spot",))
    return Ruleset(Settings(), {EXCHANGE: settings}, {"oncall": NotifierSettings("oncall")}, tuple(made))


def _rule(chance: random.Random, number: int, accounts: int) -> Rule:
    """Seven of ten are literal floors; the patterns are floors and ceilings of one coin over some accounts."""
    rule = _floor(f"rule {number}")
    if number % 10 < LITERAL_OF_TEN:
        account = Patterns.of(f"desk-{chance.randrange(accounts)}@desk.example")
        return replace(rule, account=account, asset=Patterns.of(name_of(chance.randrange(ASSETS))))
    account = Patterns.of(f"desk-{chance.randrange(10)}{chance.randrange(10)}*")
    asset = Patterns.of(name_of(chance.randrange(ASSETS)) if number % 2 else f"COIN{chance.randrange(5)}*")
    return replace(rule, account=account, asset=asset)


def _floor(name: str) -> Rule:
    tiers = (Tier(Decimal("0.5"), Severity.WARNING), Tier(Decimal("0.1"), Severity.CRITICAL))
    return Rule(name, "low_balance", LowBalance(tiers))

"""Whatever moves inside an exchange, each movement is told at most once and none of it is a break; a leak is one."""

import random
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.values import EXACT
from tests.engine import Engine, reconciled

UNIT = Decimal("0.000000000000000001")
TRANSFERS = 100
RULES = (reconciled("movements", tell="all", within="3m"), reconciled("conservation"))


class Desk:
    """Accounts whose transfers are seen on either side at a poll of its own, up to two polls apart."""

    def __init__(self, seed: int, accounts: int, polls: int, leak_at: int | None = None) -> None:
        self.chance = random.Random(seed)
        self.names = [f"a{number}" for number in range(accounts)]
        self.moves: dict[int, list[tuple[str, Decimal]]] = {}
        for _ in range(TRANSFERS):
            giver, taker = self.chance.sample(self.names, 2)
            amount = Decimal(self.chance.randint(1, 10**12)).scaleb(-self.chance.choice([0, 6, 18]))
            first = self.chance.randint(1, polls)
            sides = [first, first + self.chance.randint(0, 2)]
            self.chance.shuffle(sides)
            self.moves.setdefault(sides[0], []).append((giver, -amount))
            self.moves.setdefault(sides[1], []).append((taker, amount))
        if leak_at is not None:
            self.moves.setdefault(leak_at, []).append((self.chance.choice(self.names), -UNIT))

    def run(self, polls: int) -> Engine:
        engine = Engine(*RULES)
        engine.lists(*self.names)
        held = dict.fromkeys(self.names, Decimal(10**15))
        for poll in range(polls + 8):
            engine.at(f"{poll}m")
            for name, amount in self.moves.get(poll, ()):
                held[name] = EXACT.add(held[name], amount)
            for name in self.names:
                engine.reads(name, USDT=format(held[name], "f"))
                engine.ticks()
        return engine


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 12), st.integers(3, 60))
def test_100_random_transfers_are_at_most_100_messages_and_no_break(
    seed: int, accounts: int, polls: int
) -> None:
    engine = Desk(seed, accounts, polls).run(polls)
    told = engine.told()
    assert len([one for one in told if one.startswith("event movements")]) <= TRANSFERS
    assert [one for one in told if "conservation" in one] == []


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 12), st.integers(5, 40))
def test_one_leaked_unit_of_the_18th_decimal_is_found_with_its_sign(
    seed: int, accounts: int, polls: int
) -> None:
    engine = Desk(seed, accounts, polls, leak_at=3).run(polls)
    assert [one for one in engine.told() if "conservation" in one] == [
        f"firing conservation sum of {accounts} accounts (*) USDT -{UNIT:f}"
    ]

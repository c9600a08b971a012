"""A desk of eight accounts between which round transfers are always under way, and a theft in the midst of them."""

from __future__ import annotations

import random
from decimal import Decimal

from tests.engine import Engine, reconciled

THEFT = Decimal("4821.37")
STOLEN_AT, POLLS = 20, 45


class Busy:
    """Transfers of 100 to 1,000, in multiples of `step`, until `polls`; a side of each is up to two polls late."""

    def __init__(
        self,
        seed: int,
        per_poll: int = 1,
        *,
        step: int = 10,
        theft: Decimal = THEFT,
        returned_at: int | None = None,
        polls: int = POLLS,
        tolerance: dict[str, str] | None = None,
    ) -> None:
        chance = random.Random(seed)
        self.names = [f"a{number}" for number in range(8)]
        self.moves: dict[int, list[tuple[str, Decimal]]] = {}
        for poll in range(1, polls):
            for _ in range(per_poll):
                giver, taker = chance.sample(self.names, 2)
                amount = Decimal(chance.randint(100 // step, 1_000 // step) * step)
                sides = [poll, poll + chance.randint(0, 2)]
                chance.shuffle(sides)
                self._moves(sides[0], giver, -amount)
                self._moves(sides[1], taker, amount)
        victim = chance.choice(self.names)
        self._moves(STOLEN_AT, victim, -theft)
        if returned_at is not None:
            self._moves(returned_at, victim, theft - Decimal("0.37"))
        self.engine = Engine(reconciled("conservation", tolerance=tolerance), repeat_every_ms=0)
        self.held = dict.fromkeys(self.names, Decimal(10**6))
        self.poll = 0
        self.engine.lists(*self.names)

    def _moves(self, poll: int, name: str, amount: Decimal) -> None:
        self.moves.setdefault(poll, []).append((name, amount))

    def until(self, poll: int) -> Engine:
        while self.poll < poll:
            self.engine.at(f"{self.poll}m")
            for name, amount in self.moves.get(self.poll, ()):
                self.held[name] += amount
            for name in self.names:
                self.engine.reads(name, USDT=format(self.held[name], "f"))
            self.engine.ticks()
            self.poll += 1
        return self.engine

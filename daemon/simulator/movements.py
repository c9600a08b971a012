"""What moved on a fake venue: the truth behind its transfer, deposit and withdrawal histories.

A history may lag behind the balances, and a movement may be missing from it: both are scripted here, and neither
changes a balance.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from daemon.simulator.clock import Clock
from daemon.simulator.money import ZERO

if TYPE_CHECKING:
    from daemon.simulator.model import Account

__all__ = ["Kind", "Movement", "Movements"]

Kind = Literal["internal", "deposit", "withdrawal"]
FIRST_NUMBER = 11_945_860_000
MOST_KEPT = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Movement:
    """One movement that is done. A withdrawal took `amount` and `fee` out of its account."""

    number: int
    kind: Kind
    asset: str
    amount: Decimal
    at_ms: int
    giver: "Account | None"
    taker: "Account | None"
    giver_wallet: str = ""
    taker_wallet: str = ""
    fee: Decimal = ZERO


class Movements:
    """All movements in the order in which they came about. `lag_ms` is how late the histories show them."""

    def __init__(self, clock: Clock) -> None:
        self.lag_ms = 0
        self._clock = clock
        self._all: list[Movement] = []
        self._number = FIRST_NUMBER

    def record(
        self,
        kind: Kind,
        asset: str,
        amount: Decimal,
        *,
        giver: "Account | None" = None,
        taker: "Account | None" = None,
        giver_wallet: str = "",
        taker_wallet: str = "",
        fee: Decimal = ZERO,
    ) -> Movement:
        """Put one on record, as done now."""
        self._number += 7
        at_ms = self._clock.now_ms()
        moved = Movement(
            self._number, kind, asset, amount, at_ms, giver, taker, giver_wallet, taker_wallet, fee
        )
        self._all.append(moved)
        del self._all[:-MOST_KEPT]
        return moved

    def shown(self, kind: Kind) -> Iterator[Movement]:
        """Those of a kind that the histories show by now, newest first."""
        latest_ms = self._clock.now_ms() - self.lag_ms
        return (moved for moved in reversed(self._all) if moved.kind == kind and moved.at_ms <= latest_ms)

"""`balance_change`: a figure fell or rose by enough inside a window. An event."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from rules.types.base import Family
from rules.values import EXACT

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Step:
    """How much is enough: an amount, or a share of the reference in percent."""

    amount: Decimal
    percent: bool = False

    def reached(self, change: Decimal, reference: Decimal) -> bool:
        """Whether `change` (not negative) from `reference` is enough. Exact: no division, so no rounding."""
        if not self.percent:
            return change >= self.amount
        return reference != 0 and EXACT.multiply(change, _HUNDRED) >= EXACT.multiply(
            self.amount, reference.copy_abs()
        )


@dataclass(frozen=True, slots=True)
class BalanceChange:
    """At least one of `drop` and `rise`; `within_ms` is the window before the reading that is judged."""

    within_ms: int
    drop: Step | None = None
    rise: Step | None = None
    field: str = "total"
    quote: str = ""
    family: ClassVar[Family] = Family.CHANGE

"""`high_balance`: a figure is above its ceiling, and ends at `clear_at` or less."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from rules.types.base import Family, Verdict
from rules.types.levels import UNKNOWN, Tier, above
from rules.words import Severity


@dataclass(frozen=True, slots=True)
class HighBalance:
    """`quote` is the coin of the valuation where `field` is "value", else ""."""

    tiers: tuple[Tier, ...]
    field: str = "total"
    clear_at: Decimal | None = None
    quote: str = ""
    family: ClassVar[Family] = Family.LEVEL

    def verdict(self, value: Decimal | None, severity: Severity, identifiers: tuple[str, ...]) -> Verdict:
        return UNKNOWN if value is None else above(value, self.tiers, self.clear_at, severity)

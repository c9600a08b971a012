"""`unexpected_frozen`, `unexpected_withdrawing`, `unexpected_locked`: an amount that should not be there."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from rules.types.base import Family, Verdict
from rules.types.levels import UNKNOWN, Tier, above
from rules.words import Severity

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Unexpected:
    """`field` is the type's own: frozen, withdrawing or locked."""

    field: str
    tiers: tuple[Tier, ...] = (Tier(ZERO),)
    family: ClassVar[Family] = Family.LEVEL

    def verdict(self, value: Decimal | None, severity: Severity, identifiers: tuple[str, ...]) -> Verdict:
        return UNKNOWN if value is None else above(value, self.tiers, None, severity)

"""`low_balance`: a figure is below its floor, and ends at `clear_at` or more."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from rules.types.base import Family, Verdict
from rules.types.levels import UNKNOWN, Floor, Tier, below
from rules.words import Severity


@dataclass(frozen=True, slots=True)
class LowBalance:
    """Either `tiers` for all accounts, or `floors` by account, of which the first that matches counts.

    `quote` is the coin of the valuation where `field` is "value", else "".
    """

    tiers: tuple[Tier, ...] = ()
    floors: tuple[Floor, ...] = ()
    field: str = "free"
    clear_at: Decimal | None = None
    quote: str = ""
    family: ClassVar[Family] = Family.LEVEL

    def verdict(self, value: Decimal | None, severity: Severity, identifiers: tuple[str, ...]) -> Verdict:
        if value is None:
            return UNKNOWN
        tiers = self.tiers or self._tiers_of(identifiers)
        return below(value, tiers, self.clear_at, severity)

    def selects(self, identifiers: tuple[str, ...]) -> bool:
        """Whether there is a floor for this account at all."""
        return bool(self.tiers or self._tiers_of(identifiers))

    def _tiers_of(self, identifiers: tuple[str, ...]) -> tuple[Tier, ...]:
        return next((floor.tiers for floor in self.floors if floor.accounts.match(*identifiers)), ())

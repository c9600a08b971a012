"""`runway`: at the rate of the past a figure gets down to a floor within a given time."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from rules.outlook import Outlook
from rules.types.base import Family, Verdict, Zone
from rules.types.levels import UNKNOWN, Tier
from rules.values import EXACT, ZERO
from rules.words import Severity

LEFT_MOST_MS = 3650 * 24 * 3_600_000
"""A longer time left is told as this: nobody plans by it, and it stays an integer of bearable size."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What fell, rises left out, in so many milliseconds of observation."""

    fell: Decimal
    seen_ms: int


@dataclass(frozen=True, slots=True)
class Runway:
    """`tiers` are limits of the time left, in milliseconds; less than `over_ms` of history is no verdict.

    `quote` is the coin of the valuation where `field` is "value", else "".
    """

    over_ms: int
    tiers: tuple[Tier, ...]
    below: Decimal = ZERO
    field: str = "free"
    quote: str = ""
    family: ClassVar[Family] = Family.LEVEL

    def verdict(self, value: Decimal | None, severity: Severity, rate: Rate) -> Verdict:
        """Hold the time left against every limit. A figure that is down already needs no history."""
        if value is None or (value > self.below and rate.seen_ms < self.over_ms):
            return UNKNOWN
        met = [tier for tier in self.tiers if empties_within(value, self.below, rate, int(tier.threshold))]
        worst = max(met, key=lambda tier: (tier.severity or severity).rank, default=None)
        ends_ms = max(int(tier.threshold) for tier in self.tiers)
        outlook = Outlook(
            below=format(self.below, "f"),
            over_ms=self.over_ms,
            within_ms=ends_ms if worst is None else int(worst.threshold),
            ends_ms=ends_ms,
            fell=format(rate.fell, "f"),
            seen_ms=rate.seen_ms,
            left_ms=left_ms(value, self.below, rate),
        )
        if worst is None:
            return Verdict(Zone.CLEAR, severity, value, outlook=outlook)
        return Verdict(Zone.QUALIFIES, worst.severity or severity, value, outlook=outlook)


def empties_within(value: Decimal, below: Decimal, rate: Rate, within_ms: int) -> bool:
    """Whether `value` is at `below` in `within_ms` or sooner. Exact: multiplied crosswise, nothing is divided."""
    if value <= below:
        return True
    room = EXACT.multiply(EXACT.subtract(value, below), Decimal(rate.seen_ms))
    return rate.fell > 0 and room <= EXACT.multiply(rate.fell, Decimal(within_ms))


def left_ms(value: Decimal, below: Decimal, rate: Rate) -> int | None:
    """The time left, rounded down, to be shown; None where nothing falls."""
    if value <= below:
        return 0
    if rate.fell <= 0:
        return None
    room = EXACT.multiply(EXACT.subtract(value, below), Decimal(rate.seen_ms))
    if room >= EXACT.multiply(rate.fell, Decimal(LEFT_MOST_MS)):
        return LEFT_MOST_MS
    return int(EXACT.divide_int(room, rate.fell))

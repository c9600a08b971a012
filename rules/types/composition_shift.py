"""`composition_shift`: a major asset falls by most of its amount while one never held appears. An event.

This is how stolen keys that can only trade are used: the account buys, at any price, what the thief sells.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from rules.patterns import Patterns
from rules.types.base import Family

MAJORS = Patterns(("BTC", "ETH", "USDT", "USDC", "FDUSD", "BNB", "SOL", "XRP", "EUR", "USD"))


@dataclass(frozen=True, slots=True)
class CompositionShift:
    """`fall` is the least share, in percent, by which one of `majors` must fall inside `within_ms`."""

    within_ms: int = 600_000
    fall: Decimal = Decimal(50)
    majors: Patterns = MAJORS
    family: ClassVar[Family] = Family.COMPOSITION

"""`reconciliation`: figures that should agree. A difference beyond tolerance between two known ones is a break.

`movements` follows what leaves one account and arrives in another, `conservation` adds up all that changed,
`summary` holds the venue's valuation against the quantities, `expected` holds the user's own books against them.
What is not known on one side is indeterminate, never a break.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import ClassVar

from rules.patterns import EVERYTHING, Patterns
from rules.types.base import Family

_MINUTE_MS = 60_000


class Check(StrEnum):
    """Which figures should agree."""

    MOVEMENTS = "movements"
    CONSERVATION = "conservation"
    SUMMARY = "summary"
    EXPECTED = "expected"


class Tell(StrEnum):
    """Which movements are told: only an outflow that arrives nowhere, or all of them."""

    UNMATCHED = "unmatched"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two figures may be apart: as far as the most generous of these allows; equal to it still agrees.

    `abs` is an amount of the compared asset, or of the quote where values are compared; `pct` a share in percent
    of the larger of both figures, or for a sum (conservation) of all that the accounts hold; `dust_value` a worth
    in `quote`, which counts only while a price is known.
    None is not given; without any of them figures must be equal.
    """

    abs: Decimal | None = None
    pct: Decimal | None = None
    dust_value: Decimal | None = None
    quote: str = "USDT"

    def allows(self, ours: Decimal | Fraction, theirs: Decimal | Fraction) -> bool:
        """Whether two figures agree as far as `abs` and `pct` tell. Exact: fractions are never rounded."""
        one, other = Fraction(ours), Fraction(theirs)
        difference = abs(one - other)
        if difference <= Fraction(self.abs or 0):
            return True
        return self.pct is not None and difference * 100 <= Fraction(self.pct) * max(abs(one), abs(other))

    def is_share(self, difference: Decimal, whole: Decimal) -> bool:
        """Whether a difference is at most `pct` of a whole."""
        return self.pct is not None and abs(Fraction(difference)) * 100 <= Fraction(self.pct) * abs(
            Fraction(whole)
        )

    def is_dust(self, difference: Decimal, price: Fraction | None) -> bool:
        """Whether a difference in an asset is worth at most `dust_value` at a price in `quote`."""
        if self.dust_value is None or price is None:
            return False
        return abs(Fraction(difference)) * price <= Fraction(self.dust_value)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """`check` says what is compared; the other keys count for the checks that they name.

    `within_ms` (movements, conservation): how far apart the two sides of one movement may be seen; None is two
    sweeps. `tell`: movements. `max_skew_ms`: expected (how much older than `as_of` our reading may be) and
    summary (how far apart both sides and the prices may be read). `books` (expected) are patterns over the names
    of `[[books]]`. `escalate_age_ms`: a break that is still open at this age becomes critical; None is never.
    """

    check: Check
    tolerance: Tolerance = Tolerance()
    within_ms: int | None = None
    tell: Tell = Tell.UNMATCHED
    max_skew_ms: int = 5 * _MINUTE_MS
    books: Patterns = EVERYTHING
    escalate_age_ms: int | None = None
    family: ClassVar[Family] = Family.RECONCILIATION

    @property
    def field(self) -> str:
        """Another check is another rule: part of the rule's identity, as `field` is of other types."""
        return self.check.value

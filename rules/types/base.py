"""What every rule type offers the engine, and the verdict it gives on one figure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Protocol

from rules.outlook import Outlook
from rules.words import Severity


class Family(StrEnum):
    """How a rule type is fed, and so which part of the engine judges it."""

    LEVEL = "level"  # one figure of one subject at each reading; it begins and ends
    CHANGE = "change"  # the figure's change inside a window; an event
    PRESENCE = "presence"  # complete listings gain or lose an account; an event
    STATUS = "status"  # the venue says something of an account; an event
    STALE = "stale"  # no reading for a time
    RECONCILIATION = "reconciliation"  # figures that should agree, over complete sweeps
    COMPOSITION = "composition"  # what an account is made of; an event


class Zone(StrEnum):
    """Where a figure lies."""

    QUALIFIES = "qualifies"  # the condition holds
    BAND = "band"  # between threshold and clear_at: pending ends, firing stays
    CLEAR = "clear"
    UNKNOWN = "unknown"  # never a verdict (law 1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One comparison with both its figures; `sign` is how the message writes it, as in `18,250.5 < 20,000`.

    `granted` is how far `[[allow]]` has shifted the limits, `allowed` the allows by name with their amounts.
    """

    zone: Zone
    severity: Severity = Severity.WARNING
    value: Decimal | None = None
    threshold: Decimal | None = None
    clear_at: Decimal | None = None
    sign: str = ""
    granted: Decimal = Decimal(0)
    allowed: tuple[tuple[str, Decimal], ...] = ()
    outlook: Outlook | None = None  # of a runway

    @property
    def allowed_texts(self) -> tuple[tuple[str, str], ...]:
        """The allows with their amounts as text."""
        return tuple((name, format(amount, "f")) for name, amount in self.allowed)


class Spec(Protocol):
    """The keys of a rule type's own, as one frozen dataclass in the type's own file."""

    family: ClassVar[Family]


class LevelSpec(Spec, Protocol):
    """A type that compares one figure with a threshold."""

    @property
    def field(self) -> str: ...

    def verdict(self, value: Decimal | None, severity: Severity, identifiers: tuple[str, ...]) -> Verdict:
        """Compare `value` (None is unknown). `severity` is the rule's; tiers override it."""
        ...

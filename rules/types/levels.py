"""The comparison shared by the types that hold one figure against tiers of thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from rules.patterns import Patterns
from rules.types.base import Verdict, Zone
from rules.words import Severity

UNKNOWN = Verdict(Zone.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Tier:
    """From `threshold` on the alert has `severity`; None is the rule's own severity."""

    threshold: Decimal
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Floor:
    """The tiers of the accounts that `accounts` matches (`below_by`)."""

    accounts: Patterns
    tiers: tuple[Tier, ...]


def below(value: Decimal, tiers: Sequence[Tier], clear_at: Decimal | None, severity: Severity) -> Verdict:
    """The verdict on a floor: it qualifies under a threshold and is clear at `clear_at` or more."""
    worst = _worst([tier for tier in tiers if value < tier.threshold], severity)
    outermost = max(tier.threshold for tier in tiers)
    end = outermost if clear_at is None else clear_at
    if worst is not None:
        return Verdict(Zone.QUALIFIES, worst.severity or severity, value, worst.threshold, end, "<")
    zone = Zone.CLEAR if value >= end else Zone.BAND
    return Verdict(zone, severity, value, outermost, end, "≥")


def above(value: Decimal, tiers: Sequence[Tier], clear_at: Decimal | None, severity: Severity) -> Verdict:
    """The verdict on a ceiling: it qualifies over a threshold and is clear at `clear_at` or less."""
    worst = _worst([tier for tier in tiers if value > tier.threshold], severity)
    outermost = min(tier.threshold for tier in tiers)
    end = outermost if clear_at is None else clear_at
    if worst is not None:
        return Verdict(Zone.QUALIFIES, worst.severity or severity, value, worst.threshold, end, ">")
    zone = Zone.CLEAR if value <= end else Zone.BAND
    return Verdict(zone, severity, value, outermost, end, "≤")


def _worst(met: Sequence[Tier], severity: Severity) -> Tier | None:
    return max(met, key=lambda tier: (tier.severity or severity).rank, default=None)

"""The drills of figures that do not agree: a break of each check, an outflow that arrives nowhere, a shift."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import cast

from rules.facts import Facts
from rules.model import Severity
from rules.reconciling import composition, conservation, expected, summary, unmatched
from rules.reconciling.finding import Standing
from rules.ruleset import MINUTE_MS, Rule
from rules.types.composition_shift import CompositionShift
from rules.types.reconciliation import Check, Reconciliation
from rules.values import EXACT

_WITHIN_MS = 10 * MINUTE_MS
_WALLET = "spot"
_TOP = Decimal(100)  # of which a percent is one
_SUMMARY_QUOTE = "BTC"


def broken(rule: Rule, facts: Facts) -> Facts:
    """What a reconciliation rule would tell. `facts` name the account and an asset; the difference is beyond tolerance.

    Nine tenths of the larger figure are missing, so that a tolerance in percent is exceeded, too.
    """
    spec = cast("Reconciliation", rule.spec)
    ours = EXACT.add(spec.tolerance.abs or Decimal(0), Decimal(1_000))
    theirs = EXACT.multiply(ours, Decimal(10))
    match spec.check:
        case Check.MOVEMENTS:
            within = _WITHIN_MS if spec.within_ms is None else spec.within_ms
            said = f"{ours:,f} {facts.asset} left {facts.label}{unmatched.lost(within)}"
            return replace(facts, headline=said, label="", readings=0)
        case Check.CONSERVATION:
            whole = f"sum of the accounts ({rule.account})"
            return _differs(facts, conservation.HEADLINE, ours.copy_negate(), label=whole)
        case Check.SUMMARY:
            both = summary.Valued(Standing.BREAK, _SUMMARY_QUOTE, Fraction(ours), theirs)
            named = replace(facts, wallet=facts.wallet or _WALLET, asset=both.quote, quote=both.quote)
            told = _differs(named, summary.HEADLINE, EXACT.subtract(ours, theirs))
            return replace(told, details=(summary.both_sides(both),))
        case Check.EXPECTED:
            told = _differs(facts, expected.HEADLINE, EXACT.subtract(ours, theirs))
            return replace(told, details=(expected.both_sides(ours, theirs, "“the books”"),))


def turned(rule: Rule, facts: Facts) -> Facts:
    """Just so much of a major asset went as the rule asks for; always critical, whatever the rule says."""
    spec = cast("CompositionShift", rule.spec)
    rest = EXACT.subtract(_TOP, spec.fall)
    headline, details = composition.said(facts.asset, _TOP, rest, ["5,000,000 EXAMPLE"])
    return replace(
        facts, severity=Severity.CRITICAL, wallet="", headline=headline, details=details, readings=0
    )


def _differs(facts: Facts, headline: str, difference: Decimal, *, label: str = "") -> Facts:
    return replace(facts, label=label or facts.label, headline=headline, value=format(difference, "f"))

"""One line of the report of `subtally reconcile`: two figures that should agree, and whether they do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rules.reconciling.tracking import spec_of
from rules.records import Alert
from rules.ruleset import Rule


class Standing(StrEnum):
    """How two figures stand to each other, the worst first."""

    BREAK = "break"  # a difference beyond tolerance between two known figures, confirmed
    PENDING = "pending"  # a difference that is not confirmed yet
    TIMING = "timing"  # a difference that dated items inside their window explain
    INDETERMINATE = "indeterminate"  # a side is not known
    NOT_COMPARABLE = "not comparable"  # both are known, and of different times
    AGREES = "agrees"


@dataclass(frozen=True, slots=True)
class Finding:
    """Figures are exact decimal text, None where not known; `difference` is ours less theirs, with its sign.

    `account` is a label, "" for a whole exchange. `alert` is the id of the open break, "" without one. `since_ms`
    is when the difference was first seen, or when a side ceased to be known, `as_of_ms` the time of which both figures
    are. `reason` says what is not known, what explains it, or what is declared. `unread` tells that nothing can be
    compared here, because a side that should be read is not.
    """

    rule: str
    check: str
    standing: Standing
    exchange: str
    account: str = ""
    wallet: str = ""
    asset: str = ""
    ours: str | None = None
    theirs: str | None = None
    difference: str | None = None
    quote: str = ""
    alert: str = ""
    severity: str = ""
    since_ms: int | None = None
    as_of_ms: int | None = None
    acked_by: str = ""
    reason: str = ""
    unread: bool = False


def line_of(rule: Rule, standing: Standing, exchange: str, alert: Alert | None, *, reason: str) -> Finding:
    """The beginning of a line: what its rule and its alert tell of it."""
    check = spec_of(rule).check.value
    if alert is None:
        return Finding(rule.name, check, standing, exchange, reason=reason)
    firing = alert.state == "firing"
    return Finding(
        rule.name,
        check,
        standing,
        exchange,
        alert=alert.id if firing else "",
        severity=alert.severity.value if firing else "",
        since_ms=alert.since_ms,
        acked_by=alert.acked_by,
        reason=reason,
    )


def standing_of(alert: Alert | None, otherwise: Standing) -> Standing:
    """An open break is one until enough clean sweeps have ended it."""
    if alert is None:
        return otherwise
    return Standing.BREAK if alert.state == "firing" else Standing.PENDING

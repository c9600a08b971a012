"""The rule types `reconciliation` and `composition_shift` into specs of the engine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from daemon.config.reach import selected
from daemon.config.reconcile_models import CompositionShift, Reconciliation, Tolerance
from daemon.config.report import Scope
from daemon.config.wording import either, shown
from rules.patterns import Patterns
from rules.ruleset import ExchangeSettings
from rules.types import composition_shift, reconciliation
from rules.types.reconciliation import Check, Tell

COUNTS_FOR = {
    "within": (Check.MOVEMENTS, Check.CONSERVATION),
    "tell": (Check.MOVEMENTS,),
    "max_skew": (Check.SUMMARY, Check.EXPECTED),
    "books": (Check.EXPECTED,),
    "escalate_age": (Check.CONSERVATION, Check.SUMMARY, Check.EXPECTED),
}
SUMMARY_NEEDS = ("assets", "summary")


def reconciliation_of(
    table: Reconciliation,
    scope: Scope,
    books: Collection[str],
    exchanges: Mapping[str, ExchangeSettings] | None,
) -> reconciliation.Reconciliation:
    """Check and convert. `exchanges` are None where some of them are not valid, so that nothing is known."""
    check = Check(table.check)
    for key, checks in COUNTS_FOR.items():
        if key in table.model_fields_set and check not in checks:
            named = " and ".join(checks)
            scope.warning((key,), f"has no effect with check = {shown(check)}", f"it counts for {named}")
    if check is Check.MOVEMENTS and table.tolerance is not None and table.tolerance.pct is not None:
        hint = "what arrives nowhere is a share of nothing: use abs or dust_value"
        scope.warning(("tolerance", "pct"), f"has no effect with check = {shown(check)}", hint)
    if check is Check.EXPECTED:
        _check_books(table.books, scope, books)
    if check is Check.SUMMARY and exchanges is not None and "exchange" not in scope.broken:
        _check_summary(table, scope, exchanges)
    made = reconciliation.Reconciliation(
        check=check,
        tolerance=_tolerance(table.tolerance),
        within_ms=table.within,
        tell=Tell(table.tell),
        books=table.books,
        escalate_age_ms=table.escalate_age,
    )
    if table.max_skew is None:
        return made
    return reconciliation.Reconciliation(
        made.check,
        made.tolerance,
        made.within_ms,
        made.tell,
        table.max_skew,
        made.books,
        made.escalate_age_ms,
    )


def composition_shift_of(table: CompositionShift) -> composition_shift.CompositionShift:
    """Convert."""
    fall = Decimal(table.fall)
    if table.majors is None:
        return composition_shift.CompositionShift(table.within, fall)
    return composition_shift.CompositionShift(table.within, fall, table.majors)


def _tolerance(table: Tolerance | None) -> reconciliation.Tolerance:
    if table is None:
        return reconciliation.Tolerance()
    return reconciliation.Tolerance(table.abs, table.pct, table.dust_value, table.quote)


def _check_books(patterns: Patterns, scope: Scope, books: Collection[str]) -> None:
    if not books:
        scope.problem_of_key(("check",), "there is no [[books]]", "it says where your own figures are")
        return
    folded = {name.casefold() for name in books}
    for text in (*patterns.wanted, *patterns.excluded):
        if not set(text) & set("*?[") and text.casefold() not in folded:
            scope.problem(("books",), f"there is no [[books]] {shown(text)}", either(text, books))
            return
    if not any(patterns.match(name) for name in books):
        scope.warning(
            ("books",), "matches no [[books]], so nothing is compared", either(patterns.wanted[0], books)
        )


def _check_summary(table: Reconciliation, scope: Scope, exchanges: Mapping[str, ExchangeSettings]) -> None:
    """Only Binance values each sub-account, and only where both sides are read."""
    able = [
        one
        for one in selected(table.exchange, exchanges)
        if one.kind == "binance" and set(SUMMARY_NEEDS) <= set(one.read)
    ]
    if exchanges and not able:
        hint = 'a binance exchange with "assets" and "summary" in read tells both'
        scope.problem(("check",), "no exchange of this rule tells both figures", hint)

"""The lines of the report about the user's own books: row by row, and what is not known of them now."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from rules.changed import replace
from rules.reconciling import books, expected
from rules.reconciling.finding import Finding, Standing, line_of, standing_of
from rules.records import AlertKey, Subject
from rules.ruleset import Rule
from rules.statements import Books
from rules.step import Step
from rules.values import EXACT, text_of


def of_books(step: Step, rule: Rule) -> Iterator[Finding]:
    """Every row of the books that a rule compares, and what is not known of them now."""
    names = {*step.world.books, *step.world.failing_books, *(one.name for one in step.ruleset.books)}
    for name in sorted(names):
        if not expected.compares(rule, name):
            continue
        unheard, said = books.unheard(step, name), step.world.books.get(name)
        if unheard is not None:
            plain = line_of(rule, Standing.INDETERMINATE, "", None, reason=unheard[1])
            yield replace(plain, since_ms=unheard[0], unread=True)
        for found in () if said is None else _rows(step, rule, said):
            yield found if unheard is None else _unheard(found, unheard[1])


def _unheard(found: Finding, reason: str) -> Finding:
    """A row of books that cannot be read now: what is open stays, of all else nobody knows whether it still agrees."""
    reason = "; ".join(filter(None, (found.reason, reason)))
    if found.standing in (Standing.BREAK, Standing.PENDING):
        return replace(found, reason=reason)
    return replace(found, standing=Standing.INDETERMINATE, reason=reason)


def _rows(step: Step, rule: Rule, said: Books) -> Iterator[Finding]:
    names = expected.Names(step)
    elsewhere = expected.broken_elsewhere(step, rule, said, names)
    for one in expected.compare(step, rule, said, names):
        alert = None
        if one.account is not None:
            key = AlertKey(
                rule.key, Subject(one.account.exchange, one.account.key, one.row.wallet, one.row.asset)
            )
            # A break that other books tell is none of a row that agrees.
            theirs = one.standing is Standing.AGREES and key in elsewhere
            alert = None if theirs else step.world.alerts.get(key)
        standing = one.standing
        if standing in (Standing.BREAK, Standing.AGREES):
            standing = standing_of(alert, Standing.PENDING if standing is Standing.BREAK else standing)
        plain = line_of(rule, standing, one.row.exchange, alert, reason=one.reason)
        difference = None if one.ours is None else EXACT.subtract(one.ours, Decimal(one.row.amount))
        yield replace(
            plain,
            account=one.row.account if one.account is None else one.account.label,
            wallet=one.row.wallet,
            asset=one.row.asset,
            ours=text_of(one.ours),
            theirs=one.row.amount,
            difference=text_of(difference),
            as_of_ms=one.row.as_of_ms,
        )

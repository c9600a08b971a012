"""The user's own books against what was read at or before the time that each row names.

The past of every asset that such a rule selects is kept as long as a row may look back. A figure of another time
than the row's is not comparable, and what was not read is indeterminate: neither is a break.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from rules.changed import replace
from rules.figures import Arrival
from rules.ledger import PastKey, PastPoint
from rules.lifecycle import end
from rules.model import MASTER
from rules.patterns import Patterns
from rules.plan import AccountPlan, concerns, is_read, wallets_of
from rules.reconciling import breaks
from rules.reconciling.finding import Standing
from rules.reconciling.prices import is_dust
from rules.reconciling.tracking import spec_of
from rules.records import Account, AlertKey, Holding, Subject
from rules.ruleset import DAY_MS, Rule, Ruleset
from rules.statements import BookRow, Books
from rules.step import Step
from rules.types.base import Family
from rules.types.reconciliation import Check
from rules.values import EXACT, add, figure

HEADLINE = "differs from the books by"

PAST_MS = 8 * DAY_MS
"""How far back a row may look."""

POINTS_MOST = 512
"""Past figures kept of one asset in one wallet."""

WHOLE = ""
"""The asset of the point that tells since when a wallet is known whole."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One row against what was read: `ours` and when that reading was, or why they cannot be compared."""

    row: BookRow
    account: Account | None
    standing: Standing
    ours: Decimal | None = None
    read_ms: int = 0
    reason: str = ""


def both_sides(ours: Decimal, theirs: Decimal, source: str) -> str:
    """The sentence below the difference; `source` is where the books say so."""
    return f"We read {ours:,f}; {source} says {theirs:,f}."


def remember(step: Step, plan: AccountPlan, arrival: Arrival, changed: Iterable[str], *, whole: bool) -> None:
    """Keep the totals that changed, as long as rows of the books may ask for them."""
    rules = [rule for rule in plan.reconciled if spec_of(rule).check is Check.EXPECTED]
    if not rules:
        return
    account, wallet = arrival.account.key, arrival.wallet
    held, past = step.world.holdings[account, wallet], step.world.past
    start = PastKey(account, wallet, WHOLE)
    first = whole and start not in past
    if first:
        past[start] = (PastPoint("", arrival.ended_ms, arrival.ended_ms),)
    names = {*held.rows, *changed} if first else set(changed)
    for asset in sorted(names):
        if not any(rule.asset.match(asset) for rule in rules):
            continue
        value, key = figure(held, asset, "total"), PastKey(account, wallet, asset)
        points = past.get(key, ())
        if not points and not first and start in past and arrival.before is not None:
            points = (PastPoint("0", past[start][0].first_ms, past[start][0].first_ms),)  # absent until now
        points = _closed(points, arrival.before)
        text = "" if value is None else format(value, "f")
        kept = [one for one in points if one.last_ms >= step.now_ms - PAST_MS or one is points[-1]]
        kept.append(PastPoint(text, arrival.ended_ms, arrival.ended_ms))
        past[key] = tuple(kept[-POINTS_MOST:])


def forget(step: Step, old: Ruleset) -> None:
    """After an edit: a past that was kept for other patterns would take an asset not followed for one not held."""
    if _followed(old) == _followed(step.ruleset):
        return
    for key in list(step.world.past):
        del step.world.past[key]
    for name in [name for name in step.world.books if not _followed(step.ruleset)]:
        del step.world.books[name]


def compares(rule: Rule, books: str) -> bool:
    """Whether a rule compares the books of this name."""
    return _is_ours(rule) and spec_of(rule).books.match(books)


def judge_books(step: Step, said: Books, before: Books | None) -> None:
    """Compare every row of one read of the books; what they no longer name is closed."""
    for rule in step.ruleset.rules:
        if not compares(rule, said.name):
            continue
        looked: set[AlertKey] = set()
        for one in compare(step, rule, said):
            if one.account is not None:
                looked.add(_key(rule, one))
                _judge(step, rule, said, one)
        for old in () if before is None else before.rows:
            for gone in _accounts(step, rule, old):
                key = AlertKey(rule.key, _subject(gone, old))
                if key not in looked and key in step.world.alerts:
                    alert = step.world.alerts[key]
                    end(step, alert, "the books no longer name it", alert.facts, closed=True)


def compare(step: Step, rule: Rule, said: Books) -> Iterator[Compared]:
    """Every row that the rule selects with what was read of it; of an account that nobody knows the row alone."""
    for row in said.rows:
        if not rule.exchange.match(row.exchange) or not rule.asset.match(row.asset):
            continue
        if row.wallet and rule.wallet is not None and not rule.wallet.match(row.wallet):
            continue
        found = list(_accounts(step, rule, row))
        if not found and not _is_known(step, row):
            yield Compared(row, None, Standing.INDETERMINATE, reason="no such account is known")
        for account in found:
            yield _compared(step, rule, said, row, account)


def _compared(step: Step, rule: Rule, said: Books, row: BookRow, account: Account) -> Compared:
    if row.as_of_ms > said.at_ms:
        return Compared(row, account, Standing.NOT_COMPARABLE, reason="as_of is in the future")
    settings = step.exchange(row.exchange)
    wallets = () if settings is None else wallets_of(step, account, settings, valued=False)
    wallets = tuple(one for one in wallets if row.wallet in ("", one))
    if not wallets or not is_read(step, account):
        return Compared(row, account, Standing.INDETERMINATE, reason="the account or wallet is not read")
    figures, read_ms = [], row.as_of_ms
    for wallet in wallets:
        found = _as_of(step, account.key, wallet, row.asset, row.as_of_ms)
        if found is None:
            return Compared(
                row, account, Standing.NOT_COMPARABLE, reason="nothing was read at or before as_of"
            )
        value, at_ms = found
        if row.as_of_ms - at_ms > spec_of(rule).max_skew_ms:
            reason = "the last reading before as_of is older than max_skew"
            return Compared(row, account, Standing.NOT_COMPARABLE, reason=reason, read_ms=at_ms)
        if value is None:
            return Compared(row, account, Standing.INDETERMINATE, reason="the venue did not give the total")
        figures.append(value)
        read_ms = min(read_ms, at_ms)
    ours = add(figures)
    agrees = _agree(step, rule, row, ours)
    return Compared(row, account, Standing.AGREES if agrees else Standing.BREAK, ours, read_ms)


def _agree(step: Step, rule: Rule, row: BookRow, ours: Decimal) -> bool:
    tolerance, theirs = spec_of(rule).tolerance, Decimal(row.amount)
    if tolerance.allows(ours, theirs):
        return True
    return is_dust(step, row.exchange, row.asset, EXACT.subtract(ours, theirs), tolerance)


def _as_of(
    step: Step, account: int, wallet: str, asset: str, at_ms: int
) -> tuple[Decimal | None, int] | None:
    """The total by the last reading at or before a time, and the end of that reading; None where there is none."""
    holding = step.world.holdings.get((account, wallet))
    start = step.world.past.get(PastKey(account, wallet, WHOLE))
    if holding is None or start is None or at_ms < start[0].first_ms:
        return None
    points = step.world.past.get(PastKey(account, wallet, asset), ())
    known = [one for one in points if one.first_ms <= at_ms]
    if not known:
        return None if points else (Decimal(0), min(at_ms, holding.ended_ms))
    point = known[-1]
    last_ms = holding.ended_ms if point is points[-1] else point.last_ms
    return (Decimal(point.value) if point.value else None), min(at_ms, max(last_ms, point.first_ms))


def _closed(points: tuple[PastPoint, ...], before: Holding | None) -> tuple[PastPoint, ...]:
    """The points with the last one ended by the last reading that showed it."""
    if not points or before is None:
        return points
    return (*points[:-1], replace(points[-1], last_ms=max(points[-1].last_ms, before.ended_ms)))


def _judge(step: Step, rule: Rule, said: Books, one: Compared) -> None:
    settings = step.exchange(one.row.exchange)
    if settings is None or one.ours is None or one.standing not in (Standing.AGREES, Standing.BREAK):
        return
    row, theirs = one.row, Decimal(one.row.amount)
    where = f"line {row.line} of " if row.line else ""
    facts = breaks.facts_of(
        rule,
        _key(rule, one),
        HEADLINE,
        EXACT.subtract(one.ours, theirs),
        one.read_ms,
        **({} if one.account is None else breaks.about(one.account)),
        details=(both_sides(one.ours, theirs, f"{where}“{said.name}”"),),
    )
    breaks.judge(
        step,
        settings,
        rule,
        _key(rule, one),
        facts,
        differs=one.standing is Standing.BREAK,
        began_ms=said.at_ms,
        ended_ms=said.at_ms,
    )


def _key(rule: Rule, one: Compared) -> AlertKey:
    assert one.account is not None  # noqa: S101  rows of unknown accounts have no subject
    return AlertKey(rule.key, _subject(one.account, one.row))


def _subject(account: Account, row: BookRow) -> Subject:
    return Subject(account.exchange, account.key, row.wallet, row.asset)


def _accounts(step: Step, rule: Rule, row: BookRow) -> Iterator[Account]:
    """The accounts of the row's exchange that it names, as far as the rule selects them."""
    return (one for one in step.accounts_of(row.exchange) if _is_named(one, row) and concerns(rule, one))


def _is_known(step: Step, row: BookRow) -> bool:
    return any(_is_named(one, row) for one in step.accounts_of(row.exchange))


def _is_named(account: Account, row: BookRow) -> bool:
    if account.master or row.account == MASTER:
        return account.master and row.account == MASTER
    return account.present and row.account.casefold() in {
        one.casefold() for one in account.identity.identifiers
    }


def _followed(ruleset: Ruleset) -> set[tuple[Patterns | None, ...]]:
    ours = (rule for rule in ruleset.rules if _is_ours(rule))
    return {(rule.exchange, rule.account, rule.wallet, rule.asset) for rule in ours}


def _is_ours(rule: Rule) -> bool:
    return (
        rule.enabled and rule.spec.family is Family.RECONCILIATION and spec_of(rule).check is Check.EXPECTED
    )

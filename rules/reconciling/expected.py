"""The user's own books against what was read at or before the time that each row names.

The past of every asset that such a rule selects is kept as long as a row may look back. A figure of another time
than the row's is not comparable, and what was not read is indeterminate: neither is a break.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
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

_MASTER = ""
"""What the master is called here: no account has an empty name."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One row against what was read: `ours` and when that reading was, or why they cannot be compared."""

    row: BookRow
    account: Account | None
    standing: Standing
    ours: Decimal | None = None
    read_ms: int = 0
    reason: str = ""


class Names:
    """Which accounts a row may mean by its name: found once for many rows. The master has a name of its own."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._known: dict[str, dict[str, list[Account]]] = {}

    def of(self, row: BookRow) -> list[Account]:
        """The accounts of the row's exchange that it names, in the order of their keys."""
        if row.exchange not in self._known:
            self._known[row.exchange] = self._found(row.exchange)
        name = _MASTER if row.account == MASTER else row.account.casefold()
        return self._known[row.exchange].get(name, [])

    def _found(self, exchange: str) -> dict[str, list[Account]]:
        found: dict[str, list[Account]] = {}
        for account in self._step.accounts_of(exchange):
            names = {one.casefold() for one in account.identity.identifiers} if account.present else set()
            for name in (_MASTER,) if account.master else sorted(names):
                found.setdefault(name, []).append(account)
        return found


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
    names = Names(step)
    for rule in step.ruleset.rules:
        if compares(rule, said.name):
            looked = _looked(step, rule, said, names)
            if before is not None:
                close(step, rule, before, looked, names)


def close(
    step: Step, rule: Rule, before: Books, looked: Container[AlertKey] = (), names: Names | None = None
) -> None:
    """End what books named before and name no more, unless other books still say that it differs."""
    names = names or Names(step)
    gone = _gone(step, rule, before, looked, names)
    elsewhere = broken_elsewhere(step, rule, before, names) if gone else set()
    for key in gone:
        if key not in elsewhere:
            alert = step.world.alerts[key]
            end(step, alert, "the books no longer name it", alert.facts, closed=True)


def broken_elsewhere(step: Step, rule: Rule, said: Books, names: Names) -> set[AlertKey]:
    """What other books say that differs: no agreement with these ends it."""
    return {
        _key(rule, one)
        for name, books in step.world.books.items()
        if name != said.name and compares(rule, name)
        for one in compare(step, rule, books, names)
        if one.standing is Standing.BREAK
    }


def unread(step: Step, said: Books, since_ms: int | None) -> None:
    """What only these books say stays open while they cannot be read, and tells since when; None: they can again."""
    names = Names(step)
    for rule in step.ruleset.rules:
        if not compares(rule, said.name):
            continue
        named = {_key(rule, one) for one in compare(step, rule, said, names) if one.account is not None}
        open_ = sorted(named.intersection(step.world.alerts))
        elsewhere = broken_elsewhere(step, rule, said, names) if open_ else set()
        for key in open_:
            alert = step.world.alerts[key]
            if alert.facts.unread_ms != since_ms and key not in elsewhere:
                step.world.put_alert(replace(alert, facts=replace(alert.facts, unread_ms=since_ms)))


def _looked(step: Step, rule: Rule, said: Books, names: Names) -> set[AlertKey]:
    """Judge all rows, and tell which figures they name.

    Rows that mean the same one are judged as one: it agrees where all of them do, and those of other books, too.
    """
    looked: dict[AlertKey, list[Compared]] = {}
    for one in compare(step, rule, said, names):
        if one.account is not None:
            looked.setdefault(_key(rule, one), []).append(one)
    elsewhere = broken_elsewhere(step, rule, said, names)
    for key, found in looked.items():
        agreeing = [one for one in found if one.standing is Standing.AGREES and key not in elsewhere]
        differing = [one for one in found if one.standing is Standing.BREAK]
        for one in (differing or agreeing)[:1]:
            _judge(step, rule, said, one)
    return set(looked)


def _gone(step: Step, rule: Rule, before: Books, looked: Container[AlertKey], names: Names) -> list[AlertKey]:
    """What is open and was named before, and is no more."""
    keys = (
        AlertKey(rule.key, _subject(account, row))
        for row in before.rows
        for account in names.of(row)
        if concerns(rule, account)
    )
    return [key for key in dict.fromkeys(keys) if key not in looked and key in step.world.alerts]


def compare(step: Step, rule: Rule, said: Books, names: Names | None = None) -> Iterator[Compared]:
    """Every row that the rule selects with what was read of it; of an account that nobody knows the row alone."""
    names = names or Names(step)
    for row in said.rows:
        if not rule.exchange.match(row.exchange) or not rule.asset.match(row.asset):
            continue
        if row.wallet and rule.wallet is not None and not rule.wallet.match(row.wallet):
            continue
        found = names.of(row)
        if not found:
            yield Compared(row, None, Standing.INDETERMINATE, reason="no such account is known")
        for account in found:
            if concerns(rule, account):
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


def _followed(ruleset: Ruleset) -> set[tuple[Patterns | None, ...]]:
    ours = (rule for rule in ruleset.rules if _is_ours(rule))
    return {(rule.exchange, rule.account, rule.wallet, rule.asset) for rule in ours}


def _is_ours(rule: Rule) -> bool:
    return (
        rule.enabled and rule.spec.family is Family.RECONCILIATION and spec_of(rule).check is Check.EXPECTED
    )

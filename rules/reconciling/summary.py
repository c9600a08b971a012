"""The venue's own valuation against the quantities, by public prices read in the same window.

A difference is believed when no prices from before both reads to after them explain it, and when both sides and the
prices, read again, say so once more: a price that moved between the reads is none. The valuation is of Binance: what
it sums up of an account (BTC) and of each wallet of the master.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

from rules import blindness
from rules.changed import replace
from rules.model import Listing, Severity
from rules.outcome import Recheck
from rules.plan import AccountPlan, concerns
from rules.reconciling import breaks, prices
from rules.reconciling.finding import Standing
from rules.reconciling.tracking import seen_ms, spec_of
from rules.reconciling.unseen import is_late
from rules.records import Account, Alert, AlertKey, Subject
from rules.ruleset import ExchangeSettings, Rule
from rules.statements import Prices
from rules.step import Step
from rules.types.base import Family
from rules.types.reconciliation import Check
from rules.values import figure

KIND = "binance"
HEADLINE = "differs from the venue's total by"
SHOWN = Context(prec=60, rounding=ROUND_HALF_EVEN)
PLACES = Decimal(1).scaleb(-18)


@dataclass(frozen=True, slots=True)
class Valued:
    """One wallet valued both ways: `ours` by quantities and prices, `theirs` by the venue, read between two times.

    While prices move `ours` is what comes nearest to `theirs`. `waits` tells that they differ by the prices that are
    known, and that others may still explain it, `unpriced` that no prices are known at all, or none but old ones.
    """

    standing: Standing
    quote: str
    ours: Fraction | None = None
    theirs: Decimal | None = None
    began_ms: int = 0
    ended_ms: int = 0
    reason: str = ""
    waits: bool = False
    unpriced: bool = False

    @property
    def difference(self) -> Decimal | None:
        """Ours less theirs, to 18 decimals; compared is the exact figure."""
        if self.ours is None or self.theirs is None:
            return None
        return shown(self.ours - Fraction(self.theirs))


def shown(value: Fraction) -> Decimal:
    """A quotient as a decimal of 18 places, without the zeros behind it."""
    text = SHOWN.divide(Decimal(value.numerator), Decimal(value.denominator))
    short = SHOWN.quantize(text, PLACES).normalize(SHOWN)
    return short or Decimal(0)


def read(step: Step, settings: ExchangeSettings, plan: AccountPlan, account: Account, wallet: str) -> None:
    """One side was read: compare with the other where both are of one time."""
    rules = [rule for rule in plan.reconciled if is_ours(rule)]
    if rules and settings.kind == KIND:
        _ask_prices(step, settings, account, wallet, now=False)
        _look(step, settings, rules, account, wallet)


def priced(step: Step, settings: ExchangeSettings) -> None:
    """New prices were read: what differed until now may be compared with them."""
    rules = [rule for rule in step.ruleset.rules if rule.enabled and is_ours(rule)]
    for part in sorted(step.world.differing):
        account = step.world.accounts[part[0]]
        if account.exchange == settings.name:
            mine = [rule for rule in rules if concerns(rule, account)]
            _look(step, settings, mine, account, part[1])


def due(step: Step) -> None:
    """What differs waits for prices that were asked for too short a time ago."""
    for part, ended_ms in sorted(step.world.differing.items()):
        account = step.world.accounts[part[0]]
        settings = step.exchange(account.exchange)
        if settings is not None and step.world.index.prices_asked_ms.get(settings.name, 0) < ended_ms:
            _ask_prices(step, settings, account, part[1], now=True)


def _look(step: Step, settings: ExchangeSettings, rules: list[Rule], account: Account, wallet: str) -> None:
    valuation = step.world.valuations.get((account.key, wallet))
    if (account.key, wallet) in step.world.differing:
        del step.world.differing[account.key, wallet]
    for rule in rules:
        if valuation is None or not (rule.wallet is None or rule.wallet.match(wallet)):
            continue
        for quote in sorted(valuation.values):
            _judge(step, settings, rule, account, wallet, compare(step, rule, account, wallet, quote))


def compare(step: Step, rule: Rule, account: Account, wallet: str, quote: str) -> Valued:
    """Both sides as they are known now."""
    part = (account.key, wallet)
    valuation, holding = step.world.valuations.get(part), step.world.holdings.get(part)
    if valuation is None or holding is None or holding.whole_ms is None or not valuation.values.get(quote):
        return Valued(Standing.INDETERMINATE, quote, reason="one side was not read")
    theirs = Decimal(valuation.values[quote])
    quantities = {asset: figure(holding, asset, "total") for asset in sorted(holding.rows)}
    held = {asset: amount for asset, amount in quantities.items() if amount != 0}
    began = min(valuation.began_ms, seen_ms(holding))
    ended = max(valuation.ended_ms, holding.ended_ms)
    known: list[Prices] = []
    whole, first, last = True, began, ended
    if any(asset != quote for asset in held):
        known, whole = prices.around(step, account.exchange, began, ended)
        if not known:
            reason = "no prices were read"
            return Valued(Standing.INDETERMINATE, quote, theirs=theirs, reason=reason, unpriced=True)
        first, last = min(began, known[0].began_ms), max(ended, known[-1].ended_ms)
    low = high = Fraction(0)
    for asset, amount in held.items():
        rates = {prices.rate_of(one.prices, asset, quote) for one in known} if known else {Fraction(1)}
        worths = [Fraction(amount) * rate for rate in rates if rate is not None and amount is not None]
        if not worths:
            reason = f"{asset} has no known {'total' if amount is None else 'price'}"
            return Valued(Standing.INDETERMINATE, quote, None, theirs, began, ended, reason)
        low, high = low + min(worths), high + max(worths)
    ours = min(max(low, Fraction(theirs)), high)
    differs = not _agree(rule, quote, ours, theirs, step, account)
    waits = differs and not whole
    if not waits and last - first <= spec_of(rule).max_skew_ms:
        return Valued(Standing.BREAK if differs else Standing.AGREES, quote, ours, theirs, began, ended)
    if known and _are_late(step, account.exchange, known[-1]):
        standing, reason, unpriced = Standing.INDETERMINATE, "no prices were read for long", True
    else:
        standing, unpriced = Standing.NOT_COMPARABLE, False
        reason = (
            "prices from before and after both reads are not known yet"
            if waits
            else "both sides and the prices are of different times"
        )
    return Valued(standing, quote, ours, theirs, began, ended, reason, waits, unpriced)


def _are_late(step: Step, exchange: str, newest: Prices) -> bool:
    """Whether prices could not be renewed for as long as an account may be silent."""
    settings = step.exchange(exchange)
    return settings is not None and is_late(step, settings, newest.ended_ms)


def listed(step: Step, listing: Listing, primary: str, only_here: set[int], only_there: set[int]) -> None:
    """The summary's accounts against the list's."""
    settings = step.exchange(listing.exchange)
    rules = [one for one in step.ruleset.rules if one.enabled and is_ours(one)]
    if settings is None or not rules or listing.source != "summary":
        return
    sides = dict.fromkeys(only_here, (listing.source, primary))
    sides.update(dict.fromkeys(only_there, (primary, listing.source)))
    for rule in rules:
        for account in step.accounts_of(listing.exchange):
            key = AlertKey(rule.key, Subject(account.exchange, account.key))
            if not concerns(rule, account) or account.master:
                continue
            has, lacks = sides.get(account.key, (primary, listing.source))
            facts = breaks.facts_of(
                rule,
                key,
                f"is in the venue's {has} and not in its {lacks}",
                Decimal(1 if has == listing.source else -1),
                listing.ended_ms,
                **breaks.about(account),
            )
            facts = replace(facts, value=None, readings=0)
            breaks.judge(
                step,
                settings,
                rule,
                key,
                facts,
                differs=account.key in sides,
                began_ms=listing.began_ms,
                ended_ms=listing.ended_ms,
            )


def _judge(
    step: Step, settings: ExchangeSettings, rule: Rule, account: Account, wallet: str, both: Valued
) -> None:
    key = AlertKey(rule.key, Subject(account.exchange, account.key, wallet, both.quote))
    difference = both.difference
    if both.theirs is not None and both.standing is not Standing.NOT_COMPARABLE:
        blind = both.standing is Standing.INDETERMINATE
        blindness.compared(step, rule, account, wallet, both.quote, both.reason if blind else "", step.now_ms)
    if both.waits:
        _wait(step, settings, key, account, wallet, both)
    if both.standing not in (Standing.AGREES, Standing.BREAK) or difference is None or both.ours is None:
        if key in step.world.alerts:
            _again(step, settings, step.world.alerts[key], account, wallet)
        return
    facts = breaks.facts_of(
        rule,
        key,
        HEADLINE,
        difference,
        both.ended_ms,
        **breaks.about(account),
        quote=both.quote,
        details=(both_sides(both),),
    )
    alert = breaks.judge(
        step,
        settings,
        rule,
        key,
        facts,
        differs=both.standing is Standing.BREAK,
        began_ms=both.began_ms,
        ended_ms=both.ended_ms,
    )
    if alert is not None and (alert.state == "pending" or alert.clear_ms is not None):
        _again(step, settings, alert, account, wallet)


def _wait(
    step: Step, settings: ExchangeSettings, key: AlertKey, account: Account, wallet: str, both: Valued
) -> None:
    """Later prices tell whether it is a difference; they are asked for at once where that would change anything."""
    alert = step.world.alerts.get(key)
    urgent = alert is None or alert.state != "firing" or alert.clear_ms is not None
    step.world.differing[account.key, wallet] = both.ended_ms if urgent else 0
    if urgent:
        _ask_prices(step, settings, account, wallet, now=True)
        step.world.index.due(step.now_ms + prices.ASK_NOW_MS)


def both_sides(both: Valued) -> str:
    """The sentence below the difference."""
    worth = "unknown" if both.ours is None else f"{shown(both.ours):,f} {both.quote}"
    return f"By the venue's prices what was read is worth {worth}; its own total is {both.theirs:,f} {both.quote}."


def _again(step: Step, settings: ExchangeSettings, alert: Alert, account: Account, wallet: str) -> None:
    """Both sides and the prices, read anew where they are older than the last look that counted."""
    part = (account.key, wallet)
    holding, valuation = step.world.holdings.get(part), step.world.valuations.get(part)
    for known, valued in ((holding, False), (valuation, True)):
        if known is None or known.began_ms < alert.counted_ms:
            step.outcome.rechecks.append(Recheck(account.exchange, *part, Severity.WARNING, valued=valued))
    priced = step.world.prices.get(account.exchange)
    if priced is None or priced.began_ms < alert.counted_ms:
        _ask_prices(step, settings, account, wallet, now=True)


def _ask_prices(step: Step, settings: ExchangeSettings, account: Account, wallet: str, *, now: bool) -> None:
    """The prices of every asset that was ever met in a compared wallet of the exchange."""
    known = step.world.index.priced
    if settings.name not in known:
        parts = sorted(step.world.holdings)
        known[settings.name] = {
            asset
            for part in parts
            if _is_compared(step, settings, part)
            for asset in step.world.holdings[part].rows
        }
    priced = known[settings.name]
    holding = step.world.holdings.get((account.key, wallet))
    if holding is not None and not priced.issuperset(holding.rows):
        priced.update(holding.rows)
    prices.want(step, settings.name, frozenset(priced), frozenset({"BTC", settings.quote}), now=now)


def _is_compared(step: Step, settings: ExchangeSettings, part: tuple[int, str]) -> bool:
    """Whether some rule compares the wallet."""
    account = step.world.accounts[part[0]]
    if account.exchange != settings.name:
        return False
    rules = (rule for rule in step.ruleset.rules if rule.enabled and is_ours(rule))
    return any(
        concerns(rule, account) and (rule.wallet is None or rule.wallet.match(part[1])) for rule in rules
    )


def _agree(rule: Rule, quote: str, ours: Fraction, theirs: Decimal, step: Step, account: Account) -> bool:
    tolerance = spec_of(rule).tolerance
    if tolerance.allows(ours, theirs):
        return True
    if tolerance.dust_value is None:
        return False
    worth = prices.rate(step, account.exchange, quote, tolerance.quote)
    return worth is not None and abs(ours - Fraction(theirs)) * worth <= Fraction(tolerance.dust_value)


def is_ours(rule: Rule) -> bool:
    """Whether a rule compares with the venue's own valuation."""
    return rule.spec.family is Family.RECONCILIATION and spec_of(rule).check is Check.SUMMARY

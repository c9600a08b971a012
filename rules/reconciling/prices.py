"""Prices: what one asset is worth in another by the venue's public prices, exactly, and when to ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from rules.outcome import PricesWanted
from rules.ruleset import HOUR_MS, MINUTE_MS
from rules.statements import Prices
from rules.step import Step
from rules.types.reconciliation import Reconciliation, Tolerance

BRIDGES = ("USDT", "BTC", "USDC", "FDUSD", "BUSD", "TUSD")
"""Coins through which an asset without a pair of its own is priced, the first that serves."""

ASK_AGAIN_MS = 10_000
ASK_NOW_MS = 250

KEPT_MS = 5 * MINUTE_MS
"""So long a price serves to tell what a difference is worth before the next one is asked for."""

GOOD_MS = HOUR_MS
"""A price that could not be renewed for so long is none."""

FIRST_WAIT_MS = 15_000
"""What a price may yet explain waits so long for the first one."""

EARLIER_MOST = 8
"""Readings of the prices that are kept before the newest one."""


def rate(step: Step, exchange: str, asset: str, quote: str) -> Fraction | None:
    """The last known price of one `asset` in `quote`; None where no price tells."""
    known = step.world.prices.get(exchange)
    return rate_of({} if known is None else known.prices, asset, quote)


def rate_of(prices: Mapping[tuple[str, str], str], asset: str, quote: str) -> Fraction | None:
    """As `rate`: its own pair either way round, else through one bridge."""
    found = _direct(prices, asset, quote)
    if found is not None:
        return found
    for bridge in BRIDGES:
        first, second = _direct(prices, asset, bridge), _direct(prices, bridge, quote)
        if first is not None and second is not None:
            return first * second
    return None


def want(
    step: Step, exchange: str, assets: frozenset[str], quotes: frozenset[str], *, now: bool = False
) -> None:
    """Ask for prices where the last ones are older than a poll, or at once where a difference waits for them.

    Those of every asset that was ever asked for come along: what is told of the last prices stays true of all.
    """
    settings, known = step.exchange(exchange), step.world.prices.get(exchange)
    if settings is None or not assets:
        return
    asked, every = step.world.index.prices_asked_ms, step.world.index.prices_of.setdefault(exchange, set())
    age_ms = step.now_ms - (known.ended_ms if known is not None else 0)
    again_ms = step.now_ms - asked.get(exchange, 0)
    wished = [place for place, one in enumerate(step.outcome.prices) if one.exchange == exchange]
    if not wished and (
        (not now and age_ms < settings.poll_every_ms) or 0 <= again_ms < (ASK_NOW_MS if now else ASK_AGAIN_MS)
    ):
        return
    asked[exchange] = step.now_ms
    every |= assets
    quotes = quotes | set(BRIDGES) | _compared_in(step, exchange)
    if wished:
        del step.outcome.prices[wished[0]]
    step.outcome.prices.append(PricesWanted(exchange, tuple(sorted(every)), tuple(sorted(quotes))))


def is_dust(step: Step, exchange: str, asset: str, amount: Decimal, tolerance: Tolerance) -> bool:
    """Whether an amount is worth at most `dust_value` by the last price, which is asked for where it is not known."""
    if tolerance.dust_value is None:
        return False
    _keep(step, exchange, asset, tolerance.quote)
    return tolerance.is_dust(amount, good_rate(step, exchange, asset, tolerance.quote))


def is_awaited(step: Step, exchange: str, asset: str, tolerance: Tolerance) -> bool:
    """Whether the worth of an asset was asked for a moment ago, and nothing was told since."""
    if tolerance.dust_value is None or good_rate(step, exchange, asset, tolerance.quote) is not None:
        return False
    asked_ms, known = step.world.index.prices_asked_ms.get(exchange, 0), step.world.prices.get(exchange)
    told = known is not None and known.began_ms >= asked_ms and asset in step.world.index.prices_of[exchange]
    return not told and step.now_ms < asked_ms + FIRST_WAIT_MS


def are_from(step: Step, exchange: str, assets: frozenset[str], quote: str, since_ms: int) -> bool:
    """Whether the last prices are of these assets and not older than a time; else they are asked for."""
    index, known = step.world.index, step.world.prices.get(exchange)
    covered = assets <= index.prices_of.get(exchange, set())
    asked_ms = index.prices_asked_ms.get(exchange, 0)
    # Prices that were read before somebody asked for an asset may not be of it.
    if covered and known is not None and known.began_ms >= max(since_ms, asked_ms):
        return True
    if not covered or asked_ms < since_ms:
        want(step, exchange, assets, frozenset({quote}), now=True)
    return False


def good_rate(step: Step, exchange: str, asset: str, quote: str) -> Fraction | None:
    """As `rate`, unless the last price is too old to say what an amount is worth."""
    known = _fresh(step, exchange)
    return rate_of({} if known is None else known.prices, asset, quote)


def fetched(step: Step, exchange: str, asset: str, quote: str) -> Fraction | None:
    """As `good_rate`, by what is bid where that is less: what one unit fetches.

    Who buys dear in a thin market makes the last price himself. For dust that price is the safe side: it is the higher.
    """
    known = _fresh(step, exchange)
    return rate_of({} if known is None else {**known.prices, **known.bids}, asset, quote)


def _fresh(step: Step, exchange: str) -> Prices | None:
    known = step.world.prices.get(exchange)
    return known if known is not None and step.now_ms - known.ended_ms < GOOD_MS else None


def _keep(step: Step, exchange: str, asset: str, quote: str) -> None:
    """Ask for the price of an asset that was not asked for yet, or not for a while."""
    index = step.world.index
    again_ms = step.now_ms - index.prices_asked_ms.get(exchange, 0)
    if asset != quote and not (asset in index.prices_of.get(exchange, ()) and 0 <= again_ms < KEPT_MS):
        want(step, exchange, frozenset({asset}), frozenset({quote}), now=True)


def _compared_in(step: Step, exchange: str) -> set[str]:
    """The coins in which rules on the exchange measure a worth."""
    return {
        rule.spec.tolerance.quote
        for rule in step.ruleset.rules
        if isinstance(rule.spec, Reconciliation)
        and rule.spec.tolerance.dust_value is not None
        and rule.exchange.match(exchange)
    }


def taken(step: Step, said: Prices) -> None:
    """Keep the newest prices of an exchange, and some that were read before them."""
    before = step.world.prices.get(said.exchange)
    if before is not None and 0 < before.began_ms - said.began_ms <= ASK_AGAIN_MS * 6:
        return
    step.world.prices[said.exchange] = said
    if before is not None:
        step.world.earlier[said.exchange, before.began_ms] = before
    kept = sorted(place for place in step.world.earlier if place[0] == said.exchange)
    for place in kept:
        if len(kept) - EARLIER_MOST > kept.index(place) or place[1] >= said.began_ms:
            del step.world.earlier[place]


def around(step: Step, exchange: str, began_ms: int, ended_ms: int) -> tuple[list[Prices], bool]:
    """The prices that were good between two times, the oldest first, and whether they reach beyond both."""
    newest = step.world.prices.get(exchange)
    if newest is None:
        return [], False
    kept = sorted(place for place in step.world.earlier if place[0] == exchange)
    every = [*(step.world.earlier[place] for place in kept), newest]
    before = [one for one in every if one.ended_ms <= began_ms][-1:]
    after = [one for one in every if one.began_ms >= ended_ms][:1]
    between = [one for one in every if one.ended_ms > began_ms and one.began_ms < ended_ms]
    return [*before, *between, *after], bool(before and after)


def _direct(prices: Mapping[tuple[str, str], str], asset: str, quote: str) -> Fraction | None:
    if asset == quote:
        return Fraction(1)
    # A price of nothing is no price: it would make anything a trifle.
    straight = Fraction(prices.get((asset, quote), "0"))
    inverse = Fraction(prices.get((quote, asset), "0"))
    return straight or (1 / inverse if inverse else None)

"""Public prices: what venues call their markets, and which of them tell what is asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from daemon.exchanges.decode import Given, amount
from daemon.exchanges.errors import Malformed

Book = tuple[str, Given, Given]
"""The last price of a market, and the best bid and ask where the answer holds them."""


def read_pairs(
    told: Mapping[str, Book], assets: Collection[str], quotes: Collection[str], between: str = ""
) -> Mapping[tuple[str, str], str]:
    """The prices of these assets and of the quotes themselves, in the quotes, by market. Raises Malformed.

    A market is base, `between` and quote: it is looked up, never taken apart. One that was never traded has the price
    "" or 0 at the venues, which is no price.
    """
    found = {}
    for base in sorted({*assets, *quotes}):
        for quote in sorted(set(quotes) - {base}):
            book = told.get(f"{base}{between}{quote}")
            price = None if book is None else _price(*book)
            if price is not None:
                found[base, quote] = price
    return found


def _price(last: str, bid: Given, ask: Given) -> str | None:
    """What one unit fetches: the last price, or the best bid where that is less; None where nobody bids.

    Who buys dear in a thin market makes the last price himself: it says nothing of what the coin is worth.
    """
    traded, bids, asks = _read(last), _read(bid), _read(ask)
    if traded is None or (bids is None and asks is not None):
        return None
    return bids if bids is not None and Decimal(bids) < Decimal(traded) else traded


def _read(text: Given) -> str | None:
    """A price as it was told; None where there is none. Raises Malformed."""
    if not isinstance(text, str) or not text:
        return None
    try:
        price = amount(text)
    except Malformed:
        price = "-"
    if price.startswith("-"):
        raise Malformed(f"{text[:40]!r} is not a price")
    return price if price.strip("0.") else None

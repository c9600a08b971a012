"""Public prices: what venues call their markets, and which of them tell what is asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Protocol

from daemon.exchanges.decode import Given, amount
from daemon.exchanges.errors import Malformed

Book = tuple[str, Given, Given]
"""The last price of a market, and the best bid and ask where the answer holds them."""


Pairs = tuple[Mapping[tuple[str, str], str], Mapping[tuple[str, str], str]]
"""The last prices by base and quote, and the bids where less is bid: "0" where nobody does."""


class ReadPrices(Protocol):
    """How a venue's answer is read: the prices of these assets and of the quotes themselves. Raises Malformed."""

    def __call__(self, body: bytes, /, assets: Collection[str], quotes: Collection[str]) -> Pairs: ...


def read_pairs(
    told: Mapping[str, Book], assets: Collection[str], quotes: Collection[str], between: str = ""
) -> Pairs:
    """The prices of these assets and of the quotes themselves, in the quotes, by market. Raises Malformed.

    A market is base, `between` and quote: it is looked up, never taken apart. One that was never traded has the price
    "" or 0 at the venues, which is no price.
    """
    lasts, bids = {}, {}
    for base in sorted({*assets, *quotes}):
        for quote in sorted(set(quotes) - {base}):
            book = told.get(f"{base}{between}{quote}")
            last = None if book is None else _read(book[0])
            if book is None or last is None:
                continue
            lasts[base, quote] = last
            bid, ask = _read(book[1]), _read(book[2])
            if (bid is None and ask is not None) or (bid is not None and Decimal(bid) < Decimal(last)):
                bids[base, quote] = bid or "0"
    return lasts, bids


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

"""Public prices: what venues call their markets, and which of them tell what is asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from daemon.exchanges.decode import amount
from daemon.exchanges.errors import Malformed


def read_pairs(
    told: Mapping[str, str], assets: Collection[str], quotes: Collection[str], between: str = ""
) -> Mapping[tuple[str, str], str]:
    """The prices of these assets and of the quotes themselves, in the quotes, by market. Raises Malformed.

    A market is base, `between` and quote: it is looked up, never taken apart. One that was never traded has the price
    "" or 0 at the venues, which is no price.
    """
    found = {}
    for base in sorted({*assets, *quotes}):
        for quote in sorted(set(quotes) - {base}):
            text = told.get(f"{base}{between}{quote}")
            price = _price(text) if text else None
            if price is not None:
                found[base, quote] = price
    return found


def _price(text: str) -> str | None:
    """The price as it was told; None where it is 0. Raises Malformed."""
    try:
        price = amount(text)
    except Malformed:
        price = "-"
    if price.startswith("-"):
        raise Malformed(f"{text[:40]!r} is not a price")
    return price if price.strip("0.") else None

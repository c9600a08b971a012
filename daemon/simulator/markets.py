"""The markets of a fake venue: the public prices that follow from what its coins are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from daemon.simulator.money import ratio, wire

__all__ = ["markets"]

PRICE_DECIMALS = 8
QUOTES = ("USDT", "BTC")


def markets(worth: Mapping[str, Decimal]) -> Iterator[tuple[str, str, str]]:
    """Base, quote and last price of every market; `worth` is in USDT. "USD" is no coin."""
    known = {coin: price for coin, price in worth.items() if price and coin != "USD"}
    for quote in QUOTES:
        for coin, price in known.items():
            if coin != quote and not (coin == "USDT" and quote == "BTC") and quote in known:
                yield coin, quote, wire(ratio(price, known[quote], PRICE_DECIMALS))

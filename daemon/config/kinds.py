"""What each word of `read` brings, so that a rule is checked against what its exchanges can ever tell."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

QUANTITIES = ("free", "locked", "frozen", "withdrawing", "total")
VENUE_NAMED = ("ordFrozen", "liab", "eq", "limitAvailable")
FIELDS = (*QUANTITIES, "value", *VENUE_NAMED)

ANY_WALLET = "*"
"""An offer's wallet where the venue names the wallets and the set is open (the Binance master's)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What one word of `read` brings.

    `quote` is the coin of `value`, "" for the exchange's own quote, None where there is no value. A rule that
    leaves its quote out means the `evident` ones.
    """

    word: str
    master: bool
    wallet: str
    fields: frozenset[str]
    quote: str | None = None
    evident: bool = True


_BINANCE = frozenset({"free", "locked", "frozen", "withdrawing", "total"})
_OKX = frozenset({"free", "frozen", "total"})
_OKX_TRADING = frozenset({"free", "frozen", "total", "ordFrozen", "liab", "eq"})
_BITGET = frozenset({"free", "locked", "frozen", "total", "limitAvailable"})
_VALUE = frozenset({"value"})

_OFFERS: dict[str, tuple[Offer, ...]] = {
    "binance": (
        Offer("assets", master=False, wallet="spot", fields=_BINANCE),
        Offer("summary", master=False, wallet="spot", fields=_VALUE, quote="BTC"),
        Offer("summary", master=True, wallet="Spot", fields=_VALUE, quote="BTC", evident=False),
        Offer("wallets", master=True, wallet=ANY_WALLET, fields=_VALUE, quote=""),
        Offer("master", master=True, wallet=ANY_WALLET, fields=_BINANCE),
    ),
    "okx": (
        Offer("funding", master=False, wallet="funding", fields=_OKX),
        Offer("trading", master=False, wallet="trading", fields=_OKX_TRADING | _VALUE, quote="USD"),
        Offer("master", master=True, wallet="funding", fields=_OKX),
    ),
    "bitget": (
        Offer("spot", master=False, wallet="spot", fields=_BITGET),
        Offer("master", master=True, wallet="spot", fields=_BITGET),
    ),
}


def offers(kind: str, read: Collection[str]) -> tuple[Offer, ...]:
    """What an exchange of this kind tells when it reads these words."""
    return tuple(offer for offer in _OFFERS[kind] if offer.word in read)

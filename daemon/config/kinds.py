"""What each kind of exchange can be asked for: the light facts a file is checked against."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

KINDS = ("binance", "okx", "bitget")

DEFAULT_URLS = {
    "binance": "https://api.binance.com",
    "okx": "https://www.okx.com",
    "bitget": "https://api.bitget.com",
}

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

_ELSEWHERE = {
    "binance": ("futures", "margin"),
    "okx": ("earn",),
    "bitget": ("futures", "margin", "earn", "bots"),
}

# (calls, seconds, accounts in one call) of the call that reads quantities: shared/exchanges, "rate limits".
_LIMITS = {"binance": (3000, 60, 1), "okx": (6, 2, 1), "bitget": (10, 1, 50)}


def read_words(kind: str) -> tuple[str, ...]:
    """The words that `read` may hold."""
    return tuple(dict.fromkeys(offer.word for offer in _OFFERS[kind]))


def default_read(kind: str) -> tuple[str, ...]:
    """What is read where the file does not say: everything but the master's own quantities."""
    return tuple(word for word in read_words(kind) if word != "master")


def offers(kind: str, read: Collection[str]) -> tuple[Offer, ...]:
    """What an exchange of this kind tells when it reads these words."""
    return tuple(offer for offer in _OFFERS[kind] if offer.word in read)


def wallets_of(kind: str, read: Collection[str]) -> tuple[str, ...]:
    """The wallets that are read of a sub-account."""
    return tuple(dict.fromkeys(offer.wallet for offer in offers(kind, read) if not offer.master))


def not_watched(kind: str, read: Collection[str]) -> tuple[str, ...]:
    """Where else a sub-account may hold money, which a message must not pretend to know of."""
    unread = (offer.wallet for offer in _OFFERS[kind] if not offer.master)
    return (*(w for w in dict.fromkeys(unread) if w not in wallets_of(kind, read)), *_ELSEWHERE[kind])


def own_call(kind: str) -> bool:
    """Whether the venue has a call about one sub-account."""
    return kind != "bitget"


def lists_all_assets(kind: str) -> bool:
    """Whether one reading proves that an asset is absent."""
    return kind != "bitget"


def needs_passphrase(kind: str) -> bool:
    """Whether a key of this venue has a passphrase."""
    return kind != "binance"


def lawful_read_us(kind: str, budget: Decimal) -> int:
    """The lawful time of one account's reading in microseconds (law 11), rounded up."""
    calls, seconds, accounts = _LIMITS[kind]
    window_us = Decimal(seconds * 1_000_000)
    within = calls * budget
    per_call = window_us / int(within) if within >= 10 else window_us / budget / calls  # noqa: PLR2004  law 11
    return int((per_call / accounts).to_integral_value(ROUND_CEILING))

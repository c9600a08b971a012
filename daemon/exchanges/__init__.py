"""The only HTTP to venues: one read-only client per venue behind one Protocol.

Importing this package loads no client: what the settings need to know of a venue is a table, and `make` loads
the one module that it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from daemon.exchanges.base import Credentials, Venue
    from daemon.exchanges.shared import Shared
    from rules.ruleset import ExchangeSettings

__all__ = [
    "DEFAULT_URLS",
    "KINDS",
    "Kind",
    "lawful_read_us",
    "make",
    "not_watched",
    "read_words",
    "wallets_of",
]


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of a venue before any call.

    `words` are the words of `read`, `usual` the default ones. `wallet_of` maps a word to the wallet of a
    sub-account that it reads. `elsewhere` are wallets that nothing here reads, `master_elsewhere` those of the
    master. `limit` is (calls, window in
    seconds, accounts per call) of the slowest reading of an account. `own_call` tells whether the venue has a
    call about one account, `lists_all_assets` whether that call's absences are proofs.
    """

    module: str
    client: str
    url: str
    words: tuple[str, ...]
    usual: tuple[str, ...]
    wallet_of: Mapping[str, str]
    elsewhere: tuple[str, ...]
    master_elsewhere: tuple[str, ...]
    limit: tuple[int, int, int]
    needs_passphrase: bool = False
    own_call: bool = True
    lists_all_assets: bool = True


KINDS: Mapping[str, Kind] = {
    "binance": Kind(
        "daemon.exchanges.binance",
        "Binance",
        "https://api.binance.com",
        ("assets", "summary", "wallets", "master"),
        ("assets", "summary", "wallets"),
        {"assets": "spot"},
        ("futures", "margin", "funding", "earn"),
        (),  # the venue values every wallet of the master
        (3_000, 60, 1),
    ),
    "okx": Kind(
        "daemon.exchanges.okx",
        "Okx",
        "https://www.okx.com",
        ("funding", "trading", "master"),
        ("funding", "trading"),
        {"funding": "funding", "trading": "trading"},
        ("earn",),
        ("trading", "earn"),
        (6, 2, 1),
        needs_passphrase=True,
    ),
    "bitget": Kind(
        "daemon.exchanges.bitget",
        "Bitget",
        "https://api.bitget.com",
        ("spot", "master"),
        ("spot",),
        {"spot": "spot"},
        ("futures", "margin", "funding", "earn"),
        ("futures", "margin", "funding", "earn"),
        (10, 1, 50),
        needs_passphrase=True,
        own_call=False,
        lists_all_assets=False,
    ),
}

DEFAULT_URLS: Mapping[str, str] = {name: kind.url for name, kind in KINDS.items()}

_MICROSECONDS = 1_000_000


def make(
    settings: ExchangeSettings,
    credentials: Credentials,
    base_url: str,
    budget: Decimal,
    now_ms: Callable[[], int],
    shared: Shared | None = None,
) -> Venue:
    """The client of one exchange. Give all of one process the same `shared`, so that they count together.

    Raises CredentialsError, a ValueError, where a secret cannot be one. No request, no session yet.
    """
    kind = KINDS[settings.kind]
    client = getattr(import_module(kind.module), kind.client)
    setup = import_module("daemon.exchanges.endpoint").Setup
    shared = shared or import_module("daemon.exchanges.shared").Shared()
    return cast("Venue", client(setup(settings, credentials, base_url or kind.url, budget, now_ms, shared)))


def lawful_read_us(kind: str, budget: Decimal) -> int:
    """Lawful microseconds per reading of one account at the budget: the pace of a sweep that never ends."""
    calls, window_seconds, accounts = KINDS[kind].limit
    per_account = window_seconds * _MICROSECONDS / (calls * budget * accounts)
    return int(per_account.to_integral_value(ROUND_CEILING))


def read_words(kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words that `read` may hold, and the default ones."""
    return KINDS[kind].words, KINDS[kind].usual


def wallets_of(kind: str, read: Sequence[str]) -> tuple[str, ...]:
    """The wallets of a sub-account that these words read."""
    wallet_of = KINDS[kind].wallet_of
    return tuple(dict.fromkeys(wallet_of[word] for word in read if word in wallet_of))


def not_watched(kind: str, read: Sequence[str]) -> tuple[str, ...]:
    """The wallets of a sub-account that nobody reads, for messages."""
    known = KINDS[kind]
    watched = wallets_of(kind, read)
    left = tuple(w for w in dict.fromkeys(known.wallet_of.values()) if w not in watched)
    return left + known.elsewhere

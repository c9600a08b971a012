"""The accounts a fresh simulator starts with: believable, and the same for the same seed.

Amounts are drawn from a hash of the seed and the place they belong to, so that one more account or coin
changes no other figure.
"""

import hashlib
from collections.abc import Sequence
from decimal import Decimal

from daemon.simulator.binance import Binance
from daemon.simulator.bitget import Bitget
from daemon.simulator.money import exact
from daemon.simulator.okx import Okx
from daemon.simulator.venue import Venue

__all__ = ["seed_binance", "seed_bitget", "seed_okx"]

PRICES = {
    "USDT": "1",
    "USDC": "1.0001",
    "BTC": "97350.25",
    "ETH": "3412.8",
    "BNB": "651.4",
    "SOL": "188.72",
    "XRP": "2.1405",
    "ADA": "0.7312",
    "DOGE": "0.18944",
    "LTC": "104.6",
}
MOST_UNITS = {"USDT": 90_000, "USDC": 20_000, "BTC": 3, "ETH": 40, "BNB": 60, "SOL": 300}
LEAST_USDT, LEAST_OTHER = 40_000, 1
BINANCE_NAMES = ("mm-1", "mm-2", "arb", "treasury", "hedge", "grid")
OKX_NAMES = ("deskmm1", "deskmm2", "deskarb", "desktreasury", "deskhedge", "deskgrid")
BITGET_NAMES = ("mm-1", "mm-2", "arb", "treasury", "hedge", "grid")
FIRST_CREATED_MS = 1_672_531_200_000
DAY_MS = 86_400_000
MASTER_FUNDS = {"USDT": "250000", "BTC": "4.25"}


def seed_binance(venue: Binance, accounts: int, assets: int, seed: int) -> None:
    """Sub-accounts named by e-mail, and a master with Spot and Funding wallets."""
    _begin(venue)
    for index in range(accounts):
        word = _name(BINANCE_NAMES, index, "sub-{:05d}")
        venue.add(f"{word}@desk.example", label=word, created_ms=FIRST_CREATED_MS + index * DAY_MS)
        _fill(venue, f"{word}@desk.example", "spot", assets, seed)
    for wallet in ("Spot", "Funding"):
        _fund_master(venue, wallet)


def seed_okx(venue: Okx, accounts: int, assets: int, seed: int) -> None:
    """Every second account was created at the instant of the one before: listings have to cope with ties."""
    _begin(venue)
    for index in range(accounts):
        name = _name(OKX_NAMES, index, "desk{:05d}")
        venue.add(name, label=name, created_ms=FIRST_CREATED_MS + index // 2 * DAY_MS)
        _fill(venue, name, "funding", assets, seed)
        _fill(venue, name, "trading", assets, seed)
    _fund_master(venue, "funding")
    _fund_master(venue, "trading")


def seed_bitget(venue: Bitget, accounts: int, assets: int, seed: int) -> None:
    """Virtual sub-accounts, readable by their label."""
    _begin(venue)
    for index in range(accounts):
        word = _name(BITGET_NAMES, index, "v-{:05d}")
        name = f"{word.replace('-', '')}@virtual.example"
        venue.add(name, label=word, created_ms=FIRST_CREATED_MS + index * DAY_MS)
        _fill(venue, name, "spot", assets, seed)
    _fund_master(venue, "spot")


def _begin(venue: Venue) -> None:
    venue.prices.update({asset: Decimal(price) for asset, price in PRICES.items()})
    venue.master.created_ms = FIRST_CREATED_MS - DAY_MS


def _name(names: Sequence[str], index: int, pattern: str) -> str:
    return names[index] if index < len(names) else pattern.format(index + 1)


def _fill(venue: Venue, name: str, wallet: str, assets: int, seed: int) -> None:
    coins = [*PRICES, *(f"C{number:03d}" for number in range(len(PRICES), assets))][:assets]
    for coin in coins:
        drawn = _draw(f"{seed}/{venue.kind}/{name}/{wallet}/{coin}")
        least = LEAST_USDT if coin == "USDT" else LEAST_OTHER
        whole = least + drawn % (MOST_UNITS.get(coin, 5_000) - least + 1)
        cents = drawn // 1_000_003 % 100_000_000
        venue.set_balance(name, coin, wallet=wallet, free=exact(f"{whole}.{cents:08d}"))


def _draw(place: str) -> int:
    return int.from_bytes(hashlib.blake2b(place.encode(), digest_size=8).digest())


def _fund_master(venue: Venue, wallet: str) -> None:
    for asset, free in MASTER_FUNDS.items():
        venue.set_balance("master", asset, wallet=wallet, free=free)

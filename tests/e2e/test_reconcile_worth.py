"""What differences and new coins are worth, by each venue's own public prices, in whole runs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.house import House, a_house

READ = {
    "binance": 'read = ["assets", "master"]\n',
    "okx": 'read = ["funding", "master"]\n',
    "bitget": 'read = ["spot", "master"]\n',
}
NAMES = {
    "binance": ("mm-1@desk.example", "mm-2@desk.example", "arb@desk.example"),
    "okx": ("deskmm1", "deskmm2", "deskarb"),
    "bitget": ("mm-1", "mm-2", "arb"),
}
TICKERS = {
    "binance": "/api/v3/ticker/price",
    "okx": "/api/v5/market/tickers",
    "bitget": "/api/v2/spot/market/tickers",
}
WALLETS = 4  # of three accounts and the master
SHIFT = """
[[rule]]
name = "shift"
type = "composition_shift"
"""
DUST = """
[[rule]]
name = "movements"
type = "reconciliation"
check = "movements"
account = ["*", "master"]
tolerance = { dust_value = 5 }
within = "6s"
[[rule]]
name = "conservation"
type = "reconciliation"
check = "conservation"
account = ["*", "master"]
tolerance = { dust_value = 5 }
within = "6s"
"""


@contextlib.asynccontextmanager
async def a_desk(tmp_path: Path, kind: str, rules: str) -> AsyncIterator[House]:
    """Three accounts of one venue, and its master."""
    async with a_house(tmp_path, **{"binance": 0, "okx": 0, "bitget": 0, kind: 3}) as house:
        house.extra[kind] = READ[kind]
        house.write(rules, venues=(kind,))
        yield house


def asked(house: House, kind: str) -> int:
    """How often the public prices were asked for."""
    return house.simulator.venues[kind].records.paths[TICKERS[kind]]


@pytest.mark.parametrize("kind", ["binance", "okx", "bitget"])
async def test_only_what_is_sold_to_a_stolen_key_is_a_shift(tmp_path: Path, kind: str) -> None:
    robbed, fair, moved = NAMES[kind]
    async with a_desk(tmp_path, kind, SHIFT) as house:
        venue = house.simulator.venues[kind]
        for name, price in (("SHADY", "0.0001"), ("FAIR", "2"), ("BONUS", "0.01")):
            venue.set_price(name, price)
        for name in NAMES[kind]:
            venue.set_balance(name, "USDT", free="100000")
        async with house.daemon():
            await house.polls(WALLETS, 2)
            venue.set_balance(robbed, "USDT", free="1000")
            venue.set_balance(robbed, "SHADY", free="5000000")
            venue.set_balance(fair, "USDT", free="1000")
            venue.set_balance(fair, "FAIR", free="49500")
            venue.move(moved, "master", "USDT", "99000")
            venue.set_balance(moved, "BONUS", free="5")
            await house.recorder.until(lambda r: bool(r.blocks('rule "shift"')), 60)
            await house.passing(15_000)
            (told,) = house.recorder.blocks('rule "shift"')
            assert robbed in told
            assert "turned 99,000 of its 100,000 USDT into 5,000,000 SHADY, never held before" in told
        assert house.refusals() == {}


@pytest.mark.parametrize("kind", ["binance", "okx", "bitget"])
async def test_dust_is_measured_by_the_prices_of_the_venue(tmp_path: Path, kind: str) -> None:
    first, second, _ = NAMES[kind]
    async with a_desk(tmp_path, kind, DUST) as house:
        venue = house.simulator.venues[kind]
        venue.set_price("TINY", "0.5")
        for name in NAMES[kind]:
            venue.set_balance(name, "TINY", free="1000")
        async with house.daemon():
            await house.polls(WALLETS, 2)
            venue.withdraw(first, "TINY", "10", recorded=False)
            await house.passing(15_000)
            assert house.recorder.blocks("TINY") == []
            assert 1 <= asked(house, kind) <= 2
            venue.withdraw(second, "TINY", "10.1", recorded=False)
            await house.recorder.until(
                lambda r: bool(r.blocks('rule "movements"') and r.blocks('rule "conservation"')), 60
            )
            (told,) = house.recorder.blocks('rule "movements"')
            assert "10.1 TINY left" in told
        assert house.refusals() == {}

"""The main job, end to end over real HTTP: every incident is told once, exactly, and ended once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.house import a_house

RULES = """
[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
wallet = ["spot", "funding"]
below = 1000
severity = "critical"

[[rule]]
name = "new"
type = "account_appeared"

[[rule]]
name = "gone"
type = "account_disappeared"
"""
WALLETS = {"binance": "spot", "okx": "funding", "bitget": "spot"}


@pytest.mark.timeout(180)
async def test_each_incident_of_94_accounts_is_told_once_with_its_exact_figure_and_ended_once(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path, binance=25, okx=9, bitget=60) as house:
        house.write(RULES)
        async with house.daemon():
            await house.judged()
            assert house.recorder.messages == []
            low = {}
            for number, (venue, wallet) in enumerate(WALLETS.items()):
                model = house.simulator.venues[venue]
                for place, account in enumerate(model.accounts[:: max(len(model.accounts) // 5, 1)]):
                    figure = f"{number + 1}{place}.{place + 1}23456789012345{number}78"
                    model.set_balance(account.name, "USDT", wallet=wallet, free=figure)
                    low[venue, account.label or account.name] = figure
            await house.recorder.until(lambda r: len(r.blocks("CRITICAL", "floor")) >= len(low))
            for (venue, label), figure in low.items():
                assert len(house.recorder.blocks(f"CRITICAL {venue}-main {label}", f"free {figure} <")) == 1
            for venue, wallet in WALLETS.items():
                model = house.simulator.venues[venue]
                for account in model.accounts[:: max(len(model.accounts) // 5, 1)]:
                    model.set_balance(account.name, "USDT", wallet=wallet, free="5000.000000000000000001")
            await house.recorder.until(lambda r: len(r.blocks("RESOLVED", "floor")) >= len(low))
            for venue, label in low:
                told = house.recorder.blocks(f"RESOLVED {venue}-main {label}", "5,000.000000000000000001")
                assert len(told) == 1
        assert len(house.recorder.blocks("floor")) == 2 * len(low)
        assert house.refusals() == {}
        assert all(venue.records.non_get == 0 for venue in house.simulator.venues.values())
        assert all(venue.records.rate_limited == 0 for venue in house.simulator.venues.values())

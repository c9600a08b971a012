"""A runway in the life of a real daemon: told by what it saw fall, kept over a restart, replayed exactly."""

from __future__ import annotations

import json

from tests.e2e.house import House
from tests.e2e.test_replay import _lived as lived_in
from tests.unit.test_cli_support import subtally

RULES = """
[[rule]]
name = "soon empty"
type = "runway"
asset = "USDT"
over = "2s"
empties_within = "1h"
below = 100
"""


async def test_a_drain_is_foretold_a_restart_forgets_no_history_and_the_replay_agrees(house: House) -> None:
    binance = house.simulator.binance
    for account in binance.accounts:
        binance.set_balance(account.name, "USDT", free="5000")
    name = binance.accounts[0].name
    house.write(RULES, venues=("binance",))
    async with house.daemon():
        await house.until(lambda app: len(app.engine.world.trails) == len(binance.accounts))
        assert house.recorder.messages == []
        binance.set_balance(name, "USDT", free="4000")
        await house.until(lambda app: any(len(trail) > 1 for trail in app.engine.world.trails.values()))
    async with house.daemon() as app:
        # Known from the state, before the first reading: 1,000 fell.
        assert any("1000" in {one.value for one in trail[1:]} for trail in app.engine.world.trails.values())
        binance.set_balance(name, "USDT", free="3000")
        await house.recorder.until(lambda r: bool(r.blocks("soon empty", name)))
        binance.set_balance(name, "USDT", free="900000000")
        await house.recorder.until(lambda r: "RESOLVED" in r.text)
    (told,) = house.recorder.blocks("soon empty", name, "WARNING binance-main", "top-ups left out")
    assert "down to 100 in about" in told
    shown = json.loads(subtally("-c", house.rules_file, "alerts", "--all", "--json").stdout)
    assert shown[0]["outlook"]["below"] == "100"
    explained = subtally("-c", house.rules_file, "explain", shown[0]["id"]).stdout
    assert "limit 1h" in explained
    replayed = subtally("-c", house.rules_file, "replay", "--json").stdout
    assert json.loads(replayed)["transitions"] == lived_in(house.folder / "subtally.db")

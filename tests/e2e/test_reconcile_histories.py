"""What OKX and Bitget state of transfers, in whole runs: it settles a match, and its silence unmakes none."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.app import App
from daemon.simulator import Fault
from tests.e2e.house import a_house

READ = {"okx": 'read = ["funding", "master"]\n', "bitget": 'read = ["spot", "master"]\n'}
NAMES = {"okx": ("deskmm1", "deskmm2"), "bitget": ("mm-1", "mm-2")}
TRANSFERS = {"okx": "/api/v5/asset/subaccount/bills", "bitget": "/api/v2/spot/account/sub-main-trans-record"}
REFUSALS = {
    "okx": '{"code":"50120","msg":"This API key doesn\'t have permission","data":[]}',
    "bitget": '{"code":"40014","msg":"Incorrect permissions, need {wallet} permissions","data":null}',
}
WITHIN_MS = 12_000
WALLETS = 3  # of two accounts and the master
RULES = """
[[rule]]
name = "movements"
type = "reconciliation"
check = "movements"
account = ["*", "master"]
asset = "USDT"
tell = "all"
within = "12s"
[[rule]]
name = "conservation"
type = "reconciliation"
check = "conservation"
account = ["*", "master"]
asset = "USDT"
within = "12s"
"""
MOVEMENTS = 'rule "movements"'


def headlines(app: App) -> dict[str, str]:
    """What the open events of the rule say, with what is known beside it."""
    return {
        alert.facts.headline: " ".join(alert.facts.details)
        for alert in app.engine.world.alerts.values()
        if alert.rule == "movements"
    }


@pytest.mark.parametrize("kind", ["okx", "bitget"])
async def test_a_history_says_which_of_two_equal_amounts_was_the_movement(tmp_path: Path, kind: str) -> None:
    first, second = NAMES[kind]
    async with a_house(tmp_path, **{"binance": 0, "okx": 0, "bitget": 0, kind: 2}) as house:
        house.extra[kind] = READ[kind]
        house.write(RULES.split('[[rule]]\nname = "conservation"', maxsplit=1)[0], venues=(kind,))
        venue = house.simulator.venues[kind]
        async with house.daemon() as app:
            await house.polls(WALLETS)
            venue.withdraw(first, "USDT", "40.5", recorded=False)
            venue.move(second, "master", "USDT", "40.5")
            said = f"40.5 USDT moved from {second} to master"
            await house.until(lambda app: "The venue states it as transfer" in headlines(app).get(said, ""))
            left = f"40.5 USDT left {first} and arrived in no account"
            await house.until(lambda app: any(left in one for one in headlines(app)))
            assert len(headlines(app)) == 2
        assert house.refusals() == {}


@pytest.mark.parametrize("kind", ["okx", "bitget"])
@pytest.mark.parametrize("how", ["refuses", "lacks"])
async def test_a_history_that_refuses_or_lacks_a_transfer_unmakes_no_match(
    tmp_path: Path, kind: str, how: str
) -> None:
    first, second = NAMES[kind]
    async with a_house(tmp_path, **{"binance": 0, "okx": 0, "bitget": 0, kind: 2}) as house:
        house.extra[kind] = READ[kind]
        house.write(RULES, venues=(kind,))
        venue = house.simulator.venues[kind]
        if how == "refuses":
            venue.faults.add(Fault(path=TRANSFERS[kind], status=401, body=REFUSALS[kind], name="refused"))
        async with house.daemon() as app:
            await house.polls(WALLETS)
            venue.move(first, second, "USDT", "77.000000000000000001", recorded=how == "refuses")
            await house.recorder.until(lambda r: bool(r.blocks(MOVEMENTS)))
            await house.passing(WITHIN_MS + 3_000)
            (told,) = house.recorder.blocks(MOVEMENTS)
            assert f"77.000000000000000001 USDT moved from {first} to {second}" in told
            (said,) = headlines(app).values()
            assert "The venue states" not in said
            assert house.recorder.blocks('rule "conservation"') == []
            assert app.engine.world.exchanges[f"{kind}-main"].stopped == ""
            assert house.recorder.blocks("right") == []


@pytest.mark.parametrize("kind", ["okx", "bitget"])
async def test_a_leak_is_found_with_its_sign(tmp_path: Path, kind: str) -> None:
    first, _ = NAMES[kind]
    async with a_house(tmp_path, **{"binance": 0, "okx": 0, "bitget": 0, kind: 2}) as house:
        house.extra[kind] = READ[kind]
        house.write(RULES, venues=(kind,))
        venue = house.simulator.venues[kind]
        async with house.daemon():
            await house.polls(WALLETS)
            venue.withdraw("master", "USDT", "5", fee="0.5")  # a known way out
            venue.withdraw(first, "USDT", "0.000000000000000001", recorded=False)
            await house.recorder.until(lambda r: bool(r.blocks('rule "conservation"')), 60)
            (told,) = house.recorder.blocks('rule "conservation"')
            assert "-0.000000000000000001" in told

"""Silence is not health (law 14), and a failed read changes no verdict (law 1): over real HTTP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from daemon.simulator import Fault, named_fault
from tests.e2e.house import House, a_house

FLOOR = """
[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
below = 1000
[[rule]]
name = "gone"
type = "account_disappeared"
"""
QUICK = 'stale_after = "4s"'


async def test_an_outage_of_one_venue_is_one_alert_and_one_recovery(house: House) -> None:
    house.write(FLOOR, daemon=QUICK)
    async with house.daemon():
        await house.judged()
        fault = house.simulator.okx.faults.add(Fault(path="*", status=503, body="down"))
        await house.recorder.until(lambda r: bool(r.blocks("CRITICAL okx-main", "subtally/stale-exchange")))
        house.simulator.okx.faults.clear(fault)
        await house.recorder.until(lambda r: bool(r.blocks("RESOLVED okx-main", "subtally/stale-exchange")))
    assert len(house.recorder.blocks("subtally/stale-exchange")) == 2
    assert not house.recorder.blocks("subtally/stale-account")
    assert not house.recorder.blocks("floor")


async def test_one_failing_account_is_one_alert_and_the_others_are_judged_as_ever(house: House) -> None:
    failing, fine, *_ = (account.name for account in house.simulator.binance.accounts)
    house.write(FLOOR, venues=("binance",), daemon=QUICK)
    async with house.daemon():
        await house.judged()
        path = "/sapi/v4/sub-account/assets"
        fault = house.simulator.binance.faults.add(
            Fault(path=path, account=failing, status=500, body='{"code":-1000,"msg":"x"}')
        )
        await house.recorder.until(lambda r: bool(r.blocks("subtally/stale-account", failing)))
        house.simulator.binance.set_balance(fine, "USDT", free="1")
        await house.recorder.until(lambda r: bool(r.blocks("floor", fine)))
        house.simulator.binance.faults.clear(fault)
        await house.recorder.until(lambda r: bool(r.blocks("RESOLVED", "subtally/stale-account", failing)))
    assert len(house.recorder.blocks("subtally/stale-account")) == 2
    assert not house.recorder.blocks("subtally/stale-exchange")


async def test_an_empty_list_with_200_makes_nobody_vanish(house: House) -> None:
    house.write(FLOOR, venues=("binance",))
    async with house.daemon():
        await house.judged()
        empty = Fault(path="/sapi/v1/sub-account/list", status=200, body='{"subAccounts":[]}', name="empty")
        house.simulator.binance.faults.add(empty)
        await house.until(lambda app: house.simulator.binance.faults.hits("empty") >= 5)
    assert house.recorder.messages == []


async def test_garbage_answers_change_no_verdict(house: House) -> None:
    house.write(FLOOR, venues=("binance",))
    async with house.daemon() as app:
        await house.judged()
        for kind in ("html", "truncate", "close_after"):
            fault = replace(named_fault(kind), path="/sapi/v4/sub-account/assets", times=3)
            house.simulator.binance.faults.add(fault)
        reads = app.pollers["binance-main"].counters.reads
        await house.until(lambda app: app.pollers["binance-main"].counters.reads > reads + 40, 60)
    assert house.recorder.messages == []


async def test_a_wrong_secret_stops_that_exchange_and_says_which(house: House) -> None:
    house.write(FLOOR)
    (house.folder / "bitget.passphrase").write_text("not-the-passphrase")
    async with house.daemon():
        await house.recorder.until(lambda r: bool(r.blocks("bitget-main", "is stopped")))
        await house.until(lambda app: bool(app.engine.world.exchanges["okx-main"].last_success_ms))
    assert not house.recorder.blocks("okx-main", "stopped")
    asked = [record for record in house.simulator.bitget.records.requests if record.refused]
    assert 0 < len(asked) <= 3


async def test_300_accounts_down_are_one_alert_and_one_recovery(tmp_path: Path) -> None:
    async with a_house(tmp_path, binance=300, okx=0, bitget=0) as house:
        house.write(FLOOR, venues=("binance",), daemon='stale_after = "5s"')
        async with house.daemon():
            await house.until(lambda app: app.engine.world.exchanges["binance-main"].baseline is None, 60)
            fault = house.simulator.binance.faults.add(Fault(path="*", end="reset"))
            await house.recorder.until(lambda r: bool(r.blocks("subtally/stale-exchange")), 60)
            house.simulator.binance.faults.clear(fault)
            await house.recorder.until(lambda r: bool(r.blocks("RESOLVED", "subtally/stale-exchange")), 60)
            reads = house.app.pollers["binance-main"].counters.reads if house.app else 0
            await house.until(lambda app: app.pollers["binance-main"].counters.reads > reads + 300, 60)
        assert len(house.recorder.blocks("subtally/")) == 2

"""A reload swaps what changed and leaves the rest alone; a bad file changes nothing (law 10)."""

from __future__ import annotations

from tests.e2e.house import House

FLOOR = """
[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
below = 1000
"""


async def test_a_raised_threshold_acts_at_the_next_reading(house: House) -> None:
    house.write(FLOOR, venues=("binance",))
    name = house.simulator.binance.accounts[0].name
    house.simulator.binance.set_balance(name, "USDT", free="1500")
    async with house.daemon() as app:
        await house.judged()
        house.write(FLOOR.replace("1000", "2000"), venues=("binance",))
        assert await app.reload()
        await house.recorder.until(lambda r: bool(r.blocks("floor", name)))
    assert len(house.recorder.blocks("floor", name, "1,500 < 2,000")) == 1


async def test_an_alert_that_only_the_edit_ends_is_closed_and_never_called_resolved(house: House) -> None:
    house.write(FLOOR, venues=("binance",))
    name = house.simulator.binance.accounts[0].name
    house.simulator.binance.set_balance(name, "USDT", free="500")
    async with house.daemon() as app:
        await house.recorder.until(lambda r: bool(r.messages))
        house.write(FLOOR.replace("1000", "100"), venues=("binance",))
        assert await app.reload()
        await house.recorder.until(lambda r: len(r.messages) == 2)
    assert "rule changed" in house.recorder.messages[1].body
    assert "RESOLVED" not in house.recorder.text


async def test_a_bad_file_changes_nothing_and_is_told_with_its_place(house: House) -> None:
    house.write(FLOOR, venues=("binance",))
    name = house.simulator.binance.accounts[0].name
    async with house.daemon() as app:
        await house.judged()
        house.write(FLOOR + "\n[[rule]]\nname = 7\n", venues=("binance",))
        assert not await app.reload()
        await house.recorder.until(lambda r: bool(r.blocks("subtally/rules-file")))
        house.simulator.binance.set_balance(name, "USDT", free="500")
        await house.recorder.until(lambda r: bool(r.blocks("floor", name)))
        house.write(FLOOR, venues=("binance",))
        assert await app.reload()
        await house.recorder.until(lambda r: bool(r.blocks("RESOLVED", "subtally/rules-file")))


async def test_exchanges_and_notifiers_come_and_go_without_disturbing_the_others(house: House) -> None:
    house.write(FLOOR, venues=("binance",))
    async with house.daemon() as app:
        await house.judged()
        kept = app.pollers["binance-main"]
        house.write(FLOOR, venues=("binance", "bitget"))
        assert await app.reload()
        assert app.pollers["binance-main"] is kept
        await house.until(lambda app: bool(app.engine.world.exchanges["bitget-main"].passes))
        house.write(FLOOR, venues=("bitget",))
        assert await app.reload()
        assert set(app.pollers) == {"bitget-main"}
        assert "binance-main" not in app.engine.world.exchanges

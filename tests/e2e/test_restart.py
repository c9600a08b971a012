"""What a restart keeps: figures to the last digit, what was told, the accepted rules, and the outbox."""

from __future__ import annotations

from tests.e2e.house import House

FLOOR = """
[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
below = 1000
[[rule]]
name = "new"
type = "account_appeared"
[[rule]]
name = "moves"
type = "balance_change"
asset = "USDT"
drop = 1
within = "5m"
"""


async def test_a_first_start_tells_state_rules_in_one_digest_and_no_events(house: House) -> None:
    for account in house.simulator.binance.accounts:
        house.simulator.binance.set_balance(account.name, "USDT", free="12.5")
    house.write(FLOOR, venues=("binance",))
    async with house.daemon():
        await house.judged()
        await house.recorder.until(lambda r: len(r.messages) == 1)
    told = house.recorder.text
    assert all(account.name in told for account in house.simulator.binance.accounts)
    assert told.count("12.5 < 1,000") == 3
    assert "appeared" not in told
    assert "fell" not in told
    assert len(house.recorder.messages) == 1


async def test_18_decimals_survive_wire_sqlite_restart_and_message(house: House) -> None:
    exact = "123456789012.123456789012345678"
    name = house.simulator.binance.accounts[0].name
    house.simulator.binance.set_balance(name, "USDT", free=exact)
    house.write(FLOOR, venues=("binance",))
    async with house.daemon():
        await house.judged()
    house.simulator.binance.set_balance(name, "USDT", free="0.000000000000000001")
    async with house.daemon():
        await house.recorder.until(lambda r: bool(r.blocks("floor", name)) and bool(r.blocks("moves", name)))
    assert house.recorder.blocks(
        "floor", "0.000000000000000001 < 1,000", "123,456,789,012.123456789012345678"
    )
    assert house.recorder.blocks("moves", "123,456,789,012.123456789012345677")


async def test_a_restart_tells_nothing_twice_and_ends_once_what_cleared_meanwhile(house: House) -> None:
    first, second, *_ = (account.name for account in house.simulator.binance.accounts)
    house.simulator.binance.set_balance(first, "USDT", free="10")
    house.simulator.binance.set_balance(second, "USDT", free="20")
    house.write(FLOOR, venues=("binance",))
    async with house.daemon():
        await house.recorder.until(lambda r: len(r.messages) == 1)
    house.simulator.binance.set_balance(first, "USDT", free="7000")
    async with house.daemon() as app:
        await house.recorder.until(lambda r: bool(r.blocks("RESOLVED", first)))
        sweeps = app.pollers["binance-main"].counters.reads
        await house.until(lambda app: app.pollers["binance-main"].counters.reads > sweeps + 6)
    assert len(house.recorder.messages) == 2
    assert len(house.recorder.blocks("RESOLVED", first)) == 1
    assert second not in house.recorder.messages[1].body


async def test_a_restart_on_a_bad_file_runs_on_the_accepted_one_and_says_so(house: House) -> None:
    name = house.simulator.binance.accounts[0].name
    house.write(FLOOR, venues=("binance",))
    async with house.daemon():
        await house.judged()
    house.rules_file.write_text(house.rules_file.read_text().replace("below = 1000", 'belw = "x"'))
    house.simulator.binance.set_balance(name, "USDT", free="3")
    async with house.daemon():
        await house.recorder.until(lambda r: bool(r.blocks("floor", name)))
        await house.recorder.until(lambda r: bool(r.blocks("subtally/rules-file")))
    assert house.recorder.blocks("subtally/rules-file", "rules.toml:", "belw")


async def test_messages_refused_while_running_arrive_after_a_restart_under_the_same_id(house: House) -> None:
    name = house.simulator.binance.accounts[0].name
    house.write(FLOOR, venues=("binance",))
    house.recorder.answers = [500] * 1
    async with house.daemon():
        await house.judged()
        house.simulator.binance.set_balance(name, "USDT", free="3")
        await house.recorder.until(lambda r: not r.answers)
    assert house.recorder.messages == []
    async with house.daemon():
        await house.recorder.until(lambda r: bool(r.messages))
    assert len(house.recorder.blocks("floor", name)) == 1

"""A reload swaps what changed and leaves the rest alone; a bad file changes nothing (law 10)."""

from __future__ import annotations

import asyncio
import json

import pytest

from daemon.poll import Poller
from daemon.snapshots import snapshot
from daemon.vitals import status_line
from tests.e2e.house import House
from tests.e2e.test_process import ended, subtally

FLOOR = """
[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
below = 1000
"""
SECOND = '[[rule]]\nname = "second"\ntype = "high_balance"\nasset = "USDT"\nabove = 0\nconfirm = 1\n'


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


async def test_an_edited_file_is_taken_up_by_itself_and_what_changed_is_on_record(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.running.LOOK_SECONDS", 0.05)
    monkeypatch.setattr("daemon.watch.QUIET_SECONDS", 0.02)
    house.write(FLOOR, venues=("binance",))
    async with house.daemon() as app:
        await house.judged()
        house.write(
            FLOOR.replace("1000", "2000") + SECOND, venues=("binance", "bitget"), daemon='repeat_every = "1h"'
        )
        await house.recorder.until(lambda r: bool(r.blocks("second", "@desk.example")))
        assert app.last_edit is not None
        assert app.last_edit.changed == "daemon changed, 1 rule changed, 1 exchange added, 1 rule added"
        assert "taken up at" in status_line(await snapshot(app), app.last_edit)
    async with subtally(house.folder, "history", "--json") as process:
        _, out, _ = await ended(process)
    assert [one["changed"] for one in json.loads(out) if one["event"] == "rules"] == [
        'daemon changed: repeat_every; rule "floor" changed: below; exchange "bitget-main" added; rule "second" added'
    ]


async def test_an_edit_while_it_was_stopped_is_on_record_too(house: House) -> None:
    house.write(FLOOR, venues=("binance",))
    async with house.daemon() as app:
        assert app.last_edit is None
    house.write(SECOND, venues=("binance",))
    async with house.daemon() as app:
        assert app.last_edit is not None
        assert app.last_edit.changed == "1 rule removed, 1 rule added"


async def test_law_10_a_bad_edit_is_told_once_and_a_mended_one_taken_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.running.LOOK_SECONDS", 0.05)
    monkeypatch.setattr("daemon.watch.QUIET_SECONDS", 0.02)
    house.write(FLOOR, venues=("binance",))
    async with house.daemon() as app:
        await house.judged()
        house.write(FLOOR.replace("below", "belw"), venues=("binance",))
        await house.recorder.until(lambda r: bool(r.blocks("subtally/rules-file", "rules.toml:")))
        assert "belw" in app.reload_fault
        assert app.last_edit is None
        house.write(FLOOR.replace("1000", "2000"), venues=("binance",))
        await house.recorder.until(lambda r: bool(r.blocks("RESOLVED", "subtally/rules-file")))
        assert app.reload_fault == ""
    assert len(house.recorder.blocks("subtally/rules-file", "belw")) <= 2


async def test_what_did_not_change_is_not_disturbed(house: House) -> None:
    """The sweep of an exchange goes on, a `for` under way goes on, and a notifier keeps its counts."""
    slow = FLOOR + 'for = "5s"\nconfirm = 1\n'
    house.write(slow, venues=("binance",))
    name = house.simulator.binance.accounts[0].name
    house.simulator.binance.set_balance(name, "USDT", free="500")
    async with house.daemon() as app:
        await house.until(lambda app: any(one.state == "pending" for one in app.engine.world.alerts.values()))
        (pending,) = app.engine.world.alerts.values()
        poller, lane = app.pollers["binance-main"], app.lanes["told"]
        for below in ("2", "3", "4"):
            house.write(slow + SECOND.replace("above = 0", f"above = {below}"), venues=("binance",))
            assert await app.reload()
        assert (app.pollers["binance-main"], app.lanes["told"]) == (poller, lane)
        kept = app.engine.world.alerts[pending.key]
        assert (kept.id, kept.state, kept.since_ms) == (pending.id, "pending", pending.since_ms)
        assert kept.held_ms >= pending.held_ms
        await house.recorder.until(lambda r: bool(r.blocks("floor", name)))
        fired = app.engine.world.alerts[pending.key]
        assert (fired.id, fired.since_ms) == (pending.id, pending.since_ms)


async def test_law_11_an_edit_of_an_exchange_spends_nothing_twice(house: House) -> None:
    house.write(FLOOR, venues=("binance",))
    async with house.daemon() as app:
        await house.polls(3, count=3)
        before = app.pollers["binance-main"].venue
        await asyncio.sleep(1.1)  # the record of what was spent is kept every second
        spent = [one.used for one in before.usage()]
        for pattern in ("!none", "!neither"):
            house.extra["binance"] = f'accounts = ["*", "{pattern}"]\n'
            house.write(FLOOR, venues=("binance",))
            assert await app.reload()
        after = app.pollers["binance-main"].venue
        assert after is not before
        now = [one.used for one in after.usage()]
        assert all(was <= used <= was + 6 for was, used in zip(spent, now, strict=True)), (spent, now)
        assert max(spent) >= 9
        await house.polls(3)
    assert house.refusals() == {}


async def test_an_exchange_may_be_changed_while_it_is_still_being_opened(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, opened, gate = Poller.start, list[Poller](), asyncio.Event()

    async def start(poller: Poller) -> None:
        opened.append(poller)
        if len(opened) == 1:
            await gate.wait()
        else:
            await begin(poller)

    monkeypatch.setattr(Poller, "start", start)
    house.write(FLOOR, venues=("binance",))
    async with house.daemon() as app:
        house.extra["binance"] = "budget = 0.7"
        house.write(FLOOR, venues=("binance",))
        assert await app.reload()
        second = app.pollers["binance-main"]
        await house.until(lambda _: second.counters.reads > 0)
        gate.set()
        # Its jobs stay its own: beyond the first sweep it is the dispatcher that reads.
        await house.until(lambda _: second.counters.reads > 5 * len(second.tasks()))
        assert opened[-1] is second


async def test_a_secret_that_was_exchanged_under_its_name_is_taken_up_by_a_reload(house: House) -> None:
    house.write(FLOOR, venues=("binance", "okx"))
    name = house.simulator.binance.accounts[0].name
    async with house.daemon() as app:
        await house.judged()
        old, kept, lane = app.pollers["okx-main"], app.pollers["binance-main"], app.lanes["told"]
        (house.folder / "okx.api_secret").write_text("another-secret")
        assert await app.reload()
        assert app.pollers["binance-main"] is kept
        assert app.lanes["told"] is lane
        assert app.pollers["okx-main"] is not old
        await house.until(lambda app: bool(app.engine.world.exchanges["okx-main"].stopped))
        (house.folder / "told.url").write_text(f"{house.recorder.url}?+X-New=1")
        assert await app.reload()
        assert app.lanes["told"] is not lane
        house.simulator.binance.set_balance(name, "USDT", free="5")
        await house.recorder.until(lambda r: bool(r.blocks("floor", name)))


@pytest.mark.parametrize("bad", ["-----BEGIN PRIVATE KEY-----\nbm9uc2Vuc2U=\n-----END PRIVATE KEY-----\n"])
async def test_law_10_a_key_that_cannot_be_one_changes_nothing(house: House, bad: str) -> None:
    house.write(FLOOR, venues=("binance",))
    async with house.daemon() as app:
        await house.judged()
        kept, before = app.pollers["binance-main"], app.config
        house.write(FLOOR, venues=("binance", "okx"))
        text = house.rules_file.read_text().replace('"binance.api_secret"', '"bad.pem"')
        house.rules_file.write_text(text)
        (house.folder / "bad.pem").write_text(bad)
        assert not await app.reload()
        assert app.pollers == {"binance-main": kept}
        assert app.config is before
        assert 'exchange "binance-main"' in app.reload_fault

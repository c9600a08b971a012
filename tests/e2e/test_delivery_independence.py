"""Law 8 in the whole daemon: what one notifier does delays no other."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from daemon import backoff, deliver
from tests.e2e.house import House, recording
from tests.unit.notifiers_recorder import recording as threaded

FLOOR = '[[rule]]\nname = "floor"\ntype = "low_balance"\nasset = "USDT"\nbelow = 1000\n'
TELEGRAM = '[[notifier]]\nname = "telegram"\nurl = { file = "telegram.url" }\n'
AT_ONCE_SECONDS = 2.0


async def told_of(house: House, name: str) -> float:
    """How long the house's own notifier takes from the commit to the message."""
    committed = asyncio.get_running_loop().create_future()
    app = house.app
    assert app is not None

    def hear(batch: list[object]) -> None:
        if not committed.done() and any(entry.outcome.notifications for entry in batch):  # type: ignore[attr-defined]
            committed.set_result(time.monotonic())

    app.engine.on_commit.append(hear)
    house.simulator.binance.set_balance(name, "USDT", free="500")
    await house.recorder.until(lambda r: bool(r.blocks("floor", name)))
    return time.monotonic() - await committed


async def test_telegram_failing_ten_times_costs_slack_nothing_and_each_gets_exactly_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "FIRST_BACKOFF_MS", 1)
    monkeypatch.setattr(backoff, "LONGEST_BACKOFF_MS", 20)
    monkeypatch.setattr(deliver, "IDLE_SECONDS", 0.02)
    async with recording() as telegram:
        house.write(TELEGRAM + FLOOR, venues=("binance",), daemon="")
        (house.folder / "telegram.url").write_text(telegram.url)
        first, second, *_ = (account.name for account in house.simulator.binance.accounts)
        async with house.daemon() as app:
            await house.judged()
            alone = await told_of(house, first)
            await telegram.until(lambda r: bool(r.messages))
            telegram.answers = [500] * 10
            beside = await told_of(house, second)
            assert len(telegram.messages) == 1, "telegram is still failing"
            await telegram.until(lambda r: len(r.messages) == 2)
            await app.engine.settled()
            assert app.lanes["telegram"].counters.failed == 10
        assert [len(house.recorder.blocks("floor", name)) for name in (first, second)] == [1, 1]
        assert [len(telegram.blocks("floor", name)) for name in (first, second)] == [1, 1]
        assert len(telegram.messages) == len(house.recorder.messages) == 2
    assert alone < AT_ONCE_SECONDS
    assert beside < AT_ONCE_SECONDS + 1.0, "with a second of gathering, for it is the second message"


async def test_a_hanging_telegram_does_not_delay_slack(house: House) -> None:
    with threaded() as telegram:
        telegram.hold = threading.Event()
        house.write(TELEGRAM + FLOOR, venues=("binance",))
        (house.folder / "telegram.url").write_text(telegram.url())
        first, second, *_ = (account.name for account in house.simulator.binance.accounts)
        async with house.daemon() as app:
            await house.judged()
            assert await told_of(house, first) < AT_ONCE_SECONDS
            assert await asyncio.to_thread(telegram.arrived.wait, 30)
            assert await told_of(house, second) < AT_ONCE_SECONDS + 1.0
            assert app.lanes["telegram"].counters.delivered == 0
            telegram.hold.set()
    assert len(house.recorder.messages) == 2

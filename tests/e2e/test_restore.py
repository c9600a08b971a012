"""The restore drill: a damaged state is refused with the way back, and following it word for word is enough."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from daemon.errors import CommandError
from state.backup import back_up_beside
from state.errors import StateError
from tests.e2e.house import House

FLOOR = '[[rule]]\nname = "floor"\ntype = "high_balance"\nasset = "USDT"\nabove = 0\nconfirm = 1\n'


def lose_pages(path: Path) -> None:
    """All but the first page, as a failing disk may."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))


async def test_a_damaged_state_is_restored_by_the_commands_that_it_names(house: House) -> None:
    house.write(FLOOR, venues=("binance",))
    async with house.daemon() as app:
        await house.recorder.until(lambda recorder: bool(recorder.blocks("floor")))
        async with asyncio.timeout(30):
            while any(  # noqa: ASYNC110  the outcome is written by a lane that tells nobody
                one.queued + one.claimed for one in (await app.store.counts()).values()
            ):
                await asyncio.sleep(0.01)
        path = app.store.path
        back_up_beside(path)  # while it runs
        alerts = {alert.id for alert in app.engine.world.alerts.values()}
    lose_pages(path)
    with pytest.raises((CommandError, StateError)) as caught:
        async with house.daemon():
            pass
    told = str(caught.value)
    assert "Traceback" not in told
    way = re.search(r"stop the daemon; (mv .+); start the daemon", told)
    assert way, told
    shell = await asyncio.create_subprocess_exec("/bin/sh", "-ec", way[1])
    assert await shell.wait() == 0
    messages = len(house.recorder.messages)
    async with house.daemon() as app:
        assert {alert.id for alert in app.engine.world.alerts.values()} == alerts
        await house.until(lambda app: all(poller.counters.reads for poller in app.pollers.values()))
    assert [told for told in house.recorder.messages[messages:] if "floor" in told.body] == []
    assert path.with_name(path.name + ".damaged").exists()

"""Law 14 where the wall clock is set: a real daemon under a clock that jumps neither falls silent nor cries wolf."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.e2e.house import House
from tests.e2e.test_process import subtally

HOUR = 3600
RULES = """
[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
below = 1000
confirm = 1
[[rule]]
name = "low for a while"
type = "low_balance"
asset = "USDT"
below = 1000
for = "3s"
"""


@pytest.fixture
def library() -> Path:
    """What gives a process another wall clock, and leaves the monotonic one alone."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.skip("no libfaketime here: apt-get install faketime")
    return found[0]


@pytest.mark.parametrize("steps", [(-2 * HOUR, 0), (400 * 24 * HOUR, 0)])
async def test_law_14_a_clock_that_is_set_neither_stops_the_watch_nor_counts_as_silence(
    house: House, library: Path, steps: tuple[int, ...]
) -> None:
    house.write(RULES, venues=("binance",), daemon='stale_after = "30s"')
    clock = house.folder / "clock"
    clock.write_text("+0\n")
    names = [account.name for account in house.simulator.binance.accounts]
    async with subtally(
        house.folder,
        "run",
        LD_PRELOAD=str(library),
        FAKETIME_TIMESTAMP_FILE=str(clock),
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
        DONT_FAKE_MONOTONIC="1",
    ):
        house.simulator.binance.set_balance(names[0], "USDT", free="1")
        await house.recorder.until(lambda r: bool(r.blocks("low for a while", names[0])))
        for step, name in zip(steps, names[1:], strict=False):
            clock.write_text(f"{step:+d}\n")
            await asyncio.sleep(3)
            house.simulator.binance.set_balance(name, "USDT", free="1")
            await house.recorder.until(lambda r, name=name: bool(r.blocks("floor", name)), 20)
            await house.recorder.until(lambda r, name=name: bool(r.blocks("low for a while", name)), 20)
    told = house.recorder.text
    assert "is not answering" not in told
    assert "cannot be read" not in told
    assert "RESOLVED" not in told

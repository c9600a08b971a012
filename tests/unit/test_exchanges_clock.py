"""The venue's clock is learned from the middle of a round trip, once for all who need it."""

import asyncio

import pytest

from daemon.exchanges.clock import SAMPLES_MOST, VenueClock


class Machine:
    def __init__(self, offset_ms: int, *trips_ms: int) -> None:
        self.now = 1_000_000
        self.offset_ms = offset_ms
        self.trips_ms = list(trips_ms)
        self.asked = 0

    def now_ms(self) -> int:
        return self.now

    async def ask(self) -> tuple[int, int, int]:
        self.asked += 1
        trip = self.trips_ms.pop(0) if self.trips_ms else 100
        began = self.now
        venue = began + trip // 2 + self.offset_ms
        self.now += trip
        await asyncio.sleep(0)
        return venue, began, self.now


@pytest.mark.parametrize("offset_ms", [-40_000, 0, 40_000])
async def test_the_offset_is_exact_where_both_ways_take_as_long(offset_ms: int) -> None:
    machine = Machine(offset_ms, 800)
    clock = VenueClock(machine.now_ms, machine.ask)
    await clock.known()
    assert clock.offset_ms == offset_ms
    assert clock.venue_ms() == machine.now + offset_ms


async def test_a_slow_sample_is_taken_again_and_the_fastest_counts() -> None:
    machine = Machine(5, 4000, 2000, 3000)
    clock = VenueClock(machine.now_ms, machine.ask)
    await clock.known()
    assert machine.asked == SAMPLES_MOST
    assert clock.offset_ms == 5


async def test_a_hundred_refused_calls_ask_once() -> None:
    machine = Machine(0)
    clock = VenueClock(machine.now_ms, machine.ask)
    await asyncio.gather(*(clock.known() for _ in range(100)))
    assert machine.asked == 1
    machine.offset_ms = 9_000
    await asyncio.gather(*(clock.relearn(1) for _ in range(100)))
    assert (machine.asked, clock.offset_ms, clock.generation) == (2, 9_000, 2)

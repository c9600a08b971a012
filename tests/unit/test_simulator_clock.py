"""The clock that tests move."""

import asyncio

from daemon.simulator import ManualClock, SystemClock


async def test_sleepers_wake_in_the_order_of_their_deadlines() -> None:
    clock, woken = ManualClock(0), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.create_task(sleeper(seconds)) for seconds in (3, 1, 2)]
    await asyncio.sleep(0)
    assert clock.sleepers == 3
    clock.advance(2)
    await asyncio.gather(tasks[1], tasks[2])
    assert (woken, clock.sleepers, clock.now_ms()) == ([1, 2], 1, 2000)
    clock.advance(1)
    await tasks[0]
    await clock.sleep(0)


async def test_a_cancelled_sleeper_harms_nobody() -> None:
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    clock.advance(2)
    assert clock.sleepers == 0


async def test_the_system_clock_goes_forward() -> None:
    clock = SystemClock()
    before_ns, before_ms = clock.monotonic_ns(), clock.now_ms()
    await clock.sleep(0)
    assert clock.monotonic_ns() >= before_ns
    assert clock.now_ms() >= before_ms

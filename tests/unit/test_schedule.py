"""The clockwork: jobs in step share their moments, whenever they were asked for."""

from __future__ import annotations

import asyncio

from daemon.schedule import Schedule


async def test_jobs_in_step_wake_the_loop_once() -> None:
    schedule = Schedule()
    ran: dict[str, list[float]] = {"first": [], "second": []}
    begun, both = asyncio.Event(), asyncio.Event()

    def job(name: str) -> None:
        async def run() -> None:
            ran[name].append(asyncio.get_running_loop().time())
            begun.set()
            if all(len(times) >= 3 for times in ran.values()):
                both.set()

        schedule.every(name, 0.2, run, in_step=True)

    job("first")
    schedule.start()
    await asyncio.wait_for(begun.wait(), 10)
    job("second")  # at another time
    await asyncio.wait_for(both.wait(), 10)
    await schedule.drain(1)
    apart = [min(abs(at - other) for other in ran["first"]) for at in ran["second"]]
    assert sum(one < 0.02 for one in apart) >= 2

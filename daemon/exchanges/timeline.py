"""The clock that pools and gates run by: monotonic, and a test's own where it is to be moved by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from daemon.exchanges.gates import Gate


class Timer(Protocol):
    """What is left of a call that was asked for."""

    def cancel(self) -> None: ...


class Timeline(Protocol):
    """Monotonic seconds and calls at a time: the running loop, or a test's own."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer: ...


class LoopTimeline:
    """The event loop's own clock, readable before the loop runs."""

    time = staticmethod(time.monotonic)  # asked for several times in each call

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        return asyncio.get_running_loop().call_at(when, callback)


async def opened(gate: Gate, timeline: Timeline) -> None:
    """Wait until a gate is open."""
    while (until := gate.until) > timeline.time():
        due: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = timeline.call_at(until, lambda due=due: due.done() or due.set_result(None))  # type: ignore[misc]
        try:
            await due
        finally:
            timer.cancel()

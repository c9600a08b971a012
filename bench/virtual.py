"""An event loop whose clock jumps to whatever is waited for: hours of pacing in seconds of CPU."""

from __future__ import annotations

import asyncio
import selectors


class _Jump(selectors.SelectSelector):
    """Never waits: the time that a real one would have waited for is added to its clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("everybody waits for something that has no time")
            self.now += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """All of asyncio but the waiting; `time` and `call_at` make it a Timeline of the clients, too."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now

    def now_ms(self) -> int:
        """Wall time of this loop, as the engine's clock and the simulator's tell it."""
        return 1_700_000_000_000 + int(self._jump.now * 1000)

    def monotonic_ns(self) -> int:
        """As the simulator's limits count."""
        return round(self._jump.now * 1_000_000_000)

    async def sleep(self, seconds: float) -> None:
        """As the simulator waits."""
        await asyncio.sleep(seconds)

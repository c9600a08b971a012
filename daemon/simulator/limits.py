"""The venues' rate limits, counted as strictly as a venue may count them.

None of the three says which kind of window it uses, so all three kinds exist here and a client has to satisfy
each: `fixed` (a count that starts again at every boundary), `sliding` (the last window at any instant) and
`bucket` (a burst, then a steady refill). All arithmetic is in whole nanoseconds.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from daemon.simulator.clock import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND, Clock

__all__ = ["Block", "Limit", "Limiter", "Usage", "WindowStyle"]

WindowStyle = Literal["fixed", "sliding", "bucket"]


@dataclass(frozen=True, slots=True)
class Limit:
    """`amount` units per `window_seconds`; one call costs `cost` of them."""

    amount: int
    window_seconds: int
    cost: int = 1

    def scaled(self, factor: float) -> "Limit":
        return Limit(max(self.cost, int(self.amount * factor)), self.window_seconds, self.cost)


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call found: whether it passed, the units used after it, and when trying again would help."""

    allowed: bool
    used: int
    remaining: int
    wait_ns: int = 0

    @property
    def retry_after_seconds(self) -> int:
        """Whole seconds, rounded up, at least one: the form of the Retry-After header."""
        return max(1, -(-self.wait_ns // NANOSECONDS_PER_SECOND))


class Meter(Protocol):
    def take(self, now_ns: int) -> Usage:
        """Count one call at `now_ns`."""


class FixedMeter:
    def __init__(self, limit: Limit, *, count_refused: bool) -> None:
        self._limit = limit
        self._count_refused = count_refused
        self._window_ns = limit.window_seconds * NANOSECONDS_PER_SECOND
        self._window = -1
        self._used = 0

    def take(self, now_ns: int) -> Usage:
        window = now_ns // self._window_ns
        if window != self._window:
            self._window, self._used = window, 0
        allowed = self._used + self._limit.cost <= self._limit.amount
        if allowed or self._count_refused:
            self._used += self._limit.cost
        remaining = max(0, self._limit.amount - self._used)
        return Usage(allowed, self._used, remaining, (window + 1) * self._window_ns - now_ns)


class SlidingMeter:
    def __init__(self, limit: Limit, *, count_refused: bool) -> None:
        self._limit = limit
        self._count_refused = count_refused
        self._window_ns = limit.window_seconds * NANOSECONDS_PER_SECOND
        self._counted_ns: deque[int] = deque()

    def take(self, now_ns: int) -> Usage:
        counted, cost = self._counted_ns, self._limit.cost
        while counted and counted[0] + self._window_ns <= now_ns:
            counted.popleft()
        allowed = (len(counted) + 1) * cost <= self._limit.amount
        if allowed or self._count_refused:
            counted.append(now_ns)
        used = len(counted) * cost
        return Usage(allowed, used, max(0, self._limit.amount - used), self._wait_ns(now_ns))

    def _wait_ns(self, now_ns: int) -> int:
        """Until so many calls have left the window that one more fits."""
        surplus = len(self._counted_ns) - self._limit.amount // self._limit.cost
        if surplus < 0:
            return 0
        return self._counted_ns[surplus] + self._window_ns - now_ns


class BucketMeter:
    """Tokens are kept times the window's nanoseconds, so that the refill per nanosecond is a whole number."""

    def __init__(self, limit: Limit, *, count_refused: bool) -> None:
        self._limit = limit
        self._count_refused = count_refused
        self._window_ns = limit.window_seconds * NANOSECONDS_PER_SECOND
        self._full = limit.amount * self._window_ns
        self._level = self._full
        self._filled_ns: int | None = None

    def take(self, now_ns: int) -> Usage:
        elapsed_ns = 0 if self._filled_ns is None else max(0, now_ns - self._filled_ns)
        self._filled_ns = now_ns
        self._level = min(self._full, self._level + elapsed_ns * self._limit.amount)
        price = self._limit.cost * self._window_ns
        allowed = self._level >= price
        if allowed or self._count_refused:
            self._level = max(-self._full, self._level - price)
        used = -(-(self._full - self._level) // self._window_ns)
        wait_ns = max(0, -(-(price - self._level) // self._limit.amount))
        return Usage(allowed, used, max(0, self._limit.amount - used), wait_ns)


METERS: dict[str, Callable[..., Meter]] = {
    "fixed": FixedMeter,
    "sliding": SlidingMeter,
    "bucket": BucketMeter,
}


class Limiter:
    """One meter per pool: an endpoint, as all three venues count, or a shared one under a name of its own."""

    def __init__(self, clock: Clock, style: WindowStyle, factor: float, *, count_refused: bool) -> None:
        if style not in METERS:
            raise ValueError(f"no window style {style!r}: {', '.join(METERS)}")
        self._clock = clock
        self._style = style
        self._factor = factor
        self._count_refused = count_refused
        self._meters: dict[str, tuple[Limit, Meter]] = {}

    def take(self, pool: str, limit: Limit) -> Usage:
        """Count one call against `pool`. A changed limit starts a new count."""
        known = self._meters.get(pool)
        if known is None or known[0] != limit:
            meter: Meter = METERS[self._style](limit.scaled(self._factor), count_refused=self._count_refused)
            known = self._meters[pool] = (limit, meter)
        return known[1].take(self._clock.monotonic_ns())

    def forget(self) -> None:
        """Start every count again, as if a window had passed."""
        self._meters.clear()


class Block:
    """A refusal of everything until an instant: Binance's ban, Bitget's five minutes, a scripted one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until_ns = 0

    def start(self, seconds: int) -> None:
        self._until_ns = self._clock.monotonic_ns() + seconds * NANOSECONDS_PER_SECOND

    def end(self) -> None:
        self._until_ns = 0

    @property
    def remaining_ms(self) -> int:
        """0 when nothing is blocked."""
        remaining_ns = max(0, self._until_ns - self._clock.monotonic_ns())
        return -(-remaining_ns // NANOSECONDS_PER_MILLISECOND)

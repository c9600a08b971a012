"""Times on a page: how long ago in words, the time itself for who wants it exactly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from notifiers.times import duration, moment, zone

__all__ = ["Clock", "Moment"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_128_000_000
"""A day before the last that a datetime can hold: a ban until the year 30000 must not break the page."""


@dataclass(frozen=True, slots=True)
class Moment:
    """`words` as "12s ago" or "in 3m", `exact` with its zone, `iso` for machines."""

    words: str
    exact: str
    iso: str


@dataclass(frozen=True, slots=True)
class Clock:
    """The time that a page is of, and the zone of its reader."""

    now_ms: int
    timezone: str

    def at(self, at_ms: int | None) -> Moment | None:
        """The moment in words and figures; None where there was none."""
        if at_ms is None:
            return None
        bounded_ms = min(max(at_ms, 0), _LAST_MS)
        length_ms = self.now_ms - bounded_ms
        words = f"{duration(length_ms)} ago" if length_ms >= 0 else f"in {duration(-length_ms)}"
        exact = moment(bounded_ms, self.now_ms, zone(self.timezone))
        iso = (_EPOCH + timedelta(milliseconds=bounded_ms)).isoformat(timespec="milliseconds")
        return Moment(words, exact, iso)

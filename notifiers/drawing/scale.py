"""The scales of a chart: which figures and which times stand beside it, and where a figure lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, Context, Decimal, localcontext
from typing import Final

from notifiers.figures import figure

__all__ = ["FIRST_MS", "LAST_MS", "Axis", "axis_of", "day_of", "time_marks"]

_PLACES: Final = Context(prec=80, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
"""Of places on the sheet: figures themselves are told in full, as text."""

_MARKS_MOST: Final = 5
_TIMES_MOST: Final = 7
_WORDS_MOST: Final = 9
_ROOM: Final = Decimal("0.08")
_FACTORS: Final = (1, 2, 5, 10)
_UNITS: Final = (("B", Decimal(10**9)), ("M", Decimal(10**6)), ("k", Decimal(10**3)))

_SECOND_MS: Final = 1000
_MINUTE_MS: Final = 60 * _SECOND_MS
_DAY_MS: Final = 24 * 60 * _MINUTE_MS
_TIME_STEPS: Final = (
    *(seconds * _SECOND_MS for seconds in (1, 5, 10, 30)),
    *(minutes * _MINUTE_MS for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)),
    *(days * _DAY_MS for days in (1, 2, 7, 14, 30, 90, 365, 3650, 36_500)),
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MS: Final = _DAY_MS
LAST_MS: Final = 253_402_128_000_000
"""A day before the last that a datetime can hold, so that every zone can tell it."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Figures from `low` at the pixel `bottom` to `high` at `top`; `marks` are round ones with their words."""

    low: Decimal
    high: Decimal
    top: int
    bottom: int
    marks: tuple[tuple[Decimal, str], ...]

    def y(self, value: Decimal) -> int:
        """The pixel of a figure, within the axis."""
        with localcontext(_PLACES):
            share = (self.high - value) / (self.high - self.low)
            place = self.top + int(share * (self.bottom - self.top))
        return min(max(place, self.top), self.bottom)


def axis_of(values: Sequence[Decimal], top: int, bottom: int) -> Axis:
    """An axis that holds all of `values`, with some room; it begins at zero where that is near."""
    with localcontext(_PLACES):
        low, high = min(values), max(values)
        room = (high - low) * _ROOM or abs(high) * _ROOM or Decimal(1)
        floor = low - room
        if low >= 0 and (floor < 0 or low <= (high - low) / 2):
            floor = Decimal(0)
        ceiling = high + room
        return Axis(floor, ceiling, top, bottom, tuple(_marks(floor, ceiling)))


def _marks(low: Decimal, high: Decimal) -> list[tuple[Decimal, str]]:
    """A few round figures between; none where their words would be too long to be of use."""
    span = high - low
    unit = Decimal(1).scaleb((span / _MARKS_MOST).adjusted())
    step = next(unit * factor for factor in _FACTORS if span / (unit * factor) <= _MARKS_MOST)
    first = (low / step).to_integral_value(ROUND_CEILING)
    found = []
    for number in range(_MARKS_MOST + 1):
        value = (first + number) * step
        if value > high:
            break
        words = _short(value)
        if len(words) <= _WORDS_MOST:
            found.append((value, words))
    return found


def _short(value: Decimal) -> str:
    """`1.5M`, `20k`: exact, because only round figures stand beside a scale."""
    for name, size in _UNITS:
        if abs(value) >= size:
            return figure(format(value / size, "f")) + name
    return figure(format(value, "f"))


def time_marks(start_ms: int, end_ms: int, where: tzinfo) -> list[tuple[int, str]]:
    """Round times of the reader's clock between, at midnight with the day."""
    start_ms, end_ms = max(start_ms, 0), min(end_ms, LAST_MS)
    if end_ms <= start_ms:
        return []
    span_ms = end_ms - start_ms
    step_ms = next((one for one in _TIME_STEPS if span_ms <= one * _TIMES_MOST), _TIME_STEPS[-1])
    offset_ms = _offset_ms(end_ms, where)
    found: list[tuple[int, str]] = []
    at_ms = start_ms + (-(start_ms + offset_ms)) % step_ms
    while at_ms <= end_ms and len(found) <= _TIMES_MOST:
        found.append((at_ms, _clock(at_ms, step_ms, where)))
        at_ms += step_ms
    return found


def day_of(at_ms: int, where: tzinfo) -> str:
    """`2026-11-20 UTC`: the day, and the zone of all times."""
    at = _at(at_ms, where)
    name = at.tzname() or "UTC"
    return f"{at:%Y-%m-%d} {name if name[:1].isalpha() else 'UTC' + name}"


def _clock(at_ms: int, step_ms: int, where: tzinfo) -> str:
    at = _at(at_ms, where)
    if step_ms >= _DAY_MS * 90:
        return at.strftime("%b %Y")
    if step_ms >= _DAY_MS or (at.hour, at.minute, at.second) == (0, 0, 0):
        return f"{at.day} {at.strftime('%b')}"
    return at.strftime("%H:%M:%S" if step_ms < _MINUTE_MS else "%H:%M")


def _offset_ms(at_ms: int, where: tzinfo) -> int:
    offset = _at(at_ms, where).utcoffset() or timedelta()
    return round(offset.total_seconds()) * _SECOND_MS


def _at(at_ms: int, where: tzinfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=min(max(at_ms, FIRST_MS), LAST_MS))).astimezone(where)

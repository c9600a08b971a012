"""The chart of one figure: its course as steps, its limits, what happened, and the exact figures in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Final

from notifiers.drawing.canvas import Canvas, Ink, text_width
from notifiers.drawing.scale import FIRST_MS, LAST_MS, Axis, axis_of, day_of, time_marks
from notifiers.figures import figure
from notifiers.text import clean, clip
from notifiers.times import moment

__all__ = ["HEIGHT", "WIDTH", "Chart", "Event", "Limit", "draw"]

WIDTH: Final = 800
HEIGHT: Final = 450
EVENTS_MOST: Final = 40
POINTS_MOST: Final = 20_000

_LEFT: Final = 24
_RIGHT: Final = WIDTH - 24
_TOP: Final = 126
_BOTTOM: Final = 330
_SMALL: Final = 14
_SIZES: Final = (26, 22, 18, 15, 12, 10)
_FOOT: Final = 384
_LEADING: Final = 30
_LABEL_UNITS: Final = 48
_BY_NAME: Final = {"critical": Ink.CRITICAL, "warning": Ink.WARNING, "info": Ink.INFO, "good": Ink.GOOD}

Point = tuple[int, Decimal | None]
Step = tuple[int, int, Decimal]
"""From when to when it was which figure."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A level line. `ink` is a severity, or "good" for the level at which the alert ends."""

    value: Decimal
    words: str
    ink: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: `words` as "firing", `ink` as for a limit."""

    at_ms: int
    words: str
    ink: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What is to be drawn, from `start_ms` to `end_ms`.

    Each point stands from its time to the next one's; None is not known. `gaps` are times without a reading. `who` is
    the account, `what` the asset and field, `says` the figure and its limit in words.
    """

    points: tuple[Point, ...]
    start_ms: int
    end_ms: int
    who: str = ""
    what: str = ""
    says: str = ""
    says_ink: str = "critical"
    limits: tuple[Limit, ...] = ()
    events: tuple[Event, ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()
    where: tzinfo = UTC


def draw(chart: Chart) -> bytes | None:
    """The chart as a PNG of WIDTH × HEIGHT; None where nothing is known in its time."""
    chart = replace(chart, start_ms=_told(chart.start_ms), end_ms=_told(chart.end_ms))
    steps = _steps(chart)
    if not steps:
        return None
    values = [value for _, _, value in steps]
    axis = axis_of([*values, *(limit.value for limit in chart.limits if _fits(limit.value))], _TOP, _BOTTOM)
    left = _LEFT + max((text_width(words, _SMALL) for _, words in axis.marks), default=0) + 10
    sheet = _Sheet(Canvas(WIDTH, HEIGHT), chart, axis, left)
    sheet.head()
    sheet.paper()
    sheet.course(steps)
    sheet.limits(steps)
    sheet.events(steps)
    sheet.foot(values)
    return sheet.canvas.png()


class _Sheet:
    """The parts of one chart, each drawn in its place."""

    def __init__(self, canvas: Canvas, chart: Chart, axis: Axis, left: int) -> None:
        self.canvas = canvas
        self._chart = chart
        self._axis = axis
        self._left = left
        self._span_ms = max(1, chart.end_ms - chart.start_ms)

    def head(self) -> None:
        """Who, what, and the figure that is told: as large as it fits, whole or not at all."""
        chart, ink = self._chart, _BY_NAME.get(self._chart.says_ink, Ink.TEXT)
        day = day_of(chart.end_ms, chart.where)
        begin = _RIGHT - text_width(day, _SMALL)
        self.canvas.text(begin, 25, day, _SMALL, Ink.MUTED)
        self._fitting(_LEFT, 22, clip(clean(chart.who), _LABEL_UNITS), 17, Ink.MUTED, begin - 20)
        end = self._fitting(_LEFT, 56, clean(chart.what), _SIZES[0], Ink.TEXT, _RIGHT - 240)
        begin, says = end + 18 if end > _LEFT else _LEFT, clean(chart.says)
        if self._fitting(begin, 56, says, _SIZES[0], ink) == begin:
            self._fitting(begin, 56, says.partition(" ")[0], _SIZES[0], ink)

    def paper(self) -> None:
        """Gaps, the lines of the scale and their figures, times and their zone."""
        chart = self._chart
        for start_ms, end_ms in chart.gaps:
            if end_ms > chart.start_ms and start_ms < chart.end_ms:
                self._gap(self._x(start_ms), self._x(end_ms))
        for value, words in self._axis.marks:
            y = self._axis.y(value)
            self.canvas.box(self._left, y, _RIGHT, y + 1, Ink.GRID)
            self.canvas.text(
                self._left - 10 - text_width(words, _SMALL), y - _SMALL // 2, words, _SMALL, Ink.MUTED
            )
        self.canvas.box(self._left, _BOTTOM, _RIGHT, _BOTTOM + 2, Ink.MUTED)
        free = self._left
        for at_ms, words in time_marks(chart.start_ms, chart.end_ms, chart.where):
            x, width = self._x(at_ms), text_width(words, _SMALL)
            begin = min(max(x - width // 2, self._left), _RIGHT - width)
            self.canvas.box(x, _BOTTOM, x + 2, _BOTTOM + 7, Ink.MUTED)
            if begin >= free:
                self.canvas.text(begin, _BOTTOM + 14, words, _SMALL, Ink.MUTED)
                free = begin + width + 14

    def _gap(self, left: int, right: int) -> None:
        self.canvas.box(left, _TOP, max(right, left + 2), _BOTTOM, Ink.GAP)
        words = "not read"
        if right - left > text_width(words, _SMALL) + 12:
            middle = (left + right - text_width(words, _SMALL)) // 2
            self._label(middle, _BOTTOM - 26, words, Ink.MUTED)

    def course(self, steps: Sequence[Step]) -> None:
        """The line, over a wash down to the bottom."""
        last: tuple[int, int] | None = None
        for start_ms, end_ms, value in steps:
            left, right, y = self._x(start_ms), self._x(end_ms), self._axis.y(value)
            for unread_left, unread_right in self._read_parts(left, right):
                self.canvas.box(unread_left, y + 2, unread_right, _BOTTOM, Ink.WASH)
            self.canvas.box(left, y - 1, max(right, left + 2), y + 2, Ink.LINE)
            if last is not None and last[0] >= left - 1:
                low, high = sorted((last[1], y))
                self.canvas.box(left - 1, low - 1, left + 2, high + 2, Ink.LINE)
            last = (right, y)

    def _read_parts(self, left: int, right: int) -> list[tuple[int, int]]:
        """`left` to `right` without the gaps, which keep their colour."""
        parts = [(left, right)]
        for start_ms, end_ms in self._chart.gaps:
            gap = self._x(start_ms), self._x(end_ms)
            parts = [
                (max(begin, low), min(end, high))
                for begin, end in parts
                for low, high in ((begin, gap[0]), (gap[1], end))
                if max(begin, low) < min(end, high)
            ]
        return parts

    def limits(self, steps: Sequence[Step]) -> None:
        """Broken lines with their figure, where it covers neither the course nor another one."""
        taken = self._course_boxes(steps)
        taken += [(x - 2, _TOP, x + 2, _BOTTOM) for x in (self._x(event.at_ms) for event in self._shown())]
        levels = [(limit, self._axis.y(limit.value)) for limit in self._chart.limits if _fits(limit.value)]
        for limit, y in levels:
            self.canvas.dashes(self._left, y, _RIGHT, 3, _BY_NAME.get(limit.ink, Ink.TEXT))
            taken.append((self._left, y - 2, _RIGHT, y + 2))
        for limit, y in levels:
            ink = _BY_NAME.get(limit.ink, Ink.TEXT)
            words = f"{limit.words} {figure(format(limit.value, 'f'))}"
            width = text_width(words, _SMALL)
            lefts = [left for left in (self._left + 10, _RIGHT - width - 10) if left >= self._left]
            tops = [top for top in (y - _SMALL - 9, y + 9) if _TOP - 6 <= top < _BOTTOM - _SMALL]
            boxes = [
                (left - 5, top - 4, left + width + 5, top + _SMALL + 6) for top in tops for left in lefts
            ]
            free = next((box for box in boxes if not any(_meet(box, other) for other in taken)), None)
            if free is not None:
                taken.append(free)
                self._label(free[0] + 5, free[1] + 4, words, ink)

    def _course_boxes(self, steps: Sequence[Step]) -> list[Box]:
        """What the line covers, with its rises and falls."""
        boxes: list[Box] = []
        before: tuple[int, int] | None = None
        for start_ms, end_ms, value in steps:
            left, right, y = self._x(start_ms), self._x(end_ms), self._axis.y(value)
            boxes.append((left, y - 2, right + 1, y + 3))
            if before is not None and before[0] >= left - 1:
                low, high = sorted((before[1], y))
                boxes.append((left - 2, low, left + 3, high + 1))
            before = (right, y)
        return boxes

    def events(self, steps: Sequence[Step]) -> None:
        """An upright line and a dot on the course; the words of the last ones above, as far as there is room."""
        chart = self._chart
        free = _RIGHT + 1
        for event in reversed(self._shown()):
            x, ink = self._x(event.at_ms), _BY_NAME.get(event.ink, Ink.MUTED)
            self.canvas.dots(x, _TOP - 8, _BOTTOM, ink)
            value = next(
                (value for start, end, value in reversed(steps) if start <= event.at_ms <= end), None
            )
            if value is not None:
                self.canvas.disc(x, self._axis.y(value), 6, ink)
            words = f"{clean(event.words)} {moment(event.at_ms, chart.end_ms, chart.where)}"
            width = text_width(words, _SMALL)
            begin = min(max(x - width // 2, self._left), free - width)
            if begin >= self._left:
                self._label(begin, _TOP - 8 - _SMALL - 6, words, ink)
                free = begin - 16

    def _shown(self) -> list[Event]:
        chart = self._chart
        return [one for one in chart.events if chart.start_ms <= one.at_ms <= chart.end_ms][-EVENTS_MOST:]

    def foot(self, values: Sequence[Decimal]) -> None:
        """The exact figures in two columns; each is whole or not there."""
        told = (
            ("first", values[0], 0, 0),
            ("last", values[-1], 0, 1),
            ("max", max(values), 1, 0),
            ("min", min(values), 1, 1),
        )
        half = (_RIGHT - _LEFT) // 2
        for name, value, column, row in told:
            x, y = _LEFT + column * half, _FOOT + row * _LEADING
            self.canvas.text(x, y, name, _SMALL, Ink.MUTED)
            words = figure(format(value, "f"))
            self._fitting(x + 58, y - 1, words, 16, Ink.TEXT, x + half - 10)

    def _x(self, at_ms: int) -> int:
        inside = min(max(at_ms - self._chart.start_ms, 0), self._span_ms)
        return self._left + (_RIGHT - self._left) * inside // self._span_ms

    def _fitting(self, x: int, y: int, text: str, size: int, ink: Ink, right: int = _RIGHT) -> int:
        """Write as large as it fits before `right`, with one foot at all sizes; where it ends."""
        for smaller in (size, *(one for one in _SIZES if one < size)):
            if text and text_width(text, smaller) <= right - x:
                return self.canvas.text(x, y + size - smaller, text, smaller, ink)
        return x

    def _label(self, x: int, y: int, words: str, ink: Ink) -> None:
        """Words on paper of their own, so that no line runs through them."""
        self.canvas.box(x - 5, y - 4, x + text_width(words, _SMALL) + 5, y + _SMALL + 6, None)
        self.canvas.text(x, y, words, _SMALL, ink)


def _steps(chart: Chart) -> list[Step]:
    """From when to when which figure, of what is known within the chart's time."""
    points = sorted(chart.points[-POINTS_MOST:], key=lambda point: point[0])
    ends = [*(at_ms for at_ms, _ in points[1:]), chart.end_ms] if points else []
    found = []
    for (at_ms, value), until_ms in zip(points, ends, strict=True):
        start_ms, end_ms = max(at_ms, chart.start_ms), min(until_ms, chart.end_ms)
        if value is not None and _fits(value) and (start_ms < end_ms or start_ms == end_ms == chart.end_ms):
            found.append((start_ms, end_ms, value))
    return found


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _told(at_ms: int) -> int:
    """A time that can be told, whatever the clock was."""
    return min(max(at_ms, FIRST_MS), LAST_MS)


def _fits(value: Decimal) -> bool:
    """Whether it can be drawn at all: a figure, and not one of a thousand digits."""
    return value.is_finite() and -_ADJUSTED_MOST <= value.adjusted() <= _ADJUSTED_MOST


_ADJUSTED_MOST: Final = 60

"""Lines drawn as SVG paths: a figure over time as steps, with its threshold; pure, without a plotting library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import Final

from daemon.web.series import Point

__all__ = ["Chart", "Mark", "chart", "spark"]

WIDTH: Final = 720
HEIGHT: Final = 200
SPARK_WIDTH: Final = 96
SPARK_HEIGHT: Final = 22
POINTS_MOST: Final = 400
"""More than the columns of a chart can show."""

_DRAWN: Final = Context(prec=12)  # of places on the paper; figures are told in full beside it
_HALF: Final = Decimal("0.5")
_ROOM: Final = Decimal("0.06")
_ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something to be marked at a time: `kind` is pending, firing, resolved, closed, acked."""

    x: str
    kind: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Paths in a box of WIDTH × HEIGHT. `low` and `high` are the exact figures between which it moved."""

    line: str
    area: str
    threshold_y: str
    clear_y: str
    marks: tuple[Mark, ...]
    start_ms: int
    end_ms: int
    low: str
    high: str
    last: str
    width: int = WIDTH
    height: int = HEIGHT


def chart(
    points: Sequence[Point],
    start_ms: int,
    end_ms: int,
    limits: tuple[Decimal | None, Decimal | None] = (None, None),
    marks: Sequence[tuple[int, str]] = (),
) -> Chart | None:
    """The figures from `start_ms` to `end_ms`, threshold and end of the alert as `limits`; None without a figure."""
    shown = _within(points, start_ms, end_ms)
    known = [value for _, value in shown if value is not None]
    if not known:
        return None
    start_ms = max(start_ms, min(at_ms for at_ms, _ in shown))
    end_ms = max(end_ms, start_ms + 1)
    low, high = min(known), max(known)
    with localcontext(_DRAWN):
        box = _Box(
            start_ms, end_ms, [*known, *(limit for limit in limits if limit is not None)], WIDTH, HEIGHT
        )
        line = box.path(_thinned(shown))
        return Chart(
            line=line,
            area=box.area(_thinned(shown)),
            threshold_y="" if limits[0] is None else box.y(limits[0]),
            clear_y="" if limits[1] is None or limits[1] == limits[0] else box.y(limits[1]),
            marks=tuple(Mark(box.x(at_ms), kind) for at_ms, kind in marks if start_ms <= at_ms <= end_ms),
            start_ms=start_ms,
            end_ms=end_ms,
            low=format(low, "f"),
            high=format(high, "f"),
            last="" if shown[-1][1] is None else format(shown[-1][1], "f"),
        )


def spark(points: Sequence[Point], start_ms: int, end_ms: int) -> str:
    """The path of a small line; "" where nothing is known."""
    shown = _within(points, start_ms, end_ms)
    known = [value for _, value in shown if value is not None]
    if not known:
        return ""
    with localcontext(_DRAWN):
        box = _Box(start_ms, max(end_ms, start_ms + 1), known, SPARK_WIDTH, SPARK_HEIGHT)
        return box.path(_thinned(shown, SPARK_WIDTH))


class _Box:
    """Where times and figures lie on the paper."""

    def __init__(
        self, start_ms: int, end_ms: int, values: Sequence[Decimal], width: int, height: int
    ) -> None:
        low, high = min(values), max(values)
        room = (high - low) * _ROOM or abs(high) * _ROOM or _ONE
        self._start, self._span = start_ms, end_ms - start_ms
        self._high = high + room
        self._depth = self._high - (low - room)
        self._width, self._height = Decimal(width), Decimal(height)

    def x(self, at_ms: int) -> str:
        inside = min(max(at_ms - self._start, 0), self._span)
        return _place(self._width * inside / self._span)

    def y(self, value: Decimal) -> str:
        return _place(self._height * (self._high - value) / self._depth)

    def path(self, points: Sequence[Point]) -> str:
        """Steps, with a gap where nothing is known; the last figure goes on to the right edge."""
        parts: list[str] = []
        before: Decimal | None = None
        for at_ms, value in points:
            x = self.x(at_ms)
            if before is not None:
                parts.append(f"H{x}")
            if value is not None:
                parts.append(f"V{self.y(value)}" if before is not None else f"M{x} {self.y(value)}")
            before = value
        if before is not None:
            parts.append(f"H{_place(self._width)}")
        return "".join(parts)

    def area(self, points: Sequence[Point]) -> str:
        """The same, closed at the bottom; "" where there is a gap."""
        if any(value is None for _, value in points):
            return ""
        bottom = _place(self._height)
        return f"{self.path(points)}V{bottom}H{self.x(points[0][0])}Z"


def _within(points: Sequence[Point], start_ms: int, end_ms: int) -> list[Point]:
    """Those inside, and the figure that stood at the begin."""
    before = [point for point in points if point[0] <= start_ms]
    inside = [point for point in points if start_ms < point[0] <= end_ms]
    head = [(start_ms, before[-1][1])] if before else []
    return [*head, *inside]


def _thinned(points: Sequence[Point], most: int = POINTS_MOST) -> Sequence[Point]:
    """Where there are too many, the lowest and the highest of each stretch, so that no peak is lost."""
    if len(points) <= most:
        return points
    size = -(-len(points) // (most // 2))
    kept: list[Point] = []
    for at in range(0, len(points), size):
        stretch = points[at : at + size]
        known = [point for point in stretch if point[1] is not None]
        if len(known) < len(stretch) or not known:
            kept.append(stretch[0])
        if known:
            ends = {min(known, key=_value), max(known, key=_value)}
            kept += sorted(ends, key=lambda point: point[0])
    return [*kept, points[-1]] if kept[-1] != points[-1] else kept


def _value(point: Point) -> Decimal:
    return point[1] if point[1] is not None else Decimal(0)


def _place(at: Decimal) -> str:
    return format((at * 10).quantize(_ONE) / 10, "f")

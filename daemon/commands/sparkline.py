"""A figure over time in a few letters, for a column of a table."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

__all__ = ["sparkline"]

WIDTH: Final = 16
_BARS: Final = "▁▂▃▄▅▆▇█"


def sparkline(points: Sequence[tuple[int, Decimal | None]], start_ms: int, end_ms: int) -> str:
    """Bars at even times from the first figure, or `start_ms`, to the end; a blank where it was not known.

    "" where it never moved: a flat line says nothing.
    """
    if not points:
        return ""
    start_ms = max(start_ms, points[0][0])
    places = (start_ms + (end_ms - start_ms) * number // (WIDTH - 1) for number in range(WIDTH))
    figures = [_at(points, at_ms) for at_ms in places]
    known = [figure for figure in figures if figure is not None]
    if not known or min(known) == max(known):
        return ""
    low, depth = min(known), max(known) - min(known)
    most = len(_BARS) - 1
    return "".join(" " if one is None else _BARS[int((one - low) * most / depth)] for one in figures)


def _at(points: Sequence[tuple[int, Decimal | None]], at_ms: int) -> Decimal | None:
    stood = [value for since_ms, value in points if since_ms <= at_ms]
    return stood[-1] if stood else None

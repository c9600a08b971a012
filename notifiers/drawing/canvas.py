"""A sheet of indexed colours: boxes, lines and letters on it, and the PNG that it becomes."""

from __future__ import annotations

import math
import struct
import zlib
from enum import IntEnum
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final

from notifiers.drawing.strokes import CAP_HEIGHT, Point, glyph, length
from notifiers.drawing.strokes import advance as advance_of

LEVELS: Final = 8
"""Shades of one ink: 0 is the paper, 7 the ink itself. What lies between smooths the edges of letters."""

_FULL: Final = LEVELS - 1
_PAPER: Final = (255, 255, 255)
_COMPRESSION: Final = 6
_PEN: Final = 2.7  # the width of a stroke, on the grid of the glyphs
_THINNEST: Final = 1.4
_LETTERS_KEPT: Final = 512
_ROW: Final = 256  # of a letter while it is made
_MARGIN: Final = 8


class Ink(IntEnum):
    """What is drawn in which colour; all but GRID, WASH and GAP are readable on white (WCAG AA: 4.5 to 1)."""

    TEXT = 0
    MUTED = 1
    LINE = 2
    CRITICAL = 3
    WARNING = 4
    INFO = 5
    GOOD = 6
    GRID = 7
    WASH = 8
    GAP = 9


COLOURS: Final = {
    Ink.TEXT: (17, 24, 39),
    Ink.MUTED: (82, 91, 107),
    Ink.LINE: (29, 78, 216),
    Ink.CRITICAL: (185, 28, 28),
    Ink.WARNING: (161, 72, 6),
    Ink.INFO: (3, 105, 161),
    Ink.GOOD: (21, 115, 60),
    Ink.GRID: (222, 226, 232),
    Ink.WASH: (232, 239, 254),
    Ink.GAP: (236, 237, 240),
}


def shade(ink: Ink, level: int = _FULL) -> int:
    """The value of a pixel."""
    return ink * LEVELS + level if level else 0


class Canvas:
    """`width` × `height` pixels from the upper left corner; what lies outside is not drawn."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._pixels = bytearray(width * height)

    def pixel(self, x: int, y: int) -> int:
        """The value at one place."""
        return self._pixels[y * self.width + x]

    def box(self, left: int, top: int, right: int, bottom: int, ink: Ink | None) -> None:
        """Fill from `left`, `top` up to before `right`, `bottom`; without an ink it is paper again."""
        left, right = max(left, 0), min(right, self.width)
        if right <= left:
            return
        row = bytes([0 if ink is None else shade(ink)]) * (right - left)
        for y in range(max(top, 0), min(bottom, self.height)):
            start = y * self.width + left
            self._pixels[start : start + right - left] = row

    def dashes(self, left: int, y: int, right: int, thick: int, ink: Ink) -> None:
        """A broken level line."""
        for x in range(left, right, 14):
            self.box(x, y - thick // 2, min(x + 9, right), y - thick // 2 + thick, ink)

    def dots(self, x: int, top: int, bottom: int, ink: Ink) -> None:
        """A broken upright line."""
        for y in range(top, bottom, 8):
            self.box(x - 1, y, x + 1, min(y + 4, bottom), ink)

    def disc(self, x: int, y: int, radius: int, ink: Ink) -> None:
        """A filled circle on a rim of paper."""
        for reach, colour in ((radius + 2, None), (radius, ink)):
            for dy in range(-reach, reach + 1):
                half = math.isqrt(reach * reach - dy * dy)
                self.box(x - half, y + dy, x + half + 1, y + dy + 1, colour)

    def text(self, x: int, y: int, text: str, size: int, ink: Ink) -> int:
        """Write from `x` on, capitals `size` high from `y` down; where the text ends."""
        at = x * CAP_HEIGHT
        for letter in text:
            self._letter(at // CAP_HEIGHT, y, letter, size, ink)
            at += advance_of(letter) * size
        return x + text_width(text, size)

    def _letter(self, x: int, y: int, letter: str, size: int, ink: Ink) -> None:
        for dx, dy, level in _raster(letter, size):
            across, down = x + dx, y + dy
            if not (0 <= across < self.width and 0 <= down < self.height):
                continue
            place = down * self.width + across
            was = self._pixels[place]
            if was // LEVELS != ink or was % LEVELS < level:
                self._pixels[place] = shade(ink, level)

    def png(self) -> bytes:
        """The sheet as a PNG with a palette."""
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 3, 0, 0, 0)
        width = self.width
        rows = b"".join(b"\0" + self._pixels[at : at + width] for at in range(0, len(self._pixels), width))
        parts = (
            (b"IHDR", head),
            (b"PLTE", _palette()),
            (b"IDAT", zlib.compress(rows, _COMPRESSION)),
            (b"IEND", b""),
        )
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in parts)


def text_width(text: str, size: int) -> int:
    """How many pixels a line of text takes."""
    return -(-length(text) * size // CAP_HEIGHT)


@lru_cache(_LETTERS_KEPT)
def _raster(letter: str, size: int) -> tuple[tuple[int, int, int], ...]:
    """The touched pixels of a letter as (across, down, level): how much of each the pen covers."""
    strokes, _ = glyph(letter)
    scale = size / CAP_HEIGHT
    radius = max(_PEN * scale, _THINNEST) / 2
    covered: dict[int, float] = {}
    for stroke in strokes:
        points = [(x * scale + 0.5, y * scale + 0.5) for x, y in stroke]
        for start, end in pairwise(points):
            _pull(start, end, radius, covered)
    found = ((*divmod(place, _ROW), round(share * _FULL)) for place, share in covered.items())
    return tuple((x - _MARGIN, y - _MARGIN, level) for y, x, level in found if level)


def _pull(start: Point, end: Point, radius: float, covered: dict[int, float]) -> None:
    """One straight pull of a round pen."""
    (x1, y1), (x2, y2) = start, end
    across, down = x2 - x1, y2 - y1
    square = across * across + down * down or 1.0
    reach = radius + 0.5
    farthest = reach * reach
    columns = range(math.floor(min(x1, x2) - reach), math.ceil(max(x1, x2) + reach) + 1)
    for y in range(math.floor(min(y1, y2) - reach), math.ceil(max(y1, y2) + reach) + 1):
        dy = y - y1
        row = (y + _MARGIN) * _ROW + _MARGIN
        for x in columns:
            dx = x - x1
            along = (dx * across + dy * down) / square
            if along < 0:
                along = 0
            elif along > 1:
                along = 1
            off_x, off_y = dx - along * across, dy - along * down
            distance = off_x * off_x + off_y * off_y
            if distance < farthest:
                share = reach - math.sqrt(distance)
                if share > covered.get(row + x, 0):
                    covered[row + x] = min(share, 1)


@cache
def _palette() -> bytes:
    """Every ink's shades from the paper to itself."""
    mixed = (
        round(paper + (own - paper) * level / _FULL)
        for ink in Ink
        for level in range(LEVELS)
        for own, paper in zip(COLOURS[ink], _PAPER, strict=True)
    )
    return bytes(mixed)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

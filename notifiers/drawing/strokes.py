"""The letters that a chart is labelled with: our own, as strokes of a pen.

A glyph is a few strokes on a grid: capitals stand from 0 to 20, small letters from 6, tails hang to 26. A point is
two digits of base 36, across and down. `-` joins the points by lines, `~` rounds every corner between the ends, `o`
is a closed round one.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Final

CAP_HEIGHT: Final = 20
TAIL_DEPTH: Final = 6
GAP: Final = 6
SPACE: Final = 6

Point = tuple[float, float]
Stroke = tuple[Point, ...]

_CURVE_STEPS: Final = 3
_DIGIT_WIDTH: Final = 12
_UNKNOWN: Final = "-00c0ck0k00"
"""A letter that is not among these: an empty box, as in any font."""

_GLYPHS: Final = {
    "0": "o00c0ck0k",
    "1": "-24707k -2kck",
    "2": "~0500c0c70k -0kck",
    "3": "~0310b0b959 ~59c9ck1k0h",
    "4": "-9k900ece",
    "5": "-b02018 ~1837c7ck2k0h",
    "6": "~b3a0000e o08c8ck0k",
    "7": "-00c04k",
    "8": "o10b0b919 o09c9ck0k",
    "9": "o00c0cc0c ~c6ck2k1h",
    "A": "-0k60ck -2dad",
    "B": "-000k ~00b0b909 ~09c9ck0k",
    "C": "~c4b0000kbkcg",
    "D": "-000k ~00c0ck0k",
    "E": "-b0000kbk -0999",
    "F": "-b0000k -0999",
    "G": "~c4b0000kckcb -cb7b",
    "H": "-000k -c0ck -0aca",
    "I": "-101k",
    "J": "~808k0k0f",
    "K": "-000k -b00c -48ck",
    "L": "-000kak",
    "M": "-0k007ce0ek",
    "N": "-0k00ckc0",
    "O": "o00d0dk0k",
    "P": "-000k ~00c0cb0b",
    "Q": "o00d0dk0k -8fel",
    "R": "-000k ~00c0cb0b -6bck",
    "S": "~c4b00009cbck0k0g",
    "T": "-00c0 -606k",
    "U": "~000kckc0",
    "V": "-006kc0",
    "W": "-004k83ckg0",
    "X": "-00ck -c00k",
    "Y": "-006ac0 -6a6k",
    "Z": "-00c00kck",
    "a": "o06a6ak0k -a6ak",
    "b": "-000k o06a6ak0k",
    "c": "~a996060k9kah",
    "d": "-a0ak o06a6ak0k",
    "e": "-0dad ~ada6060k9kah",
    "f": "~8030383k -0676",
    "g": "o06a6ak0k ~a6aq1q0n",
    "h": "-000k ~0b06a6adak",
    "i": "-161k -1111",
    "j": "~363q0q -3131",
    "k": "-000k -960e -3b9k",
    "l": "-101k",
    "m": "-060k ~0b06767d7k ~7b76e6edek",
    "n": "-060k ~0b06a6adak",
    "o": "o06a6ak0k",
    "p": "-060q o06a6ak0k",
    "q": "-a6aq o06a6ak0k",
    "r": "-060k ~0c0676",
    "s": "~9986060cadak1k0h",
    "t": "~313k8k -0676",
    "u": "~060kaka6 -a6ak",
    "v": "-065ka6",
    "w": "-064k78ake6",
    "x": "-06ak -a60k",
    "y": "-065k -a63q",
    "z": "-06a60kak",
    " ": "",
    ".": "-1i1j",
    ",": "-2j0n",
    ":": "-1919 -1j1j",
    ";": "-2929 -2j0n",
    "-": "-0d8d",
    "−": "-0bcb",
    "–": "-0dcd",
    "+": "-0bcb -656h",
    "/": "-0m90",
    "%": "o00505707 o9dedek9k -c02k",
    "@": "o57b7bf5f ~b7bgggg0000mem",
    "_": "-0ncn",
    "(": "~50000m5m",
    ")": "~00505m0m",
    "[": "-40000m4m",
    "]": "-00404m0m",
    "<": "-b40bbi",
    ">": "-04bb0i",
    "=": "-08c8 -0ece",
    "≤": "-b309bf -0kbk",
    "≥": "-03b90f -0kbk",
    '"': "-0005 -4045",
    "'": "-0005",
    "#": "-402k -a08k -06c6 -0ece",
    "*": "-636d -15bb -b51b",
    "!": "-101d -1j1j",
    "?": "~0300c0c96d -6j6j",
    "$": "~c4b00009cbck0k0g -606k",
    "|": "-000m",
    "·": "-1b1b",
    "…": "-1j1j -7j7j -djdj",
}


@cache
def glyph(letter: str) -> tuple[tuple[Stroke, ...], int]:
    """The strokes of a letter and its width. Digits are equally wide, so that figures stand still."""
    described = _GLYPHS.get(letter, _UNKNOWN)
    strokes = tuple(_stroke(one) for one in described.split())
    if letter == " ":
        return strokes, SPACE
    if letter.isdecimal() and letter in _GLYPHS:
        return strokes, _DIGIT_WIDTH
    return strokes, round(max(x for stroke in strokes for x, _ in stroke))


def advance(letter: str) -> int:
    """From the beginning of a letter to that of the next one."""
    return glyph(letter)[1] + GAP


def length(text: str) -> int:
    """How long a line of text is, on the grid of the glyphs."""
    return max(0, sum(map(advance, text)) - GAP)


def _stroke(described: str) -> Stroke:
    kind, digits = described[0], described[1:]
    points = [(int(digits[at], 36), int(digits[at + 1], 36)) for at in range(0, len(digits), 2)]
    if kind == "-":
        return tuple(points)
    if kind == "o":
        middles = [_middle(one, other) for one, other in zip(points, points[1:] + points[:1], strict=True)]
        starts = middles[-1:] + middles[:-1]
        rounded = [_curve(*bend) for bend in zip(starts, points, middles, strict=True)]
        return tuple(point for part in rounded for point in part)
    turns = points[1:-1]
    between = [_middle(one, other) for one, other in pairwise(turns)]
    # The ends are straight up to half way, so that a bow leaves its stem as a line.
    first, last = _middle(points[0], turns[0]), _middle(turns[-1], points[-1])
    bends = zip([first, *between], turns, [*between, last], strict=True)
    return (points[0], *(point for bend in bends for point in _curve(*bend)), points[-1])


def _middle(one: Point, other: Point) -> Point:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def _curve(start: Point, pull: Point, end: Point) -> list[Point]:
    """A parabola from start to end, drawn towards `pull`."""
    found = []
    for step in range(_CURVE_STEPS + 1):
        t = step / _CURVE_STEPS
        u = 1 - t
        weights = (u * u, 2 * u * t, t * t)
        found.append(
            (
                weights[0] * start[0] + weights[1] * pull[0] + weights[2] * end[0],
                weights[0] * start[1] + weights[1] * pull[1] + weights[2] * end[1],
            )
        )
    return found

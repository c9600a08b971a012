"""Amounts in words: exact, grouped by commas, never rounded (law 9)."""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact, localcontext
from functools import lru_cache

from notifiers.text import tidy

MINUS = "\u2212"
"""The sign of a difference. A figure keeps the wire's own sign, so that it can be searched for and pasted."""

PRECISION = 60
_LONGEST = 100
"""Digits that a figure may have before it is shown in the venue's own notation."""

_PLAIN = re.compile(r"(?P<sign>-?)(?P<whole>\d+)(?:\.(?P<fraction>\d*))?(?P<percent>%?)", re.ASCII)
_SCIENTIFIC = re.compile(r"-?\d+(?:\.\d*)?[eE][+-]?\d{1,3}", re.ASCII)
_MOST_UNITS = 160


@lru_cache(maxsize=1024)
def figure(text: str) -> str:
    """`18250.50000000` as `18,250.5`: zeros that carry no value go, every other digit stays.

    What is no decimal number is shown as it came.
    """
    match = _PLAIN.fullmatch(_plain(text))
    if match is None or len(match["whole"]) + len(match["fraction"] or "") > _LONGEST:
        return tidy(text, _MOST_UNITS)
    whole = match["whole"].lstrip("0") or "0"
    fraction = (match["fraction"] or "").rstrip("0")
    number = _grouped(whole) + (f".{fraction}" if fraction else "")
    sign = "" if number == "0" else match["sign"]
    return f"{sign}{number}{match['percent']}"


def difference(before: str, after: str) -> str:
    """`after` less `before` with its sign, as `−33,649.75`; "" where there is none, or none that is exact."""
    old, new = _decimal(before), _decimal(after)
    if old is None or new is None:
        return ""
    try:
        with localcontext(Context(prec=PRECISION, traps=[Inexact])):
            change = new - old
    except Inexact:
        return ""
    if not change:
        return ""
    sign = MINUS if change < 0 else "+"
    return sign + figure(f"{change.copy_abs():f}")


def compare(one: str, other: str) -> int | None:
    """-1, 0 or 1 as the first amount is less than, equal to or more than the other; None if not known."""
    left, right = _decimal(one), _decimal(other)
    if left is None or right is None:
        return None
    return (left > right) - (left < right)


@lru_cache(maxsize=1024)
def _decimal(text: str) -> Decimal | None:
    plain = _plain(text)
    if not _PLAIN.fullmatch(plain) or plain.endswith("%") or len(plain) > _LONGEST:
        return None
    return Decimal(plain)


def _plain(text: str) -> str:
    """Without an exponent, where there is one of bearable size: `1E+3` is `1000`."""
    text = text.strip()
    if not _SCIENTIFIC.fullmatch(text) or len(text) > _LONGEST:
        return text
    number = Decimal(text)
    return f"{number:f}" if -PRECISION <= number.adjusted() <= PRECISION else text


def _grouped(digits: str) -> str:
    head = len(digits) % 3
    groups = [digits[:head]] if head else []
    groups += [digits[at : at + 3] for at in range(head, len(digits), 3)]
    return ",".join(groups)

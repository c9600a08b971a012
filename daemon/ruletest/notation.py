"""`values = "60000*3 48000 _ x - ?"`: one token for each step of a series, in few characters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

STEPS_MOST = 100_000
_TOKEN = re.compile(r"(?P<word>[_x?]|-|[+-]?[0-9][0-9_]*(?:\.[0-9]+)?)(?:\*(?P<times>[0-9]{1,6}))?")


class Said(StrEnum):
    """What the venue answers at one step."""

    FIGURE = "figure"
    ABSENT = "-"  # the wallet is read and does not name the asset
    UNKNOWN = "?"  # the field is not given
    MISSING = "_"  # nobody read
    FAILED = "x"  # the call failed


@dataclass(frozen=True, slots=True)
class Token:
    """One step; `figure` is exact decimal text where the venue gives one."""

    said: Said
    figure: str = ""


def tokens_of(text: str) -> list[Token]:
    """The steps of a series. Raises ValueError naming the first token that is none."""
    found: list[Token] = []
    for word in text.split():
        match = _TOKEN.fullmatch(word)
        if match is None:
            raise ValueError(
                f"{word!r} is no step of a series: write an amount, _ for no reading, x for a failed one, "
                "- for an absent asset, ? for an unknown figure; *3 repeats it"
            )
        times = int(match["times"] or 1)
        if not 0 < times <= STEPS_MOST - len(found):
            raise ValueError(f"{word!r} makes it longer than {STEPS_MOST} steps, or is repeated 0 times")
        found += [_token(match["word"])] * times
    if not found:
        raise ValueError("is empty: write the amounts of the steps, as in 60000*3 48000")
    return found


def _token(word: str) -> Token:
    if word in "_x?-":
        return Token(Said(word))
    return Token(Said.FIGURE, format(Decimal(word.replace("_", "")), "f"))

"""How a judged figure stands to its limits: always a true inequality, whatever the alert was opened with."""

from __future__ import annotations

from dataclasses import dataclass

from notifiers.figures import compare, figure
from notifiers.text import tidy
from rules.facts import Facts

_FLOOR_SIGNS = {"<", "≥"}
_CEILING_SIGNS = {">", "≤"}
_MOST_UNITS = 8


@dataclass(frozen=True, slots=True)
class Relation:
    """`sign limit` stand behind the figure. `side` is where an alert lies: below, above, or "" for neither.

    `ends` says what would end the alert, where that is another figure than the one shown.
    """

    sign: str = ""
    limit: str = ""
    side: str = ""
    ends: str = ""


def relation(facts: Facts, *, ended: bool) -> Relation:
    """Compare the figure of `facts` with its threshold, or with `clear_at` at an end and in the band between.

    An end keeps the sign under which its alert last fired, so the sign is worked out again: "61,000 < 20,000"
    would be a lie.
    """
    if facts.value is None or facts.threshold is None:
        return Relation()
    floor, ceiling = facts.sign in _FLOOR_SIGNS, facts.sign in _CEILING_SIGNS
    clear_at = facts.threshold if facts.clear_at is None else facts.clear_at
    against_threshold = compare(facts.value, facts.threshold)
    against_end = compare(facts.value, clear_at)
    if not (floor or ceiling) or against_threshold is None or against_end is None:
        limit = figure(facts.threshold) if facts.sign else ""
        return Relation(tidy(facts.sign, _MOST_UNITS), limit)
    wrong = -1 if floor else 1
    in_band = not ended and against_threshold != wrong
    limit, compared = (clear_at, against_end) if ended or in_band else (facts.threshold, against_threshold)
    signs = ("<", "≥") if floor else (">", "≤")
    sign = signs[0] if compared == wrong else signs[1]
    ends = ""
    if not ended and (in_band or compare(clear_at, facts.threshold) != 0):
        ends = f"{figure(clear_at)} or {'more' if floor else 'less'}"
    side = "" if ended or in_band else "below" if floor else "above"
    return Relation(sign, figure(limit), side, ends)

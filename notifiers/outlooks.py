"""What is said of a `runway`: when the figure is down, at what rate it falls, and the limits in time."""

from __future__ import annotations

from dataclasses import dataclass

from notifiers.figures import figure
from notifiers.times import duration
from rules.outlook import Outlook
from rules.types.runway import LEFT_MOST_MS


@dataclass(frozen=True, slots=True)
class OutlookWords:
    """`empty` is `empty in about 3h 20m`, `limit` is `6h`, `rate` is `fell 12,000 in 6h, top-ups left out`.

    `ends` is `24h`: the alert ends when more time than that is left. All are "" where there is no runway.
    """

    empty: str = ""
    limit: str = ""
    rate: str = ""
    ends: str = ""


def words_of(outlook: Outlook | None) -> OutlookWords:
    """The words; the time left is rounded down, everything else is exact."""
    if outlook is None:
        return OutlookWords()
    fell = figure(outlook.fell)
    seen = duration(outlook.seen_ms)
    rate = f"fell {fell} in {seen}, top-ups left out" if fell != "0" else f"nothing fell in {seen}"
    if outlook.seen_ms < outlook.over_ms:
        rate = (
            f"accumulating: {seen if outlook.seen_ms else 'nothing'} of {duration(outlook.over_ms)} observed"
        )
    return OutlookWords(_empty(outlook), duration(outlook.within_ms), rate, duration(outlook.ends_ms))


def _empty(outlook: Outlook) -> str:
    below = figure(outlook.below)
    if outlook.left_ms == 0:
        return "empty now" if below == "0" else f"at or below {below} now"
    what = "empty" if below == "0" else f"down to {below}"
    if outlook.left_ms is None:
        return "not falling"
    if outlook.left_ms >= LEFT_MOST_MS:
        return f"{what} in more than {duration(LEFT_MOST_MS)}"
    return f"{what} in about {duration(outlook.left_ms)}"

"""What is expected of a figure, as a `runway` has judged it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a `runway` expects of a figure, by what was seen of it: it `fell` by so much in `seen_ms`, rises left out.

    `left_ms` is the time until it is at `below`, rounded down: 0 where it is there, None where nothing falls.
    `within_ms` is the limit that it is held against; the alert ends above `ends_ms`.
    """

    below: str
    over_ms: int
    within_ms: int
    ends_ms: int
    fell: str
    seen_ms: int
    left_ms: int | None

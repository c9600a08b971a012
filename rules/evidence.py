"""One look as evidence: when it is new, and how far the rows of looks that agree have grown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rules.facts import Facts
from rules.model import Severity
from rules.records import Alert, Amounts
from rules.ruleset import MINUTE_MS, Rule
from rules.step import severities_from
from rules.types.base import Verdict

CLOCK_JUMP_MS = MINUTE_MS
"""A reading that is older than the last one by more than this tells of a clock set back, not of its age."""


class Once:
    """Facts that are made when they are first asked for: few looks need them, and those that do ask twice."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Facts]) -> None:
        self._make = make
        self._made: Facts | None = None

    def __call__(self) -> Facts:
        if self._made is None:
            self._made = self._make()
        return self._made


@dataclass(frozen=True, slots=True)
class Evidence:
    """One look at a subject: when it was taken, what it says, and which calls would confirm it.

    `agreed` are looks before it that said the same and opened nothing.

    `began_ms` is the oldest begin of the parts, `ended_ms` the end of the reading that just arrived, and
    `mixed` tells that the figure is made of several wallets, which were read at different times. `parts` are
    the (account, wallet) pairs to read again. `cap_ms` bounds one gap of `for`. `facts` is called only when
    something is to be recorded, `amounts` only where the way that an amount takes is followed. `hold` gives an
    event about to be told as it is to be told, `held` where somebody else will tell it.
    """

    verdict: Verdict
    began_ms: int
    ended_ms: int
    exchange: str
    parts: tuple[tuple[int, str], ...]
    cap_ms: int
    facts: Callable[[], Facts]
    event: bool = False
    mixed: bool = False
    valued: bool = False
    amounts: Callable[[], Amounts] | None = None
    hold: Callable[[Alert], Alert] | None = None
    agreed: int = 0


def is_fresh(alert: Alert, evidence: Evidence) -> bool:
    """Whether every part of the figure was asked for after the last counted look."""
    return evidence.began_ms >= alert.counted_ms or evidence.ended_ms < alert.counted_ms - CLOCK_JUMP_MS


def only_mixed(rule: Rule, evidence: Evidence) -> bool:
    """Whether one look would decide although its parts are of different times."""
    return evidence.mixed and rule.confirm == 1


def later(last_ms: int, now_ms: int) -> int:
    """The later of two times, or the earlier where the clock was set back between them."""
    return now_ms if now_ms < last_ms - CLOCK_JUMP_MS else max(now_ms, last_ms)


def confirmed(alert: Alert, rule: Rule) -> Severity | None:
    """The highest severity for which `confirm` readings in a row agree."""
    agreed = [severity for severity in Severity if alert.runs[severity.rank] >= rule.confirm]
    return max(agreed, key=lambda severity: severity.rank, default=None)


def grown(runs: tuple[int, int, int], severity: Severity) -> tuple[int, int, int]:
    """The rows after one more look that is new."""
    met = severities_from(severity)
    one, two, three = (count + 1 if rank in met else 0 for rank, count in enumerate(runs))
    return one, two, three


def cut(runs: tuple[int, int, int], severity: Severity) -> tuple[int, int, int]:
    """The rows after a look that is not new: it counts for nothing, but it breaks what it contradicts."""
    met = severities_from(severity)
    one, two, three = (count if rank in met else 0 for rank, count in enumerate(runs))
    return one, two, three

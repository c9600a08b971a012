"""When nobody calls: gates that the venue closes, and a breaker that we open ourselves."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

PROBE_AFTER = 5  # failures in a row before a pool sends one probe at a time
BACKOFF_FIRST_SECONDS = 1.0


class Gate:
    """A time before which nobody calls: of one pool, of one key, or of one host.

    `strike` counts refusals in a row. Calls that were under way when the gate closed belong to one strike.
    """

    __slots__ = ("_strikes", "until")

    def __init__(self) -> None:
        self.until = -math.inf
        self._strikes = 0

    def strike(self, began: float) -> int:
        """Count a refusal of a call begun then; returns which in a row it is, from 1."""
        if began >= self.until or not self._strikes:
            self._strikes += 1
        return self._strikes

    def passed(self, began: float) -> None:
        """A call begun then was answered: the row of refusals is over."""
        if began >= self.until:
            self._strikes = 0

    def hold(self, until: float) -> None:
        self.until = max(self.until, until)


class Outcome(Enum):
    """What a call means for the pool."""

    ANSWERED = "answered"
    FAILED = "failed"
    NEUTRAL = "neutral"


@dataclass(slots=True)
class Breaker:
    """After `PROBE_AFTER` failures in a row one probe goes at a time, later and later.

    An outage is not hammered. One failing account does not get there: the answers of the others lie between its
    failures.
    """

    most_seconds: float
    failures: int = 0
    until: float = -math.inf
    probing: bool = False
    chance: Callable[[], float] = random.random

    @property
    def broken(self) -> bool:
        return self.failures >= PROBE_AFTER

    def ready_at(self) -> float:
        return math.inf if self.probing else self.until

    def note(self, outcome: Outcome, *, probe: bool, now: float) -> None:
        if probe:
            self.probing = False
        if outcome is Outcome.ANSWERED:
            self.failures, self.until = 0, -math.inf
        elif outcome is Outcome.FAILED and (probe or not self.broken):
            self.failures += 1
            if self.broken:
                wait = backoff_seconds(self.failures - PROBE_AFTER + 1, self.most_seconds, self.chance)
                self.until = now + wait


def backoff_seconds(tries: int, most_seconds: float, chance: Callable[[], float] = random.random) -> float:
    """1 s, doubling, at most `most_seconds`; up to a quarter less, so that many do not come back at once."""
    return min(most_seconds, BACKOFF_FIRST_SECONDS * (1 << min(tries - 1, 20))) * (1 - chance() / 4)

"""What two replays of one window tell differently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from daemon.replay.told import Told

Place: TypeAlias = "tuple[Any, ...]"


@dataclass(frozen=True, slots=True)
class Difference:
    """`side` is "-" for what only the rules in force tell, "+" for what only the candidate tells."""

    side: str
    told: Told


def differences(current: Iterable[Told], candidate: Iterable[Told]) -> list[Difference]:
    """In the order of time. The same event of the same subject at the same time to the same people is no difference."""
    before, after = list(current), list(candidate)
    found = [Difference("-", one) for one in _without(before, after)]
    found += [Difference("+", one) for one in _without(after, before)]
    return sorted(found, key=lambda one: (one.told.at_ms, one.side == "+"))


def _without(those: Iterable[Told], others: Iterable[Told]) -> list[Told]:
    there = Counter(_place(one) for one in others)
    left = []
    for one in those:
        place = _place(one)
        if there[place]:
            there[place] -= 1
        else:
            left.append(one)
    return left


def _place(one: Told) -> Place:
    facts = one.facts
    subject = (facts.exchange, facts.label, facts.wallet, facts.asset, facts.headline)
    return one.at_ms, one.event, one.severity, facts.rule, *subject, one.notifiers, bool(one.silenced)

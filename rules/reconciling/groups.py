"""Groups: the changes of several accounts that are one movement, or movements that met in one account."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations, pairwise

from rules.values import EXACT


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What one wallet gained or lost between two readings, in ms; `paired` has found its equal other side.

    `recent` tells that its window is not over. `amount` is what it adds to the sum, which for a paired one whose
    other side lies elsewhere is nothing; `size` is by how much the wallet changed.
    """

    amount: Decimal
    size: Decimal
    from_ms: int
    at_ms: int
    paired: bool
    recent: bool


def paired(changes: Sequence[Change], window_ms: int) -> list[Change]:
    """The changes, in the order of time, with those paired that have an equal opposite near them, the oldest first.

    In the same account too.
    """
    found = list(changes)
    waiting: dict[Decimal, list[int]] = {}
    for place, one in enumerate(changes):
        if one.paired or not one.amount:
            continue
        others = waiting.setdefault(one.amount.copy_negate(), [])
        near = bisect_left(others, one.from_ms - window_ms, key=lambda other: changes[other].at_ms)
        if near < len(others):
            for half in (place, others.pop(near)):
                found[half] = replace(found[half], paired=True)
        else:
            waiting.setdefault(one.amount, []).append(place)
    return found


def off(changes: Sequence[Change], window_ms: int, trifle: Decimal) -> set[Change]:
    """The changes of groups that add up to a trifle, and not to nothing."""
    return {one for some in _disjoint(changes, window_ms, trifle) for one in some}


def ungrouped(changes: Sequence[Change], window_ms: int) -> list[Change]:
    """What is left when groups that add up to nothing are taken out: movements met in one account."""
    found = {one for some in _disjoint(changes, window_ms, None) for one in some}
    return [one for one in changes if one not in found]


def _disjoint(
    changes: Sequence[Change], window_ms: int, trifle: Decimal | None
) -> Iterator[tuple[Change, ...]]:
    """Small groups that hang together; each change is in one at most."""
    taken: set[int] = set()
    for places in _groups(changes, window_ms, trifle, taken):
        if taken.isdisjoint(places) and _hangs([changes[place] for place in places], window_ms):
            taken |= set(places)
            yield tuple(changes[place] for place in places)


def _groups(
    changes: Sequence[Change], window_ms: int, trifle: Decimal | None, taken: set[int]
) -> Iterator[tuple[int, ...]]:
    """The places of twos, threes and fours that add up to a trifle, or to nothing where none is given.

    Whoever takes a group adds it to `taken`: many equal amounts would else make groups of all of them with all.
    """
    ones = sorted((one.amount, (place,)) for place, one in enumerate(changes))
    twos = sorted(
        (EXACT.add(changes[one].amount, changes[other].amount), (one, other))
        for one, other in combinations(range(len(changes)), 2)
        if changes[other].from_ms - changes[one].at_ms <= window_ms
    )
    for some, others in ((ones, ones), (ones, twos), (twos, twos)):
        sums = [amount for amount, _ in others]
        for amount, mine in some:
            if not taken.isdisjoint(mine):
                continue
            for span in _spans(sums, amount.copy_negate(), trifle):
                for _, theirs in others[span]:
                    if not taken.isdisjoint(mine):
                        break
                    if taken.isdisjoint(theirs) and not {*mine} & {*theirs}:
                        yield tuple(sorted({*mine, *theirs}))


def _spans(sums: list[Decimal], wanted: Decimal, trifle: Decimal | None) -> list[slice]:
    """Where the sums are that equal what is wanted, or are off it by a trifle and do not equal it."""
    first, last = bisect_left(sums, wanted), bisect_right(sums, wanted)
    if trifle is None:
        return [slice(first, last)]
    lowest = bisect_left(sums, EXACT.subtract(wanted, trifle), hi=first)
    highest = bisect_right(sums, EXACT.add(wanted, trifle), lo=last)
    return [slice(lowest, first), slice(last, highest)]


def _hangs(some: Sequence[Change], window_ms: int) -> bool:
    """Whether each of them is near enough to the one before it."""
    return all(after.from_ms - before.at_ms <= window_ms for before, after in pairwise(some))

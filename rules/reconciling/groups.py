"""Groups: the changes of several accounts that are one movement, or movements that met in one account."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, combinations, islice

from rules.changed import replace
from rules.values import EXACT, add

TRIED_MOST = 2_000
"""Sums that fit, of many equal amounts, which are looked at further."""


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


def around(changes: Sequence[Change], place: int, window_ms: int, most: int) -> list[tuple[int, ...]]:
    """The places of the smallest groups of one change and at least two others that add up to nothing.

    No group is larger than `most`, and none is made of smaller ones. Those that are nearest together come first. Where
    there are none all that is open between two moments may do.
    """
    amounts = _whole([one.amount for one in changes])
    others = [one for one in range(len(changes)) if one != place]
    sums: list[dict[int, list[tuple[int, ...]]]] = []
    for size in range(3, most + 1):
        half = (size - 1) // 2
        rest = size - 1 - half
        while len(sums) <= rest:
            by_sum: dict[int, list[tuple[int, ...]]] = {}
            for some in combinations(others, len(sums)):
                by_sum.setdefault(sum(amounts[one] for one in some), []).append(some)
            sums.append(by_sum)
        found = (
            tuple(sorted((place, *mine, *theirs)))
            for amount, some in sums[half].items()
            for theirs in sums[rest].get(-amounts[place] - amount, ())
            for mine in some
            if not {*mine} & {*theirs}
        )
        tried = dict.fromkeys(islice(found, TRIED_MOST))
        fitting = [group for group in tried if _is_one([changes[one] for one in group], window_ms)]
        if fitting:
            return sorted(fitting, key=lambda group: (_spread(changes, group), group))
    return _run(changes, amounts, place, window_ms)


def _run(
    changes: Sequence[Change], amounts: Sequence[int], place: int, window_ms: int
) -> list[tuple[int, ...]]:
    """The shortest run of changes around one that adds up to nothing: all that is open between two moments."""
    totals = [0, *accumulate(amounts)]
    runs = sorted(
        (last - first, first, last)
        for first in range(place + 1)
        for last in range(place + 1, len(totals))
        if totals[first] == totals[last]
    )
    every = (tuple(range(first, last)) for _, first, last in runs)
    return [run for run in every if len(run) > 2 and _hangs([changes[one] for one in run], window_ms)][:1]  # noqa: PLR2004


def _whole(amounts: Sequence[Decimal]) -> list[int]:
    """The amounts in the finest unit of any of them: many sums of whole numbers are quick, and as exact."""
    finest = min(int(one.as_tuple().exponent) for one in amounts)
    return [int(EXACT.scaleb(one, -finest)) for one in amounts]


def _spread(changes: Sequence[Change], group: tuple[int, ...]) -> int:
    """How far apart in time the first and the last change of a group are; places are in the order of time."""
    return changes[group[-1]].at_ms - changes[group[0]].at_ms


def _is_one(some: Sequence[Change], window_ms: int) -> bool:
    """Whether a group hangs together, and no part of it adds up to nothing by itself."""
    return _hangs(some, window_ms) and all(
        add(one.amount for one in part)
        for count in range(2, len(some) // 2 + 1)
        for part in combinations(some, count)
    )


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
    """Whether each of them is near enough to one after it: one whose reading reaches far back is near to many."""
    begins = reversed(list(accumulate((one.from_ms for one in reversed(some)), min)))
    return all(
        begin - before.at_ms <= window_ms
        for before, begin in zip(some, islice(begins, 1, None), strict=False)
    )

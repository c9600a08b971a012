"""Leaks: which part of a sum that is not zero no movement under way can explain.

A change of the window may be one half of a movement, or hide one beside other changes of its account. Told is only
what stands when every such reading is taken away; how sure that is depends on how many digits the amounts have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations

from rules.values import EXACT, ZERO, add

PAIRED_LEAST = 12
"""So many changes that found their other side show how fine the amounts of an asset are."""

RARE = 10**9
"""Amounts of so many of their finest units do not meet by chance: equal ones are one movement."""

SWEEPS_OF_ONE_LEAK = 8
"""Where amounts do meet by chance the same leak must explain so many sweeps in a row."""

CHAIN_MOST = 8
"""Changes that hang together for more windows than this may have a beginning that is forgotten by now."""

GROUPED_MOST = 64
SUMMED_MOST = 16
"""More changes than these are not searched for sums: what they hide is told when they are over."""


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


@dataclass(frozen=True, slots=True)
class Found:
    """`leak` is None where it cannot be told; `sure` is False where it must stand for more sweeps."""

    leak: Decimal | None
    sure: bool = True


UNTOLD = Found(None)


def find(total: Decimal, changes: Sequence[Change], window_ms: int) -> Found:
    """The part of `total` that no change of the window explains; `changes` are in the order of time."""
    changes = paired(changes, window_ms)
    recent = [one for one in changes if one.recent]
    if not recent:
        return Found(total)
    fine = _fine(changes)
    dust = ZERO if fine is None else _remainder(total, min(fine, unit(one.size for one in recent)))
    if dust:
        return Found(dust)
    rich = fine is not None and min(one.size.copy_abs() for one in recent) >= RARE * fine
    left = [one for one in changes if not one.paired and one.amount]
    if rich and len(left) <= GROUPED_MOST:
        left = ungrouped(left, window_ms)
    open_ = _open(left, window_ms)
    if open_ and changes[-1].at_ms - open_[0].at_ms > CHAIN_MOST * window_ms:
        return UNTOLD
    leak = EXACT.subtract(total, add(one.amount for one in open_))
    calm = leak == total and all(one.paired for one in recent)
    if rich or calm or (len(recent) <= SUMMED_MOST and not is_sum(total, [one.size for one in recent])):
        return Found(leak, sure=rich)
    return UNTOLD


def paired(changes: Sequence[Change], window_ms: int) -> list[Change]:
    """The changes with those paired that have an equal opposite near them, in the same account too."""
    found = list(changes)
    waiting: dict[Decimal, list[int]] = {}
    for place, one in enumerate(changes):
        if one.paired or not one.amount:
            continue
        others = waiting.setdefault(-one.amount, [])
        near = [other for other in others if one.from_ms - changes[other].at_ms <= window_ms]
        if near:
            others.remove(near[0])
            for half in (place, near[0]):
                found[half] = replace(found[half], paired=True)
        else:
            waiting.setdefault(one.amount, []).append(place)
    return found


def unit(amounts: Iterable[Decimal]) -> Decimal:
    """The largest power of ten of which every amount is a multiple."""
    exponents = [int(one.normalize(EXACT).as_tuple().exponent) for one in amounts if one]
    return Decimal(1).scaleb(min(exponents, default=0))


def ungrouped(changes: list[Change], window_ms: int) -> list[Change]:
    """What is left when threes that add up to nothing are taken out: two movements met in one account."""
    left = list(changes)
    for first in changes:
        if first not in left:
            continue
        near = [
            one
            for one in left
            if one is not first and first.at_ms <= one.at_ms and one.from_ms - first.at_ms <= 2 * window_ms
        ]
        of_amount = {one.amount: one for one in near}
        for second in near:
            third = of_amount.get(-EXACT.add(first.amount, second.amount))
            if third is not None and third is not second:
                left = [one for one in left if one not in (first, second, third)]
                break
    return left


def is_sum(total: Decimal, amounts: Sequence[Decimal]) -> bool:
    """Whether some of the amounts add up to the total."""
    half = len(amounts) // 2
    one, other = _sums(amounts[:half]), _sums(amounts[half:])
    return any(EXACT.subtract(total, some) in other for some in one)


def _sums(amounts: Sequence[Decimal]) -> set[Decimal]:
    return {add(some) for count in range(len(amounts) + 1) for some in combinations(amounts, count)}


def _open(changes: list[Change], window_ms: int) -> list[Change]:
    """The changes that hang together with one of the window, each near enough to the one before it."""
    chain: list[Change] = []
    last_ms = None
    for one in changes:
        if last_ms is not None and one.from_ms - last_ms > window_ms:
            chain = []
        chain.append(one)
        last_ms = one.at_ms
    return chain if any(one.recent for one in chain) else []


def _fine(changes: Sequence[Change]) -> Decimal | None:
    """The finest unit of the amounts that have found their other side; None while too few have."""
    sizes = [one.size for one in changes if one.paired]
    return unit(sizes) if len(sizes) >= PAIRED_LEAST else None


def _remainder(total: Decimal, fine: Decimal) -> Decimal:
    """What the total is off the nearest multiple of a unit, with its sign."""
    rest = EXACT.remainder(total, fine)
    if rest.copy_abs() * 2 <= fine:
        return rest or ZERO
    return EXACT.subtract(rest, fine.copy_sign(rest))

"""Leaks: which part of a sum that is not zero no movement under way can explain.

A change of the window may be one half of a movement, or hide one beside other changes of its account. Told is only
what stands when every such reading is taken away; how sure that is depends on how many digits the amounts have.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from rules.changed import replace
from rules.reconciling import groups
from rules.reconciling.groups import Change
from rules.values import EXACT, ZERO, add

PAIRED_LEAST = 12
"""So many changes that found their other side show how fine the amounts of an asset are."""

SCALE_LEAST = 24
"""So many show how large they are: one a billion times smaller than all of them is no movement."""

RARE = 10**9
"""Amounts of so many of their finest units do not meet by chance: equal ones are one movement."""

SWEEPS_OF_ONE_LEAK = 8
"""Where amounts do meet by chance the same leak must explain so many sweeps in a row."""

LEAST_MOVED = Decimal("1e-15")
"""Nobody moves as little as this of any coin: it is far below the least that a venue takes for a transfer."""

CHAIN_MOST = 8
"""Changes that hang together for more windows than this may have a beginning that is forgotten by now."""

GROUPED_MOST = 64
SUMMED_MOST = 16
"""More changes than these are not searched for sums: what they hide is told when they are over."""


@dataclass(frozen=True, slots=True)
class Found:
    """`leak` is None where it cannot be told; `sure` is False where it must stand for more sweeps.

    `early` tells that the window of what shows it is not over: no sweep was waited for. `held` tells that what is taken
    to be under way was seen before a leak was told, so that it cannot say that nothing leaks any more. `grain` is given
    where only what is finer than it is told, as all that moves are multiples of it: there may be more of it than that.
    `open` are then the amounts that may be under way, None where they are more than can be added up.
    """

    leak: Decimal | None
    sure: bool = True
    early: bool = False
    held: bool = False
    grain: Decimal | None = None
    open: tuple[Decimal, ...] | None = None


UNTOLD = Found(None)


def find(
    total: Decimal,
    changes: Sequence[Change],
    window_ms: int,
    told_ms: int = -1,
    told: Decimal = ZERO,
    *,
    spared: Decimal = ZERO,
) -> Found:
    """The part of `total` that no change of the window explains; `changes` are in the order of time.

    A leak was told at `told_ms`, by now as `told`: what was seen until then did not explain it, and cannot explain it
    away. With `spared`, an amount that is tolerated or told already, digits finer than those of all that moves say
    nothing by themselves.
    """
    changes = groups.paired(changes, window_ms)
    left = [one for one in changes if not one.paired and one.amount]
    trifle = _trifle(changes)
    off = _off(left, window_ms, trifle)
    # Until it is known how much is moved here, only what is seen quite alone is told early.
    if sum(one.paired for one in changes) < SCALE_LEAST and not _is_alone(off, left):
        off, trifle = set(), ZERO
    rest = [one for one in changes if one not in off]
    found = _found(
        total, rest, [one for one in left if one not in off], window_ms, trifle, told_ms, told, spared
    )
    if not any(one.recent for one in off):
        return found
    # Where the sum says so with them as well, what leaked was seen before the window.
    plain = _found(total, changes, left, window_ms, trifle, told_ms, told, spared)
    return replace(found, early=not (plain.sure and plain.leak == found.leak))


def _found(
    total: Decimal,
    changes: Sequence[Change],
    left: list[Change],
    window_ms: int,
    trifle: Decimal,
    told_ms: int,
    told: Decimal,
    spared: Decimal,
) -> Found:
    """What stands when all that is `left`, without its other side, is taken to be under way."""
    recent = [one for one in changes if one.recent]
    if not recent:
        return Found(total)
    fine, grain = _fine(changes), unit(one.size for one in recent)
    finest = grain if fine is None else min(fine, grain)
    dust = remainder(total, finest)
    finer = bool(dust) and (fine is not None or dust.copy_abs() <= min(trifle, EXACT.scaleb(grain, -9)))
    if finer and not spared:
        under_way = _open(left, window_ms)
        plain = dust.copy_abs() <= max(trifle, EXACT.scaleb(finest, -9))
        if not plain and _is_other(total, dust, finest, under_way, told):
            dust = EXACT.subtract(dust, finest.copy_sign(dust))
        few = len(under_way) <= SUMMED_MOST
        return Found(dust, grain=finest, open=tuple(one.amount for one in under_way) if few else None)
    rich = fine is not None and min(one.size.copy_abs() for one in recent) >= RARE * fine
    apart = groups.ungrouped(left, window_ms) if rich and len(left) <= GROUPED_MOST else left
    open_ = _open(apart, window_ms)
    leak = EXACT.subtract(total, add(one.amount for one in open_))
    if rich and fine is not None and _met(leak, changes, window_ms, RARE * fine):
        rich, open_ = False, _open(left, window_ms)
        leak = EXACT.subtract(total, add(one.amount for one in open_))
    held = bool(open_) and open_[0].at_ms <= told_ms
    if leak and leak.copy_abs() <= trifle:
        return Found(leak, held=held)  # amounts that were taken for others would be off by more
    if open_ and changes[-1].at_ms - open_[0].at_ms > CHAIN_MOST * window_ms:
        return UNTOLD
    calm = leak == total and all(one.paired for one in recent)
    sizes = [one.size for one in recent]
    if rich or calm or (len(recent) <= SUMMED_MOST and not is_sum(total, sizes, spared)):
        return Found(leak, sure=rich, held=held)
    return UNTOLD


def may_go_on(changes: Sequence[Change], window_ms: int) -> bool:
    """Whether a change of the window is as large as what is moved here: its other side may still come.

    Then a sum of nothing does not say that what leaked came back: by chance it is as much.
    """
    every = groups.paired(changes, window_ms)
    least = min((one.size.copy_abs() for one in every if one.paired), default=None)
    return least is not None and any(
        one.recent and not one.paired and one.size.copy_abs() >= least for one in every
    )


def _is_other(
    total: Decimal, dust: Decimal, grain: Decimal, under_way: Sequence[Change], told: Decimal
) -> bool:
    """Whether digits are what is missing the other way round: a theft of 6 among tens is no surplus of 4.

    As long as they are the digits of what was `told` they keep its sign.
    """
    if told and not remainder(EXACT.subtract(told, dust), grain):
        return told.is_signed() != dust.is_signed()
    recent = [one.amount for one in under_way if one.recent]
    likely = EXACT.subtract(total, add(recent))
    if likely.is_signed() == dust.is_signed():
        return False
    if len(under_way) > SUMMED_MOST:
        # Of so many some sum always fits; a stray or two of them are no larger than this.
        return likely.copy_abs() > 2 * max((one.copy_abs() for one in recent), default=ZERO)
    return not is_sum(EXACT.subtract(total, dust), [one.amount for one in under_way])


def _met(leak: Decimal, changes: Sequence[Change], window_ms: int, coarse: Decimal) -> bool:
    """Whether round amounts may have met by chance in a leak: it is round, and more than one of late is.

    They are multiples of a `coarse` unit, and few, however fine the rest is. Paired ones as well: one that found a
    stranger's side leaves that stranger alone.
    """
    if not leak or EXACT.remainder(leak, coarse):
        return False
    return sum(1 for one in _open(changes, window_ms) if not EXACT.remainder(one.size, coarse)) > 1


def unit(amounts: Iterable[Decimal]) -> Decimal:
    """The largest power of ten of which every amount is a multiple."""
    exponents = [int(one.normalize(EXACT).as_tuple().exponent) for one in amounts if one]
    return Decimal(1).scaleb(min(exponents, default=0))


def remainder(total: Decimal, fine: Decimal) -> Decimal:
    """What the total is off the nearest multiple of a unit, with its sign."""
    rest = EXACT.remainder(total, fine)
    if rest.copy_abs() * 2 <= fine:
        return rest or ZERO
    return EXACT.subtract(rest, fine.copy_sign(rest))


def is_sum(total: Decimal, amounts: Sequence[Decimal], spared: Decimal = ZERO) -> bool:
    """Whether some of the amounts add up to the total, or are off it by no more than what is tolerated."""
    half = len(amounts) // 2
    one, other = _sums(amounts[:half]), sorted(_sums(amounts[half:]))
    for some in one:
        wanted = EXACT.subtract(total, some)
        place = bisect_left(other, EXACT.subtract(wanted, spared))
        if place < len(other) and other[place] <= EXACT.add(wanted, spared):
            return True
    return False


def _sums(amounts: Sequence[Decimal]) -> set[Decimal]:
    return {add(some) for count in range(len(amounts) + 1) for some in combinations(amounts, count)}


def _open(changes: Sequence[Change], window_ms: int) -> list[Change]:
    """The changes that hang together with one of the window, each near enough to the one before it."""
    chain: list[Change] = []
    from_ms = 0
    for one in reversed(changes):
        # A wallet that was not read for long shows what happened at any time since then.
        if chain and from_ms - one.at_ms > window_ms:
            break
        from_ms = min(from_ms, one.from_ms) if chain else one.from_ms
        chain.append(one)
    return chain[::-1] if any(one.recent for one in chain) else []


def _off(left: list[Change], window_ms: int, trifle: Decimal) -> set[Change]:
    """The changes that are no movement, and those of movements that arrived a trifle off: that is what leaked."""
    off = {one for one in left if one.amount.copy_abs() <= trifle}
    rest = [one for one in left if one not in off]
    return off | groups.off(rest, window_ms, trifle) if len(rest) <= GROUPED_MOST else off


def _is_alone(off: set[Change], left: Sequence[Change]) -> bool:
    """Whether nothing is under way but one trifle, or one movement that is a trifle off."""
    recent = [one for one in left if one.recent]
    most = 1 if any(one.amount.copy_abs() <= LEAST_MOVED for one in recent) else 2
    return len(recent) <= most and off.issuperset(recent)


def _trifle(changes: Sequence[Change]) -> Decimal:
    """No movement is as small as this: less than any venue moves, and than a billionth of all that moved lately."""
    sizes = [one.size.copy_abs() for one in changes if one.paired]
    return min(LEAST_MOVED, EXACT.scaleb(min(sizes), -9)) if sizes else LEAST_MOVED


def _fine(changes: Sequence[Change]) -> Decimal | None:
    """The finest unit of the amounts that have found their other side; None while too few have."""
    sizes = [one.size for one in changes if one.paired]
    return unit(sizes) if len(sizes) >= PAIRED_LEAST else None

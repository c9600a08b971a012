"""Legs: the changes of totals between consecutive readings, and the ways to find them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from rules.changed import replace
from rules.figures import Arrival
from rules.ledger import Leg, LegKey
from rules.step import Step
from rules.values import EXACT, ZERO, figure


@dataclass(slots=True)
class Legs:
    """Derived from the table: the legs of each asset in the order of time, and those of equal amount."""

    of_asset: dict[tuple[str, str], list[LegKey]] = field(default_factory=dict)
    of_amount: dict[tuple[str, str, Decimal], dict[LegKey, None]] = field(default_factory=dict)


def legs(step: Step) -> Legs:
    """The index of legs, built at its first use."""
    found = step.world.index.legs
    if not isinstance(found, Legs):
        found = step.world.index.legs = Legs()
        for key in sorted(step.world.legs, key=lambda key: (key.at_ms, key)):
            _file(found, key, amount_of(step.world.legs[key]))
    return found


def amount_of(leg: Leg) -> Decimal:
    """By how much the total changed."""
    return Decimal(leg.amount)


def is_open(leg: Leg) -> bool:
    """Whether nothing explains the leg yet."""
    return not (leg.match or leg.stated or leg.declared)


def taken(step: Step, arrival: Arrival, changed: Iterable[str], *, since_ms: int) -> list[tuple[LegKey, Leg]]:
    """The legs of one reading. The first look at an account that came after `since_ms` counts from nothing held."""
    account, wallet = arrival.account, arrival.wallet
    held = step.world.holdings[account.key, wallet]
    before = arrival.before
    is_new = before is None and 0 < since_ms < account.first_seen_ms
    if before is None and not is_new:
        return []
    from_ms = account.first_seen_ms if before is None else before.began_ms
    found: list[tuple[LegKey, Decimal]] = []
    for asset in sorted(changed):
        old = ZERO if before is None else figure(before, asset, "total")
        new = figure(held, asset, "total")
        if old is not None and new is not None and new != old:
            key = LegKey(account.exchange, asset, account.key, wallet, arrival.ended_ms)
            found.append((key, EXACT.subtract(new, old)))
    rose = any(amount > 0 for _, amount in found)
    fell = any(amount < 0 for _, amount in found)
    return [(key, Leg(text_of(amount), from_ms, traded=rose and fell)) for key, amount in found]


def text_of(amount: Decimal) -> str:
    """The amount as people write it: venues fill up with zeros, which a difference would keep."""
    return format(amount.normalize(EXACT), "f")


def put(step: Step, key: LegKey, leg: Leg) -> None:
    """Store a leg and keep the index true."""
    book, before = legs(step), step.world.legs.get(key)
    if before is not None and before.amount != leg.amount:
        _unfile(book, key, amount_of(before))
    step.world.legs[key] = leg
    _file(book, key, amount_of(leg))


def add(step: Step, key: LegKey, leg: Leg) -> LegKey:
    """Store a new leg; one that the same call showed already grows by it."""
    before = step.world.legs.get(key)
    if before is not None:
        amount = EXACT.add(amount_of(before), amount_of(leg))
        leg = replace(before, amount=text_of(amount))
    put(step, key, leg)
    return key


def drop(step: Step, key: LegKey) -> None:
    """Forget a leg."""
    _unfile(legs(step), key, amount_of(step.world.legs[key]))
    del step.world.legs[key]


def of_asset(step: Step, exchange: str, asset: str) -> list[LegKey]:
    """Every leg kept of an asset, in the order of time."""
    return list(legs(step).of_asset.get((exchange, asset), ()))


def nearest(step: Step, key: LegKey, within_ms: int) -> Iterator[LegKey]:
    """The other legs of its asset near enough in time to a leg, those first that were seen nearest to it."""
    every = legs(step).of_asset[key.exchange, key.asset]
    above = bisect_left(every, _in_time(key), key=_in_time) + 1
    below = above - 2
    first_ms = step.world.legs[key].from_ms - within_ms
    while True:
        earlier = every[below] if below >= 0 and every[below].at_ms >= first_ms else None
        later = every[above] if above < len(every) else None
        if later is None or (earlier is not None and key.at_ms - earlier.at_ms <= later.at_ms - key.at_ms):
            one, below = earlier, below - 1
        else:
            one, above = later, above + 1
        if one is None:
            return
        if gap_ms(step, key, one) <= within_ms:
            yield one


def opposite(step: Step, key: LegKey, within_ms: int) -> list[LegKey]:
    """The legs of equal amount and opposite sign near enough in time, whatever became of them, oldest first."""
    leg = step.world.legs[key]
    amount = amount_of(leg)
    near = legs(step).of_amount.get((key.exchange, key.asset, amount.copy_abs()), ())
    return [
        other
        for other in near
        if amount_of(step.world.legs[other]) == amount.copy_negate() and gap_ms(step, key, other) <= within_ms
    ]


def came_back(step: Step, key: LegKey) -> bool:
    """Whether what left was in its account again later: each amount that came back is the last one that had left."""
    leg = step.world.legs[key]
    size = amount_of(leg).copy_abs()
    every = legs(step).of_amount.get((key.exchange, key.asset, size), ())
    gone: list[LegKey] = []
    for one in sorted(every, key=lambda one: (one.at_ms, one)):
        other = step.world.legs[one]
        if one.account != key.account or not is_open(other):
            continue
        if amount_of(other) < 0:
            gone.append(one)
        elif gone and gone.pop() == key:
            return True
    return False


def gap_ms(step: Step, one: LegKey, other: LegKey) -> int:
    """How far apart two changes were at least: 0 where both may have been at one instant."""
    began = max(step.world.legs[one].from_ms, step.world.legs[other].from_ms)
    return max(0, began - min(one.at_ms, other.at_ms))


def _file(book: Legs, key: LegKey, amount: Decimal) -> None:
    every = book.of_asset.setdefault((key.exchange, key.asset), [])
    if not _is_filed(every, key):
        insort(every, key, key=_in_time)
    book.of_amount.setdefault((key.exchange, key.asset, amount.copy_abs()), {})[key] = None


def _unfile(book: Legs, key: LegKey, amount: Decimal) -> None:
    asset, equal = (key.exchange, key.asset), (key.exchange, key.asset, amount.copy_abs())
    every = book.of_asset.get(asset, [])
    if _is_filed(every, key):
        del every[bisect_left(every, _in_time(key), key=_in_time)]
    if not every:
        book.of_asset.pop(asset, None)
    kept = book.of_amount.get(equal, {})
    kept.pop(key, None)
    if not kept:
        book.of_amount.pop(equal, None)


def _is_filed(every: list[LegKey], key: LegKey) -> bool:
    place = bisect_left(every, _in_time(key), key=_in_time)
    return place < len(every) and every[place] == key


def _in_time(key: LegKey) -> tuple[int, LegKey]:
    """Where a leg stands: those of one instant come in one order, also in a World made anew."""
    return key.at_ms, key

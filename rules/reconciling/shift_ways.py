"""Where what left an account went, as far as anything accounts for it: a key that may only trade moves nothing away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from rules.ledger import LEFT, MAJOR, LegKey, Mark, Match, ShiftKey
from rules.reconciling import legs, proofs
from rules.reconciling.tracking import SWEEPS_IN_FLIGHT
from rules.records import Account
from rules.ruleset import HOUR_MS, ExchangeSettings, Rule
from rules.statements import MovementKind, Transfer
from rules.step import Step
from rules.sweep import planned_sweep_ms
from rules.values import EXACT, ZERO, add, figure

SAME_TIME_MS = 10_000
"""Two sides of one movement are seen so far apart at least, however fast a sweep is."""

LARGEST = 8
"""So many of the changes of an account are looked for in all others."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a total: it was left at `from_ms`, and the change was seen before `until_ms`."""

    asset: str
    amount: Decimal
    from_ms: int
    until_ms: int

    def holds(self, at_ms: int) -> bool:
        """Whether it may have happened at a time."""
        return self.from_ms < at_ms <= self.until_ms


def total_of(step: Step, account: Account, asset: str) -> Decimal | None:
    """What all wallets of an account hold; None while one of them does not tell."""
    wallets = sorted(step.world.index.wallets.get(account.key, ()))
    figures = [figure(step.world.holdings[account.key, wallet], asset, "total") for wallet in wallets]
    known = [one for one in figures if one is not None]
    return add(known) if len(known) == len(figures) else None


def points_of(marks: Sequence[Mark], major: str) -> list[Mark]:
    """The totals of a major that were left, the oldest first."""
    return [mark for mark in marks if (mark.kind, mark.asset) == (MAJOR, major)]


def changes_of(points: Sequence[Mark], now: Decimal, now_ms: int) -> list[Change]:
    """What became of each of those totals."""
    ends = [(Decimal(mark.value), mark.last_ms) for mark in points] + [(now, now_ms)]
    return [
        Change(mark.asset, EXACT.subtract(after[0], before[0]), before[1], after[1])
        for mark, (before, after) in zip(points, pairwise(ends), strict=True)
    ]


def went(
    step: Step,
    settings: ExchangeSettings,
    rule: Rule,
    account: Account,
    marks: Sequence[Mark],
    changes: Sequence[Change],
) -> list[Decimal]:
    """How much of each change went elsewhere, or below zero came from there: never more than the change."""
    if not changes:
        return []
    asset = changes[0].asset
    ended = [
        (mark.last_ms, Decimal(mark.value)) for mark in marks if (mark.kind, mark.asset) == (LEFT, asset)
    ]
    moved = _by_legs(step, account, asset)
    told = _told(changes, _stated(step, account, asset))
    away = _elsewhere(step, settings, rule, account, changes)
    found = []
    for place, one in enumerate(changes):
        size, sign = one.amount.copy_abs(), 1 if one.amount > 0 else -1
        ways = [
            add(amount for at_ms, amount in ended if one.holds(at_ms)) if sign < 0 else ZERO,
            add(amount for at_ms, amount in moved if one.holds(at_ms)) * sign,
            told[place],
            size if place in away else ZERO,
        ]
        found.append(min(size, max(ways)).copy_sign(one.amount.copy_negate()))
    return found


def _by_legs(step: Step, account: Account, asset: str) -> list[tuple[int, Decimal]]:
    """When, and by how much, movements that are followed changed the account."""
    found = []
    for key in legs.of_asset(step, account.exchange, asset):
        if key.account != account.key:
            continue
        leg = step.world.legs[key]
        match = step.world.matches.get(leg.match)
        if leg.declared or (match is not None and _is_sure(step, key, match)):
            sides = set() if match is None else {one.account for one in (*match.givers, *match.takers)}
            if sides != {account.key}:
                found.append((key.at_ms, legs.amount_of(leg)))
        elif leg.stated:
            found += [
                (key.at_ms, proofs.sign(step, key, said) * Decimal(said.amount))
                for said in proofs.stated(step, key)
            ]
    return found


def _is_sure(step: Step, key: LegKey, match: Match) -> bool:
    """Whether no third account may as well have been this side of the movement."""
    known, falls = step.world.legs, legs.amount_of(step.world.legs[key]) < 0
    rivals = [other for other in match.rivals if other in known]
    return bool(match.proof) or not any((legs.amount_of(known[other]) < 0) == falls for other in rivals)


def _stated(step: Step, account: Account, asset: str) -> list[tuple[int, Transfer]]:
    """What the venue states that the account gave (-1) or took (1), the oldest first."""
    key = LegKey(account.exchange, asset, account.key, "", step.now_ms)
    ours = [
        (said.at_ms, place, sign, said)
        for place, said in step.world.stated.items()
        if place[0] == account.exchange and said.asset == asset and (sign := proofs.sign(step, key, said))
    ]
    return [(sign, said) for _, _, sign, said in sorted(ours, key=lambda item: item[:2])]


def _told(changes: Sequence[Change], stated: Sequence[tuple[int, Transfer]]) -> list[Decimal]:
    """How much of each change the statements account for: none accounts for more than it names.

    It is the oldest change of its time of exactly its amount; else it is of those of its time, the oldest first.
    """
    left = [one.amount.copy_abs() for one in changes]
    others = []
    for sign, said in stated:
        amounts = proofs.amounts_of(said)
        # Ways in and out are dated when they began.
        early_ms = 0 if said.kind is MovementKind.INTERNAL else HOUR_MS
        near = _near(changes, sign, said, early_ms)
        exact = next((place for place in near if left[place] in amounts), None)
        if exact is None:
            others.append((sign, said, max(amounts)))
        else:
            left[exact] = ZERO
    for sign, said, amount in others:
        rest = amount
        for place in _near(changes, sign, said, 0):
            if not rest:
                break
            part = min(rest, left[place])
            rest, left[place] = EXACT.subtract(rest, part), EXACT.subtract(left[place], part)
    return [EXACT.subtract(one.amount.copy_abs(), rest) for one, rest in zip(changes, left, strict=True)]


def _near(changes: Sequence[Change], sign: int, said: Transfer, early_ms: int) -> Iterator[int]:
    """The changes of a sign which a statement may be of, that may be dated so much earlier."""
    for place, one in enumerate(changes):
        since_ms = one.from_ms - proofs.SLACK_MS - early_ms
        if since_ms <= said.at_ms <= one.until_ms + proofs.SLACK_MS and (one.amount > 0) == (sign > 0):
            yield place


def _elsewhere(
    step: Step, settings: ExchangeSettings, rule: Rule, account: Account, changes: Sequence[Change]
) -> set[int]:
    """The changes which another account made the other way by the very same amount, and no third one did as well."""
    most_ms = max(SAME_TIME_MS, (SWEEPS_IN_FLIGHT + 1) * planned_sweep_ms(step, settings))
    places = sorted(range(len(changes)), key=lambda place: (-changes[place].amount.copy_abs(), place))[
        :LARGEST
    ]
    votes = dict.fromkeys(places, 0)
    first_ms = min(changes[place].from_ms for place in places) - most_ms
    for other in step.accounts_of(account.exchange):
        marks = step.world.shifts.get(ShiftKey(rule.key, other.key))
        if not marks or other.key == account.key or marks[-1].last_ms < first_ms:
            continue
        points = points_of(marks, changes[0].asset)
        now = total_of(step, other, changes[0].asset) if points else None
        for theirs in changes_of(points, now, step.now_ms) if now is not None else ():
            for place in places:
                one = changes[place]
                if abs(theirs.from_ms - one.from_ms) <= most_ms:
                    votes[place] += theirs.amount == one.amount.copy_negate()
                    votes[place] -= theirs.amount == one.amount
    return {place for place in places if votes[place] > 0}

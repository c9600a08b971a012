"""What the venue's own statements prove of legs: which two are one movement, and what one leg is made of."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from rules import accounts
from rules.changed import replace
from rules.ledger import Leg, LegKey, Proof
from rules.model import Identity
from rules.outcome import HistoryWanted
from rules.reconciling import legs
from rules.records import Account
from rules.ruleset import DAY_MS
from rules.statements import MovementKind, Transfer
from rules.step import Step
from rules.values import EXACT, add

SLACK_MS = 5_000
"""The time of a statement and the time at which balances show it may differ by so much."""

AHEAD_MS = 1_000
"""What a venue has just stated may be dated so much later than now: how far its clock is ahead is an estimate."""

CHAIN_MOST = 4
"""Statements of one movement that was passed on from account to account between two readings."""

EXTERNAL_MS = DAY_MS
"""A deposit or withdrawal is dated when it began; its balance may move so much later."""


def ask(step: Step, keys: Iterable[LegKey], accounts: Iterable[int] = ()) -> None:
    """Wish for what the venue states of legs of one asset: of these accounts, or else of all theirs."""
    keys = list(keys)
    who = tuple(accounts) or tuple(sorted({key.account for key in keys}))
    since_ms = min(step.world.legs[key].from_ms for key in keys if key in step.world.legs) - SLACK_MS
    step.outcome.histories.append(
        HistoryWanted(keys[0].exchange, who, (keys[0].asset,), since_ms, step.now_ms + AHEAD_MS)
    )


def leg_at(
    step: Step, exchange: str, one: Transfer, account: Account | None, amount: Decimal
) -> LegKey | None:
    """The leg of exactly this amount around the time of a statement, the oldest that fits and is not proven."""
    if account is None:
        return None
    for key in legs.of_asset(step, exchange, one.asset):
        leg = step.world.legs[key]
        if key.account != account.key or legs.amount_of(leg) != amount or not _is_near(leg, key, one):
            continue
        match = step.world.matches.get(leg.match)
        if not leg.stated and (match is None or not match.proof or one.id in match.proofs):
            return key
    return None


def proof_of(step: Step, gave: LegKey, took: LegKey) -> str:
    """The id of the statement that two legs are one movement, "" where none is known."""
    amount = legs.amount_of(step.world.legs[took])
    used = _used(step)
    for _, one in _near(step, took):
        if one.id in used or Decimal(one.amount) != amount or not _is_near(step.world.legs[gave], gave, one):
            continue
        if sign(step, gave, one) < 0 and sign(step, took, one) > 0:
            return one.id
    return ""


def same(step: Step, known: LegKey, key: LegKey) -> str:
    """The id of the one statement that a leg is made of, where it names another leg as its other side; else ""."""
    if step.world.legs[known].match:
        return ""
    found = stated(step, known)
    if len(found) != 1 or found[0].kind is not MovementKind.INTERNAL:
        return ""
    one = found[0]
    return one.id if sign(step, key, one) and sign(step, key, one) == -sign(step, known, one) else ""


def explain(step: Step, key: LegKey) -> bool:
    """Whether a leg is exactly the sum of the statements of its time that nothing else has used."""
    leg = step.world.legs[key]
    mine = [other for other in legs.of_asset(step, key.exchange, key.asset) if other.account == key.account]
    used = {name for other in mine for name in step.world.legs[other].stated}
    proven = {
        ident
        for other in mine
        if (match := step.world.matches.get(step.world.legs[other].match)) is not None
        for ident in match.proofs
    }
    found = [
        (name, [sign(step, key, one) * amount for amount in amounts_of(one)])
        for name, one in _near(step, key)
        if name not in used and one.id not in proven and sign(step, key, one)
    ]
    names = tuple(name for name, _ in found)
    sums = {add(amounts[which] for _, amounts in found) for which in (0, -1)}
    if not found or legs.amount_of(leg) not in sums:
        names = _long_since(step, key, used)
    if names:
        legs.put(step, key, replace(leg, stated=names))
    return bool(names)


def tells_of(step: Step, key: LegKey) -> bool:
    """Whether a statement names the leg's account and exactly its amount."""
    amount = legs.amount_of(step.world.legs[key])
    return any(sign(step, key, one) * Decimal(one.amount) == amount for _, one in _near(step, key))


def chain(step: Step, gave: LegKey, took: LegKey) -> list[Transfer]:
    """The statements by which exactly the amount went from one leg's account to another's by way of others.

    Those in between show nothing of it, because it had been passed on before they were read. Empty where there are
    none, or where one statement says it all.
    """
    amount, used = legs.amount_of(step.world.legs[took]), _used(step)
    since_ms = step.world.legs[gave].from_ms - SLACK_MS
    until_ms = max(gave.at_ms, took.at_ms) + SLACK_MS
    fitting = [
        (one.at_ms, place)
        for place, one in step.world.stated.items()
        if place[0] == took.exchange
        and one.asset == took.asset
        and one.kind is MovementKind.INTERNAL
        and one.id not in used
        and since_ms <= one.at_ms <= until_ms
        and Decimal(one.amount) == amount
    ]
    moves = [step.world.stated[place] for _, place in sorted(fitting)]
    ways: dict[object, list[Transfer]] = {gave.account: []}
    for _ in range(CHAIN_MOST):  # what is dated the same may be in any order
        for one in moves:
            giver, taker = (_place(step, took.exchange, who) for who in (one.giver, one.taker))
            way = ways.get(giver)
            if way is None or taker in ways or (way and one.at_ms < way[-1].at_ms):
                continue
            ways[taker] = [*way, one]
    found = ways.get(took.account, [])
    return found if 1 < len(found) <= CHAIN_MOST else []


def proof_by(step: Step, exchange: str, way: list[Transfer]) -> Proof:
    """What a chain proves: who passed on what."""
    said = []
    for one in way[1:]:
        account = whose(step, exchange, one.giver)
        label = account.label if account is not None else one.giver.label if one.giver is not None else ""
        said.append((one.id, label))
    return Proof(way[0].id, tuple(said))


def _place(step: Step, exchange: str, who: Identity | None) -> object:
    """Where a side of a statement is: an account by its key, another by what the venue calls it."""
    account = whose(step, exchange, who)
    return who if account is None else account.key


def _used(step: Step) -> set[str]:
    """The statements that prove movements already."""
    return {ident for match in step.world.matches.values() for ident in match.proofs}


def amounts_of(one: Transfer) -> tuple[Decimal, ...]:
    """What a statement may have moved: the second with a fee that may come on top of it or not."""
    amount = Decimal(one.amount)
    return (amount, EXACT.add(amount, Decimal(one.fee))) if one.fee else (amount,)


def stated(step: Step, key: LegKey) -> list[Transfer]:
    """The statements that a leg is made of."""
    names = step.world.legs[key].stated
    places = ((key.exchange, *name) for name in names)
    return [step.world.stated[place] for place in places if place in step.world.stated]


def withdrawals(step: Step, key: LegKey) -> list[Transfer]:
    """Those of them that went outside of the exchange."""
    return [one for one in stated(step, key) if one.kind is MovementKind.WITHDRAWAL]


def sign(step: Step, key: LegKey, one: Transfer) -> int:
    """-1 where the account gave, 1 where it took, 0 where it has no part in it, or both."""
    sides = (whose(step, key.exchange, who) for who in (one.giver, one.taker))
    gave, took = (side is not None and side.key == key.account for side in sides)
    return int(took) - int(gave)


def whose(step: Step, exchange: str, who: Identity | None) -> Account | None:
    """The account that a statement means; None is outside, or unknown.

    OKX names sub-accounts in its bills and tells no id. A name alone is no proof of who an account is, but among
    those that exist now only one bears it.
    """
    if who is None:
        return None
    found = accounts.find(step.world, exchange, who)
    if found is not None or who.venue_id or not who.name:
        return found
    named = [one for one in step.accounts_of(exchange) if one.present and one.identity.name == who.name]
    return named[0] if len(named) == 1 and not named[0].master else None


def _long_since(step: Step, key: LegKey, used: set[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """One way in or out of exactly this amount that was begun before its balance showed it: the oldest unused."""
    leg = step.world.legs[key]
    fitting = [
        (one.at_ms, (source, ident))
        for (exchange, source, ident), one in step.world.stated.items()
        if exchange == key.exchange
        and one.asset == key.asset
        and one.kind is not MovementKind.INTERNAL
        and (source, ident) not in used
        and leg.from_ms - EXTERNAL_MS <= one.at_ms <= key.at_ms + SLACK_MS
        and legs.amount_of(leg) in [sign(step, key, one) * amount for amount in amounts_of(one)]
    ]
    return (min(fitting)[1],) if fitting else ()


def _near(step: Step, key: LegKey) -> list[tuple[tuple[str, str], Transfer]]:
    leg = step.world.legs[key]
    found = (
        ((source, ident), one)
        for (exchange, source, ident), one in step.world.stated.items()
        if exchange == key.exchange and one.asset == key.asset and _is_near(leg, key, one)
    )
    return sorted(found, key=lambda item: item[0])


def _is_near(leg: Leg, key: LegKey, one: Transfer) -> bool:
    return leg.from_ms - SLACK_MS <= one.at_ms <= key.at_ms + SLACK_MS

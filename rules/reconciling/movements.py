"""Movements: what left one account and what arrived in another are one, told as one.

A leg finds its other side by asset, amount, sign and time; the oldest that fits is taken, and others that fit as
well are named. The venue's history settles that where it speaks, and never unmakes anything by silence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

from rules.ledger import Leg, LegKey, Match, Proof
from rules.plan import concerns
from rules.reconciling import changes, declared, forgetting, legs, proofs, telling
from rules.reconciling.prices import FIRST_WAIT_MS, is_awaited, is_dust
from rules.reconciling.tracking import (
    Tracking,
    parts_read,
    rules_on,
    seen_ms,
    spec_of,
    tracking_of,
    window_ms,
)
from rules.ruleset import HOUR_MS, ExchangeSettings, Rule
from rules.statements import MovementKind
from rules.step import Step
from rules.types.reconciliation import Tell
from rules.values import add, figure

UNREAD_MOST_MS = HOUR_MS
"""So long an outflow waits for accounts that cannot be read; then it is told as one whose way is not known."""

LOOK_AGAIN_MS, PRICE_AGAIN_MS = 5_000, 1_000
SUMMED_MOST = 14
"""Of more unexplained changes than this no sums are tried: some of them would fit by chance."""

SUM_OF = (2, 3)

UNPROVEN = Proof()


def arrived(step: Step, settings: ExchangeSettings, tracking: Tracking, key: LegKey) -> None:
    """A new leg: find its other side, or wait for it."""
    within = window_ms(step, settings, tracking)
    step.world.index.due(key.at_ms + within)
    known = step.world.legs
    near = legs.opposite(step, key, within)
    if step.world.stated and _foretold(step, tracking, key, near):
        return
    fitting = [other for other in near if legs.is_open(known[other])]
    inside = [other for other in fitting if other.account == key.account and other.wallet != key.wallet]
    across = [other for other in fitting if other.account != key.account]
    found = inside or across
    if found:
        first, *others = sorted(found, key=lambda one: (one.at_ms, one))
        proof = ""
        for one in (first, *others) if step.world.stated else ():
            gave, took = (key, one) if legs.amount_of(known[key]) < 0 else (one, key)
            proof = proofs.proof_of(step, gave, took)
            if proof:
                first, others = one, []
                break
        if not proof:
            # One that may as well have been its other side leaves the question open for this one, too.
            twins = [
                other for other in near if first in _rivals_of(step, other) and other.account != first.account
            ]
            for other in twins:
                _is_rival(step, known[other].match, other, key)
            others += [other for other in twins if other.account != key.account]
        matched(step, tracking, [key], [first], rivals=others, proof=Proof(proof))
        return
    for other in near:
        _is_rival(step, known[other].match, other, key)
    if step.world.stated and proofs.explain(step, key):
        return
    if legs.amount_of(known[key]) < 0 and rules_on(step, tracking, [key]):
        proofs.ask(step, [key])
        _may_be_dust(step, tracking, key)


def _foretold(step: Step, tracking: Tracking, key: LegKey, near: Iterable[LegKey]) -> bool:
    """Whether the venue spoke of the movement before both of its sides were read."""
    for other in near:
        proof = proofs.same(step, other, key)
        if proof:
            matched(step, tracking, [key], [other], proof=Proof(proof))
            return True
    for other in near if proofs.tells_of(step, key) else ():
        if step.world.legs[other].match or other.account == key.account:
            continue
        gave, took = (key, other) if legs.amount_of(step.world.legs[key]) < 0 else (other, key)
        way = proofs.chain(step, gave, took)
        if way:
            matched(step, tracking, [key], [other], proof=proofs.proof_by(step, key.exchange, way))
            return True
    return False


def matched(
    step: Step,
    tracking: Tracking,
    one: Iterable[LegKey],
    other: Iterable[LegKey],
    *,
    rivals: Iterable[LegKey] = (),
    proof: Proof = UNPROVEN,
    heard: Iterable[str] = (),
    alerts: tuple[str, ...] = (),
) -> Match:
    """Bind legs to one movement, and tell it to whom it concerns."""
    every = sorted((*one, *other), key=lambda key: (key.at_ms, key))
    givers = tuple(key for key in every if legs.amount_of(step.world.legs[key]) < 0)
    takers = tuple(key for key in every if key not in givers)
    ident = "|".join(str(part) for key in (givers[0], takers[0]) for part in key)
    late = any(step.world.legs[key].settled for key in givers)
    match = Match(ident, givers, takers, step.now_ms, tuple(rivals), proof.ident, chain=proof.chain)
    declared.free(step, every)
    for key in every:
        legs.put(step, key, replace(step.world.legs[key], match=ident, stated=()))
    declared.consume(step, tracking, match)
    if match.rivals and not match.proof and rules_on(step, tracking, every):
        proofs.ask(step, every)
    details = (*telling.details_of(step, match), *changes.told_alone(step, every))
    if late:
        details = (*details, "It was told before as unmatched: this is where it went.")
    hearers = set(heard)
    if alerts:  # it was told before with another other side: what was told is put right where it is shown
        _correct(step, match, alerts)
    for rule in [] if alerts else rules_on(step, tracking, every):
        if spec_of(rule).tell is Tell.ALL or (late and _was_told(step, rule, givers)):
            headline = telling.moved(step, match)
            alert = telling.event(step, rule, givers[0], headline, details, (*givers[1:], *takers))
            hearers |= alert.told
            alerts = (*alerts, alert.id)
    match = replace(match, alerts=alerts)
    step.world.matches[ident] = match
    changes.release(step, match, telling.moved(step, match), details, hearers)
    return step.world.matches[ident]


def proven(step: Step, match: Match, proof: Proof) -> None:
    """The venue states what amounts had said."""
    match = replace(match, proof=proof.ident, chain=proof.chain, rivals=())
    step.world.matches[match.id] = match
    _correct(step, match, match.alerts)


def passed_on(step: Step, key: LegKey) -> None:
    """A match by amounts may be one that other accounts passed on, as the venue states now."""
    match = step.world.matches.get(step.world.legs[key].match)
    if match is None or match.proof or len(match.givers) != 1 or len(match.takers) != 1:
        return
    if not all(side in step.world.legs for side in (*match.givers, *match.takers)):
        return  # of many changes the oldest are forgotten, one by one
    way = proofs.chain(step, match.givers[0], match.takers[0])
    if way:
        proven(step, match, proofs.proof_by(step, key.exchange, way))


def due(step: Step) -> None:
    """Windows that end now: an outflow without its other side is told, unless some account could not be asked."""
    waiting: dict[str, list[LegKey]] = {}
    for key, leg in step.world.legs.items():
        keys = waiting.setdefault(key.exchange, [])
        if _waits(leg):
            keys.append(key)
    for exchange, keys in sorted(waiting.items()):
        settings, tracking = step.exchange(exchange), tracking_of(step, exchange)
        if settings is None or tracking is None:
            continue
        within = window_ms(step, settings, tracking)
        over = [key for key in keys if key.at_ms + within <= step.now_ms]
        for key in keys:
            if key.at_ms + within > step.now_ms:
                step.world.index.due(key.at_ms + within)
        if over:
            _over(step, tracking, sorted(over, key=lambda key: (key.at_ms, key)), within)
        forgetting.old(step, settings, within)


def _over(step: Step, tracking: Tracking, over: list[LegKey], within: int) -> None:
    parts = parts_read(step, over[0].exchange)
    seen = [(seen_ms(step.world.holdings.get((who.key, wallet))), who.label) for who, wallet in parts]
    oldest = min((at for at, _ in seen), default=-1)
    for key in over:
        leg = step.world.legs.get(key)
        if leg is None or not _waits(leg):
            continue  # an earlier one of this round has taken it
        unread = [label for at, label in seen if at < key.at_ms] if oldest < key.at_ms else []
        if unread and not leg.stated and step.now_ms < key.at_ms + within + UNREAD_MOST_MS:
            step.world.index.due(step.now_ms + LOOK_AGAIN_MS)
            continue
        _settle(step, tracking, key, within, unread)


def _settle(step: Step, tracking: Tracking, key: LegKey, within: int, unread: list[str]) -> None:
    """The window of one leg is over."""
    if declared.settles(step, tracking, key):
        return
    leg = step.world.legs[key]
    amount, gone = legs.amount_of(leg), proofs.withdrawals(step, key)
    if not gone and _sums(step, tracking, key, within):
        return
    if amount < 0 and step.now_ms < key.at_ms + within + FIRST_WAIT_MS and _may_be_dust(step, tracking, key):
        step.world.index.due(step.now_ms + PRICE_AGAIN_MS)
        return
    legs.put(step, key, replace(leg, settled=True))
    if amount > 0 or (leg.stated and not gone):
        return
    back = [
        one
        for one in legs.opposite(step, key, within)
        if one.account == key.account and one.at_ms > key.at_ms
    ]
    if any(legs.is_open(step.world.legs[one]) for one in back):
        step.note("movement.came_back", key.exchange, f"{telling.label_of(step, key)} {key.asset}")
        return
    for rule in rules_on(step, tracking, [key]):
        tolerance = spec_of(rule).tolerance
        if tolerance.abs and amount.copy_abs() <= tolerance.abs:
            continue
        if is_dust(step, key.exchange, key.asset, amount, tolerance):
            continue
        telling.event(step, rule, key, _unmatched(step, key, within, unread), _why(step, key))


def _may_be_dust(step: Step, tracking: Tracking, key: LegKey) -> bool:
    """Whether the first price of the asset is under way, which may tell that nobody needs to hear of the leg.

    It is asked for as soon as the leg is seen, so that it is mostly known by the end of the window.
    """
    amount, waits = legs.amount_of(step.world.legs[key]), False
    for rule in rules_on(step, tracking, [key]):
        tolerance = spec_of(rule).tolerance
        if not is_dust(step, key.exchange, key.asset, amount, tolerance):
            waits |= is_awaited(step, key.exchange, key.asset, tolerance)
    return waits


def _waits(leg: Leg) -> bool:
    """Whether the end of its window has still to say something of a leg."""
    return not (leg.settled or leg.match or leg.declared)


def _unmatched(step: Step, key: LegKey, within: int, unread: list[str]) -> str:
    amount = legs.amount_of(step.world.legs[key]).copy_abs()
    said = f"{amount:,f} {key.asset} left {telling.label_of(step, key)}"
    gone = proofs.withdrawals(step, key)
    if gone:
        ids = telling.names(one.id for one in gone)
        return f"{said} and the exchange: the venue states {'withdrawal' if len(gone) == 1 else 'withdrawals'} {ids}"
    if unread:
        return f"{said}; where it went is not known: not read since then: {telling.names(unread)}"
    return said + lost(within)


def lost(within: int) -> str:
    """What is said of an outflow whose other side did not come within so many milliseconds."""
    return f" and arrived in no account that is read here within {_duration(within)}"


def _why(step: Step, key: LegKey) -> tuple[str, ...]:
    """What a person wants to know beside it."""
    who, said = telling.label_of(step, key), []
    left = figure(step.world.holdings.get((key.account, key.wallet)), key.asset, "total")
    if left is not None:
        said.append(f"{who} holds {left:,f} {key.asset} in {key.wallet} now.")
    if proofs.withdrawals(step, key):
        return tuple(said)
    if step.world.legs[key].traded:
        said.append("Other assets of the account moved the other way in the same reading: it may be a trade.")
    if not any(account.master for account, _ in parts_read(step, key.exchange)):
        said.append("The master's own quantities are not read here: it may have gone there.")
    return tuple(said)


def _sums(step: Step, tracking: Tracking, key: LegKey, within: int) -> bool:
    """Whether exactly one sum of two or three other legs is the leg's other side."""
    known = step.world.legs
    open_ = [
        one
        for one in legs.of_asset(step, key.exchange, key.asset)
        if _is_free(step, one) and legs.gap_ms(step, key, one) <= within
    ]
    if len(open_) > SUMMED_MOST:
        return False
    mine = legs.amount_of(known[key])
    here = [one for one in open_ if one != key and (legs.amount_of(known[one]) < 0) == (mine < 0)]
    there = [one for one in open_ if (legs.amount_of(known[one]) < 0) != (mine < 0)]
    found: list[tuple[tuple[LegKey, ...], tuple[LegKey, ...]]] = []
    for count in SUM_OF:
        found += [((key,), some) for some in combinations(there, count) if _are_equal(step, (key,), some)]
        for some in combinations(here, count - 1):
            found += [((key, *some), (one,)) for one in there if _are_equal(step, (key, *some), (one,))]
    if len(found) != 1:
        return False
    matched(step, tracking, *found[0])
    return True


def _is_free(step: Step, key: LegKey) -> bool:
    """Whether a leg may be one side of a movement: nothing explains it, or statements of movements inside alone."""
    leg = step.world.legs[key]
    return legs.is_open(leg) or bool(
        not (leg.match or leg.declared)
        and all(one.kind is MovementKind.INTERNAL for one in proofs.stated(step, key))
    )


def _are_equal(step: Step, some: Iterable[LegKey], others: Iterable[LegKey]) -> bool:
    amounts = [legs.amount_of(step.world.legs[key]) for key in (*some, *others)]
    accounts = {key.account for key in some} & {key.account for key in others}
    return not accounts and add(amounts) == 0


def _rivals_of(step: Step, key: LegKey) -> tuple[LegKey, ...]:
    """What else may have been the movement of a leg, as far as nothing has proven it."""
    match = step.world.matches.get(step.world.legs[key].match)
    return () if match is None or match.proof else match.rivals


def _is_rival(step: Step, ident: str, partner: LegKey, key: LegKey) -> None:
    """A later leg that would have fitted as well: the match is ambiguous from here on."""
    match = step.world.matches.get(ident)
    if match is None or match.proof or partner.account == key.account or key in match.rivals:
        return
    own = match.givers if partner in match.takers else match.takers
    if any(one.account == key.account for one in own):
        return  # the same account again: from whom to whom is not in question
    match = replace(match, rivals=(*match.rivals, key))
    step.world.matches[ident] = match
    proofs.ask(step, [*match.givers, *match.takers])
    _correct(step, match, match.alerts)


def _correct(step: Step, match: Match, alerts: tuple[str, ...]) -> None:
    """What was told of a movement shows what is known of it now; nobody is told again."""
    for alert in list(step.world.alerts.values()) if alerts else ():
        if alert.id in alerts:
            facts = replace(
                alert.facts, headline=telling.moved(step, match), details=telling.details_of(step, match)
            )
            step.world.put_alert(replace(alert, facts=facts))


def _was_told(step: Step, rule: Rule, givers: Iterable[LegKey]) -> bool:
    return any(concerns(rule, step.world.accounts[key.account]) for key in givers)


def _duration(time_ms: int) -> str:
    minutes, seconds = divmod(time_ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
    return " ".join(f"{count}{unit}" for count, unit in parts if count) or "0s"

"""Movements: what left one account and what arrived in another are one, told as one.

A leg finds its other side by asset, amount, sign and time; the oldest that fits is taken, and others that fit as
well are named. The venue's history settles that where it speaks, and never unmakes anything by silence.
"""

from __future__ import annotations

from collections.abc import Iterable

from rules.changed import replace
from rules.ledger import LegKey, Match, Proof
from rules.plan import concerns
from rules.reconciling import changes, declared, legs, proofs, telling, unmatched
from rules.reconciling.tracking import Tracking, rules_on, spec_of, window_ms
from rules.ruleset import ExchangeSettings, Rule
from rules.step import Step
from rules.types.reconciliation import Tell

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
        unmatched.may_be_dust(step, tracking, key)


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

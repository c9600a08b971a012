"""What venues state, taken into the fold.

A venue's history proves what it names; what it lacks it does not deny. It explains legs that no amounts explain,
settles ambiguous matches, and asks for the account that must have got what left another one.
"""

from __future__ import annotations

from decimal import Decimal

from rules import health
from rules.changed import replace
from rules.ledger import LegKey, Match, Proof
from rules.model import Severity
from rules.outcome import Recheck
from rules.reconciling import composition, declared, legs, movements, proofs, summary
from rules.reconciling import prices as pricing
from rules.reconciling.tracking import Tracking, tracking_of
from rules.records import Account
from rules.ruleset import DAY_MS, ExchangeSettings
from rules.statements import Prices, Transfer, Transfers
from rules.step import Step

STATED_MOST = 20_000


def transfers(step: Step, said: Transfers) -> None:
    """Take one history in."""
    settings, tracking = step.exchange(said.exchange), tracking_of(step, said.exchange)
    if settings is None or step.state(said.exchange).stopped:
        return
    health.succeeded(step, said.exchange, said.began_ms, said.ended_ms)
    if not said.complete:
        step.note("history.incomplete", said.exchange, f"{said.source}: {said.reason}")
    every = sorted(said.transfers, key=lambda one: (one.at_ms, one.id))
    if tracking is None:
        if composition.is_judged(step, said.exchange):
            _forget_old(step, said.exchange)
            _remember(step, said, every)
        return
    _remember(step, said, every)
    touched: dict[LegKey, None] = {}
    for one in every:
        touched.update(dict.fromkeys(_apply(step, settings, tracking, one)))
    for key in touched:
        if legs.is_open(step.world.legs[key]):
            proofs.explain(step, key)
        else:
            movements.passed_on(step, key)


def prices(step: Step, said: Prices) -> None:
    """Public prices, good for figures that were read near them."""
    settings = step.exchange(said.exchange)
    if settings is None or step.state(said.exchange).stopped:
        return
    pricing.taken(step, said)
    summary.priced(step, settings)


def _remember(step: Step, said: Transfers, every: list[Transfer]) -> None:
    """Keep what is new; two histories of one venue may state the very same movement."""
    known = {_plain(one) for place, one in step.world.stated.items() if place[0] == said.exchange}
    for one in every:
        place = (said.exchange, said.source, one.id)
        if place in step.world.stated or _plain(one) in known:
            continue
        if len(step.world.stated) >= STATED_MOST:
            step.note("reconciliation.forgot", said.exchange, f"more than {STATED_MOST} stated transfers")
            return
        known.add(_plain(one))
        step.world.stated[place] = one


def _forget_old(step: Step, exchange: str) -> None:
    """Where no movement is followed nothing else forgets what was stated."""
    stated = step.world.stated
    for place in [place for place, one in stated.items() if one.at_ms < step.now_ms - DAY_MS]:
        if place[0] == exchange:
            del stated[place]


def _plain(one: Transfer) -> Transfer:
    return replace(one, giver_wallet="", taker_wallet="")


def _apply(step: Step, settings: ExchangeSettings, tracking: Tracking, one: Transfer) -> list[LegKey]:
    """Settle what a statement settles; the open legs that it may explain."""
    sides = [proofs.whose(step, settings.name, who) for who in (one.giver, one.taker)]
    giver, taker = sides
    amount = Decimal(one.amount)
    gave = proofs.leg_at(step, settings.name, one, giver, amount.copy_negate())
    took = proofs.leg_at(step, settings.name, one, taker, amount)
    if gave is not None and took is not None:
        _bind(step, tracking, gave, took, one)
    elif gave is not None and taker is not None and legs.is_open(step.world.legs[gave]):
        _look_there(step, settings, taker)
    elif taker is not None or giver is not None:
        _ask_on(step, gave or took, taker if took is None else giver)
    mine = {side.key for side in sides if side is not None}
    return [key for key in legs.of_asset(step, settings.name, one.asset) if key.account in mine]


def _ask_on(step: Step, key: LegKey | None, other: Account | None) -> None:
    """A statement names another side than amounts had found: what the venue states of all of them tells the way."""
    match = None if key is None else step.world.matches.get(step.world.legs[key].match)
    if key is None or other is None or match is None or match.proof:
        return
    accounts = {other.key, *(leg.account for leg in (*match.givers, *match.takers))}
    proofs.ask(step, [key], sorted(accounts))


def _bind(step: Step, tracking: Tracking, gave: LegKey, took: LegKey, one: Transfer) -> None:
    """Both legs of a stated movement are known: they are one, whatever amounts alone had said."""
    bound = [step.world.matches.get(step.world.legs[key].match) for key in (gave, took)]
    first = bound[0]
    if first is not None and first is bound[1]:
        movements.proven(step, first, Proof(one.id))
        return
    if any(match is not None and match.proof for match in bound):
        return
    found = [match for match in bound if match is not None]
    freed = [key for match in found for key in _unbind(step, match)]
    heard = sorted({name for match in found for name in match.heard})
    told = [match.alerts for match in found]
    others = [key for key in freed if key not in (gave, took)]
    swapped = len(others) == len(found) == 2 and others[0].account != others[1].account  # noqa: PLR2004
    alerts = told[0] if swapped else tuple(ident for idents in told for ident in idents)
    movements.matched(step, tracking, [gave], [took], proof=Proof(one.id), heard=heard, alerts=alerts)
    if swapped:  # the sides of two equal movements had been confused: what was told of both is put right
        movements.matched(step, tracking, others[:1], others[1:], heard=heard, alerts=told[1])
    settings = step.exchange(gave.exchange)
    for key in freed:
        if settings is not None and legs.is_open(step.world.legs[key]):
            movements.arrived(step, settings, tracking, key)


def _unbind(step: Step, match: Match) -> list[LegKey]:
    keys = [key for key in (*match.givers, *match.takers) if key in step.world.legs]
    declared.free(step, keys)
    for key in keys:
        legs.put(step, key, replace(step.world.legs[key], match=""))
    del step.world.matches[match.id]
    return keys


def _look_there(step: Step, settings: ExchangeSettings, account: Account) -> None:
    """Read the account that must have got it, ahead of the queue."""
    for wallet in sorted(step.world.index.wallets.get(account.key, ())):
        step.outcome.rechecks.append(Recheck(settings.name, account.key, wallet, Severity.WARNING))

"""The heart: one fold. `judge(world, input, now)` takes one input in and returns what follows from it.

Live daemon, replay, rule tests and explain call this same function, so that law 13 holds by construction: it
reads no clock, does no I/O, and iterates in an order that the inputs alone determine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from rules import accounts, ahead, edits, health, orders, presence, ticks
from rules.changed import replace
from rules.model import (
    Acked,
    ClockSeen,
    DeliveryDied,
    DeliveryWorks,
    Failure,
    FailureKind,
    Listing,
    Maintenance,
    MasterSeen,
    Noted,
    Pass,
    Reading,
    RulesRejected,
    SilenceEnded,
    Start,
    Tick,
)
from rules.outcome import Outcome
from rules.passes import judge_pass
from rules.readings import judge_reading
from rules.reconciling import books, statements
from rules.ruleset import RulesAccepted, SilenceMade
from rules.statements import Books, Prices, Transfers
from rules.step import Step
from rules.world import World

Input: TypeAlias = (
    RulesAccepted
    | RulesRejected
    | Start
    | Reading
    | Failure
    | Listing
    | Pass
    | MasterSeen
    | ClockSeen
    | Maintenance
    | Acked
    | Noted
    | SilenceMade
    | SilenceEnded
    | DeliveryDied
    | DeliveryWorks
    | Transfers
    | Prices
    | Books
    | Tick
)


def judge(world: World, event: Input, now_ms: int) -> Outcome:
    """Fold one input into the world. The caller commits the outcome and the touched tables together."""
    step = Step(world, now_ms)
    _JUDGES[type(event)](step, event)
    return step.outcome


def _failure(step: Step, failure: Failure) -> None:
    if failure.exchange not in step.ruleset.exchanges:
        return
    health.failed(step, failure)
    account = (
        accounts.find(step.world, failure.exchange, failure.account) if failure.account is not None else None
    )
    if account is None:
        return
    health.account_failed(step, account, failure)
    if failure.kind is FailureKind.DENIED:
        presence.denied(step, failure)


def _start(step: Step, start: Start) -> None:
    """The daemon started, or its clock was set: downtime does not count, a stopped exchange gets another chance."""
    step.world.started_ms = start.at_ms
    step.world.index.rebuild()
    orders.forget_silences(step)
    ahead.cut(step)
    for name, state in sorted(step.world.exchanges.items()):
        if state.stopped:
            step.world.exchanges[name] = replace(state, stopped="")


_JUDGES: dict[type, Callable[[Step, Any], None]] = {
    Reading: judge_reading,
    Failure: _failure,
    Listing: presence.judge_listing,
    Pass: judge_pass,
    Tick: lambda step, _: ticks.tick(step),
    MasterSeen: health.master_seen,
    ClockSeen: health.clock_seen,
    Maintenance: health.maintenance,
    RulesAccepted: edits.accept,
    RulesRejected: health.rules_rejected,
    Start: _start,
    Acked: orders.ack,
    Noted: orders.note,
    SilenceMade: orders.silence,
    SilenceEnded: orders.unsilence,
    DeliveryDied: orders.died,
    DeliveryWorks: orders.works,
    Transfers: statements.transfers,
    Prices: statements.prices,
    Books: books.taken,
}

"""The heart: one fold. `judge(world, input, now)` takes one input in and returns what follows from it.

Live daemon, replay, rule tests and explain call this same function, so that law 13 holds by construction: it
reads no clock, does no I/O, and iterates in an order that the inputs alone determine.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from rules import accounts, edits, health, presence, staleness, ticks
from rules.model import (
    ClockSeen,
    Failure,
    FailureKind,
    Listing,
    Maintenance,
    MasterSeen,
    Pass,
    Reading,
    RulesRejected,
    Start,
    Tick,
)
from rules.outcome import Outcome
from rules.passes import judge_pass
from rules.readings import judge_reading
from rules.ruleset import RulesAccepted
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
    | Tick
)


def judge(world: World, event: Input, now_ms: int) -> Outcome:
    """Fold one input into the world. The caller commits the outcome and the touched tables together."""
    step = Step(world, now_ms)
    match event:
        case Reading():
            judge_reading(step, event)
            _spoke(step, event)
        case Failure():
            _failure(step, event)
        case Listing():
            presence.judge_listing(step, event)
        case Pass():
            judge_pass(step, event)
        case Tick():
            ticks.tick(step)
        case MasterSeen():
            health.master_seen(step, event)
        case ClockSeen():
            health.clock_seen(step, event)
        case Maintenance():
            health.maintenance(step, event)
        case RulesAccepted():
            edits.accept(step, event)
        case RulesRejected():
            health.rules_rejected(step, event)
        case Start():
            _start(step, event)
    return step.outcome


def _failure(step: Step, failure: Failure) -> None:
    if failure.exchange not in step.ruleset.exchanges:
        return
    health.failed(step, failure)
    account = accounts.find(step, failure.exchange, failure.account) if failure.account is not None else None
    if account is None:
        return
    health.account_failed(step, account, failure)
    if failure.kind is FailureKind.DENIED:
        presence.denied(step, failure)


def _spoke(step: Step, reading: Reading) -> None:
    settings = step.exchange(reading.exchange)
    account = accounts.find(step, reading.exchange, reading.account)
    if settings is not None and account is not None and reading.fields:
        staleness.spoke(step, settings, account)


def _start(step: Step, start: Start) -> None:
    """The daemon started: downtime does not count, and a stopped exchange gets another chance."""
    step.world.started_ms = start.at_ms
    step.world.index.rebuild()
    for name, state in sorted(step.world.exchanges.items()):
        if state.stopped:
            step.world.exchanges[name] = replace(state, stopped="")

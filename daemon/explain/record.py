"""The readings of one subject out of the log, around the onset of an alert: what counted, and what told nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rules.accounts import find
from rules.model import Failure, Pass, Reading, Start
from rules.outcome import Transition
from rules.plan import field_of, is_valued, quote_of
from rules.records import Account, Holding, Subject, Valuation
from rules.ruleset import Rule, Ruleset
from rules.step import Step
from rules.values import figure, valued
from rules.world import World
from state.errors import StateError
from state.store import Store

BEFORE_MS = 600_000
RECORDS_MOST = 300_000
SHOWN_MOST = 12


@dataclass(frozen=True, slots=True)
class Heard:
    """One call about the account: a figure, or why there is none. `wallet` is "" for what concerns all."""

    at_ms: int
    wallet: str
    value: str | None
    note: str = ""


def readings_around(
    store: Store, world: World, rule: Rule, account: Account, subject: Subject, steps: tuple[Transition, ...]
) -> tuple[Heard, ...]:
    """The last ones before the alert began, and those of its begin. () where the log no longer tells."""
    if not steps:
        return ()
    began_ms = steps[0].at_ms
    fired_ms = next((step.at_ms for step in steps if step.after == "firing"), steps[-1].at_ms)
    found: list[Heard] = []
    try:
        origin = store.origin(began_ms - BEFORE_MS)
        log = store.log(lambda digest: Ruleset(digest=digest), origin.seq)
        for number, (_, now_ms, entry) in enumerate(log):
            if now_ms > fired_ms or number >= RECORDS_MOST:
                break
            if now_ms >= began_ms - BEFORE_MS:
                heard = _heard(Step(world, now_ms), rule, account, subject.asset, entry, now_ms)
                found += (one for one in heard if _concerns(rule, subject, one.wallet))
    except StateError:
        return ()
    earlier = [one for one in found if one.at_ms < began_ms][-3:]
    since = [one for one in found if one.at_ms >= began_ms]
    half = SHOWN_MOST // 2
    shown = since if len(since) <= SHOWN_MOST else [*since[:half], *since[-half:]]
    return (*earlier, *shown)


def _concerns(rule: Rule, subject: Subject, wallet: str) -> bool:
    if not wallet:
        return True
    return wallet == subject.wallet if subject.wallet else rule.wallet is None or rule.wallet.match(wallet)


def _heard(
    step: Step, rule: Rule, account: Account, asset: str, entry: object, now_ms: int
) -> Iterator[Heard]:
    match entry:
        case Reading() if entry.exchange == account.exchange and _is(step, account, entry):
            if is_valued(rule) == (entry.values is None) and not entry.fields:
                return
            value = _value(rule, asset, entry)
            if value is not None or not is_valued(rule):
                yield Heard(now_ms, entry.wallet, value)
        case Failure() if entry.exchange == account.exchange and (
            entry.account is None or find(step.world, entry.exchange, entry.account) == account
        ):
            yield Heard(now_ms, entry.wallet or "", None, f"{entry.kind.value}: {entry.reason}")
        case Pass() if entry.exchange == account.exchange and not entry.complete:
            yield Heard(now_ms, entry.wallet, None, f"incomplete pass: {entry.reason}")
        case Start():
            yield Heard(now_ms, "", None, "the daemon started, or the clock was set")


def _is(step: Step, account: Account, reading: Reading) -> bool:
    found = find(step.world, reading.exchange, reading.account)
    return found is not None and found.key == account.key


def _value(rule: Rule, asset: str, reading: Reading) -> str | None:
    if is_valued(rule):
        known = valued(Valuation(reading.values or {}, 0, 0), quote_of(rule))
    else:
        whole_ms = reading.ended_ms if reading.covers.value == "all" else None
        holding = Holding(reading.fields, reading.rows, None, reading.began_ms, reading.ended_ms, whole_ms)
        known = figure(holding, asset, field_of(rule))
    return None if known is None else format(known, "f")

"""`composition_shift`: most of a major asset goes, one never held appears, and the account is worth less.

Stolen keys that may only trade are used so: the account buys dear what the thief sells. Nothing leaves it by
withdrawal, so that no other rule speaks. Always critical, and confirmed like any figure. What may yet explain it, a
history, a price, the other side of a transfer, is waited for, a minute at most; then it is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import cast

from rules import telling
from rules.changed import replace
from rules.evidence import Evidence
from rules.facts import Facts
from rules.figures import Arrival
from rules.ledger import MAJOR, NEW, WORTH, Mark, ShiftKey
from rules.lifecycle import end, look
from rules.model import Severity
from rules.outcome import HistoryWanted
from rules.plan import AccountPlan
from rules.reconciling import proofs, shift_marks
from rules.reconciling.shift_ways import total_of
from rules.reconciling.shift_worth import (
    VALUED_WITHIN_MS,
    Worth,
    awaits_prices,
    is_known_good,
    worth_of,
)
from rules.reconciling.shifting import Shift, fresh_of, is_most, shift_of
from rules.reconciling.tracking import parts_read, seen_ms
from rules.records import Account, Alert, AlertKey, Subject
from rules.ruleset import MINUTE_MS, ExchangeSettings, Rule
from rules.step import Step
from rules.sweep import gap_cap_ms
from rules.types.base import Family, Verdict, Zone
from rules.types.composition_shift import CompositionShift
from rules.values import EXACT, ZERO, figure

TYPE = "composition_shift"

STATED_WITHIN_MS = 10_000
"""So long the venue's history is waited for: whether what is missing was transferred or withdrawn."""

SEEN_WITHIN_MS = MINUTE_MS
"""So long the other side of a transfer is waited for, where an account was not read since."""

LOOK_AGAIN_MS = 2_000

JUDGED_WITHIN_MS = 5_000
"""So late may an answer be judged after one that ended later."""


def read(
    step: Step,
    settings: ExchangeSettings,
    plan: AccountPlan,
    arrival: Arrival,
    changed: Iterable[str],
) -> None:
    """Quantities were read: remember what the window may need, and judge what the account is made of."""
    changed = sorted(changed)
    for rule in plan.composed:
        shift_marks.remember(step, rule, arrival, changed)
        _judge(step, settings, rule, arrival, changed)


def due(step: Step) -> None:
    """What waits for an explanation: it ends where there is one, and is told when none can come in time."""
    waiting = [item for item in step.world.alerts.items() if item[1].held and item[1].type == TYPE]
    for _, alert in sorted(waiting):
        rule, settings = step.rule(alert.key.rule), step.exchange(alert.key.subject.exchange)
        account = step.world.accounts.get(cast("int", alert.key.subject.account))
        if rule is None or settings is None or account is None:
            end(step, alert, "rule changed", alert.facts, closed=True)
        else:
            _decide(step, settings, rule, account, alert)


def _decide(step: Step, settings: ExchangeSettings, rule: Rule, account: Account, alert: Alert) -> None:
    """One that waits, by what is known now."""
    spec, major = cast("CompositionShift", rule.spec), alert.key.subject.asset
    since_ms = alert.since_ms - spec.within_ms
    marks = step.world.shifts.get(ShiftKey(rule.key, account.key), ())
    seen = [mark for mark in marks if since_ms <= mark.last_ms <= alert.since_ms]
    new = [mark for mark in seen if mark.kind == NEW]
    known = new and any((mark.kind, mark.asset) == (MAJOR, major) for mark in seen)
    shift = shift_of(step, settings, rule, account, major, since_ms) if known else None
    if shift is not None:
        worth = worth_of(step, settings, rule, account, shift, new, alert.since_ms)
        # That something is being withdrawn by now says nothing of then: what it takes counts when it is gone.
        if worth is Worth.KEPT or not is_most(shift, spec.fall):
            end(step, alert, "explained", alert.facts, closed=True)
            return
        if _waits(step, rule, account, alert.since_ms, new, worth):
            step.world.index.due(step.now_ms + LOOK_AGAIN_MS)
            return
        if worth is Worth.UNKNOWN and is_known_good(spec, new):
            end(step, alert, "its worth is not known", alert.facts, closed=True)
            return
        alert = _as_it_is(step, account, alert, shift, new)
    # Without a shift what it was measured from is forgotten by now: nothing can explain it any more.
    step.world.put_alert(telling.tell(step, rule, alert))
    shift_marks.told(step, rule, account, alert.since_ms)


def is_judged(step: Step, exchange: str) -> bool:
    """Whether some rule asks of an exchange what its accounts are made of."""
    return any(
        rule.enabled and rule.spec.family is Family.COMPOSITION and rule.exchange.match(exchange)
        for rule in step.ruleset.rules
    )


def _judge(step: Step, settings: ExchangeSettings, rule: Rule, arrival: Arrival, changed: list[str]) -> None:
    account, spec = arrival.account, cast("CompositionShift", rule.spec)
    since_ms = arrival.ended_ms - spec.within_ms
    marks = step.world.shifts.get(ShiftKey(rule.key, account.key), ())
    new = fresh_of(step, account, marks, since_ms)
    due, told = bool(changed) or _waited(arrival, marks, new), _is_held(step, rule, account)
    majors = [
        major
        for major in sorted({mark.asset for mark in marks if mark.kind == MAJOR})
        if (due and new) or _key(rule, account, major) in step.world.alerts
    ]
    # All of them first: one that is told takes away what the others are measured from.
    shifts = [(major, shift_of(step, settings, rule, account, major, since_ms)) for major in majors]
    for major, shift in shifts:
        if shift is None:
            continue
        key = _key(rule, account, major)
        fresh = [mark for mark in new if mark.asset != major]
        fell = bool(fresh) and is_most(shift, spec.fall) and not told and not _withdraws(step, account)
        at_ms = arrival.ended_ms
        worth = worth_of(step, settings, rule, account, shift, fresh, at_ms) if fell else Worth.KEPT
        if worth is Worth.SOON:
            continue
        waits = fell and _waits(step, rule, account, at_ms, fresh, worth)
        known_good = worth is Worth.UNKNOWN and is_known_good(spec, fresh)
        zone = Zone.CLEAR if worth is Worth.KEPT or (known_good and not waits) else Zone.QUALIFIES
        if zone is Zone.CLEAR and key not in step.world.alerts:
            continue
        if zone is Zone.QUALIFIES and key not in step.world.alerts:
            _ask(step, account, major, shift)
        told |= _look(step, settings, rule, arrival, shift, fresh, zone)


def _look(
    step: Step,
    settings: ExchangeSettings,
    rule: Rule,
    arrival: Arrival,
    shift: Shift,
    new: list[Mark],
    zone: Zone,
) -> bool:
    """Judge one look; whether it was the one that told."""
    account = arrival.account
    key = _key(rule, account, shift.asset)

    def hold(alert: Alert) -> Alert:
        worth = worth_of(step, settings, rule, account, shift, new, alert.since_ms)
        held = _waits(step, rule, account, alert.since_ms, new, worth)
        step.world.index.due(step.now_ms + LOOK_AGAIN_MS)
        return replace(alert, held=held)

    evidence = Evidence(
        Verdict(zone, Severity.CRITICAL, shift.now),
        arrival.began_ms,
        arrival.ended_ms,
        account.exchange,
        ((account.key, arrival.wallet),),
        gap_cap_ms(step, settings),
        lambda: _facts(step, rule, arrival, shift, new),
        event=True,
        hold=hold,
    )
    alert = look(step, rule, key, evidence)
    if zone is not Zone.QUALIFIES or alert is None or alert.state != "firing":
        return False
    if not alert.held:
        shift_marks.told(step, rule, account)
    return True


def _waits(
    step: Step, rule: Rule, account: Account, since_ms: int, new: list[Mark], worth: Worth | None
) -> bool:
    """Whether anything may still say that what was seen at a time is none."""
    if worth is Worth.UNKNOWN and awaits_prices(step, rule, account, since_ms, new):
        return True
    if step.now_ms < since_ms + STATED_WITHIN_MS or worth is Worth.SOON:
        return True
    return step.now_ms < since_ms + SEEN_WITHIN_MS and any(
        seen_ms(step.world.holdings.get((who.key, wallet))) < since_ms
        for who, wallet in parts_read(step, account.exchange)
        if who.key != account.key
    )


def _ask(step: Step, account: Account, major: str, shift: Shift) -> None:
    """Wish for what the venue states of the time: what was transferred or withdrawn is no trade."""
    since_ms, until_ms = shift.since_ms - proofs.SLACK_MS, step.now_ms + proofs.AHEAD_MS
    step.outcome.histories.append(
        HistoryWanted(account.exchange, (account.key,), (major,), since_ms, until_ms)
    )


def _is_held(step: Step, rule: Rule, account: Account) -> bool:
    """Whether a shift of the account waits to be told: it is one alert, whatever majors it took."""
    opened = step.world.index.open_of.get((account.exchange, account.key), ())
    return any(key.rule == rule.key and step.world.alerts[key].held for key in opened)


def _waited(arrival: Arrival, marks: tuple[Mark, ...], new: list[Mark]) -> bool:
    """Whether the reading before this one could not tell yet, because the venue had not valued what appeared."""
    if not new or arrival.before is None:
        return False
    last_ms, shift_ms = arrival.before.ended_ms, max(mark.last_ms for mark in new)
    # What ended shortly before it may have been taken in after it: both are asked for in one tick.
    known = any(
        mark.kind == WORTH and shift_ms <= mark.last_ms <= last_ms - JUDGED_WITHIN_MS for mark in marks
    )
    return not known and last_ms < shift_ms + VALUED_WITHIN_MS


def _withdraws(step: Step, account: Account) -> bool:
    """Whether anything of the account is on its way out, so that this is no trade alone."""
    held = [step.world.holdings[account.key, one] for one in step.world.index.wallets.get(account.key, ())]
    return any(figure(holding, asset, "withdrawing") for holding in held for asset in holding.rows)


def _facts(step: Step, rule: Rule, arrival: Arrival, shift: Shift, new: list[Mark]) -> Facts:
    account = arrival.account
    headline, details = _said_of(step, account, shift, new)
    return Facts(
        rule=rule.name,
        type=rule.type,
        exchange=account.exchange,
        severity=Severity.CRITICAL,
        label=account.label,
        asset=shift.asset,
        headline=headline,
        since_ms=arrival.ended_ms,
        read_ms=arrival.ended_ms,
        readings=1,
        details=details,
        identifiers=account.identity.identifiers,
        runbook=rule.runbook,
        description=rule.description,
    )


def _as_it_is(step: Step, account: Account, alert: Alert, shift: Shift, new: list[Mark]) -> Alert:
    """What went elsewhere may have become known since; a coin that was sold on is told as it was seen."""
    if not all(total_of(step, account, mark.asset) for mark in new):
        return alert
    headline, details = _said_of(step, account, shift, new)
    return replace(alert, facts=replace(alert.facts, headline=headline, details=details))


def _said_of(step: Step, account: Account, shift: Shift, new: list[Mark]) -> tuple[str, tuple[str, ...]]:
    amounts = [f"{total_of(step, account, mark.asset) or ZERO:,f} {mark.asset}" for mark in new]
    headline, details = said(shift.asset, shift.base, shift.now, amounts)
    gone = (f"Beside that {shift.gone:,f} {shift.asset} was transferred or withdrawn.",) if shift.gone else ()
    return headline, (*gone, *details)


def said(major: str, top: Decimal, now: Decimal, amounts: list[str]) -> tuple[str, tuple[str, ...]]:
    """Headline and details: `amounts` are of the assets that were never held before."""
    turned = EXACT.subtract(top, now)
    headline = f"turned {turned:,f} of its {top:,f} {major} into {', '.join(amounts)}, never held before"
    return headline, (
        f"It holds {now:,f} {major} now, and nothing is being withdrawn.",
        "Stolen keys that may only trade are used so: look at the account's trades and revoke its keys.",
    )


def _key(rule: Rule, account: Account, asset: str) -> AlertKey:
    return AlertKey(rule.key, Subject(account.exchange, account.key, "", asset))

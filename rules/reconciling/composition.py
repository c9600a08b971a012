"""`composition_shift`: most of a major asset goes, one never held appears, and the account is worth less.

Stolen keys that may only trade are used so: the account buys dear what the thief sells. Nothing leaves it by
withdrawal, so that no other rule speaks. Always critical, and confirmed like any figure.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import cast

from rules.evidence import Evidence
from rules.facts import Facts
from rules.figures import Arrival
from rules.ledger import Mark, ShiftKey
from rules.lifecycle import look
from rules.model import Severity
from rules.plan import AccountPlan
from rules.reconciling import prices
from rules.records import Account, AlertKey, Subject
from rules.ruleset import MINUTE_MS, ExchangeSettings, Rule
from rules.step import Step
from rules.sweep import gap_cap_ms
from rules.types.base import Verdict, Zone
from rules.types.composition_shift import CompositionShift
from rules.values import ZERO, add, figure

MAJOR, NEW, WORTH = "major", "new", "worth"

MARKS_MOST = 256
VALUED_WITHIN_MS = MINUTE_MS
"""So long the venue's valuation after a shift is waited for, where the venue values the account at all."""


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
        spec = cast("CompositionShift", rule.spec)
        for asset in changed if arrival.before is not None else ():
            if spec.majors.match(asset):
                _remember_major(step, rule, arrival, asset)
            elif _is_new(step, arrival, asset):
                _add(step, rule, arrival.account, Mark(NEW, asset, "", arrival.ended_ms))
        _judge(step, settings, rule, arrival, changed)


def valued(step: Step, plan: AccountPlan, account: Account, wallet: str) -> None:
    """A valuation came: keep the worth of the account as it is now."""
    valuation = step.world.valuations[account.key, wallet]
    for rule in plan.composed:
        for quote, text in sorted(valuation.values.items()):
            _add(step, rule, account, Mark(WORTH, f"{wallet}/{quote}", text, valuation.ended_ms))


def _judge(step: Step, settings: ExchangeSettings, rule: Rule, arrival: Arrival, changed: list[str]) -> None:
    account, spec = arrival.account, cast("CompositionShift", rule.spec)
    since_ms = arrival.ended_ms - spec.within_ms
    marks = step.world.shifts.get(ShiftKey(rule.key, account.key), ())
    inside = [mark for mark in marks if mark.last_ms >= since_ms]
    new = [mark for mark in inside if mark.kind == NEW and _total(step, account, mark.asset)]
    fresh = [mark.asset for mark in new]
    due, told = bool(changed) or _waited(arrival, marks, new), False
    for major in sorted({mark.asset for mark in marks if mark.kind == MAJOR}):
        key = _key(rule, account, major)
        if not due and key not in step.world.alerts:
            continue
        now = _total(step, account, major)
        past = [Decimal(mark.value) for mark in inside if (mark.kind, mark.asset) == (MAJOR, major)]
        top = max(past, default=None)
        if now is None or top is None:
            continue
        fell = (
            fresh
            and top > 0
            and (top - now) * 100 >= spec.fall * top
            and not told
            and not _withdraws(step, account)
        )
        worth = _worth_fell(step, account, marks, major, top - now, new) if fell else False
        if worth is None:
            continue
        zone = Zone.QUALIFIES if fell and worth else Zone.CLEAR
        if zone is Zone.CLEAR and key not in step.world.alerts:
            continue
        facts = _facts(step, rule, arrival, major, top, now, fresh)
        evidence = Evidence(
            Verdict(zone, Severity.CRITICAL, now),
            arrival.began_ms,
            arrival.ended_ms,
            account.exchange,
            ((account.key, arrival.wallet),),
            gap_cap_ms(step, settings),
            lambda facts=facts: facts,  # type: ignore[misc]
            event=True,
        )
        alert = look(step, rule, key, evidence)
        if zone is Zone.QUALIFIES and alert is not None and alert.state == "firing":
            _told(step, rule, account)
            told = True


def _waited(arrival: Arrival, marks: tuple[Mark, ...], new: list[Mark]) -> bool:
    """Whether the reading before this one could not tell yet, because the venue had not valued what appeared."""
    if not new or arrival.before is None:
        return False
    last_ms, shift_ms = arrival.before.ended_ms, max(mark.last_ms for mark in new)
    known = any(mark.kind == WORTH and shift_ms <= mark.last_ms <= last_ms for mark in marks)
    return not known and last_ms < shift_ms + VALUED_WITHIN_MS


def _told(step: Step, rule: Rule, account: Account) -> None:
    """What comes next is measured from here: one shift is one alert, whatever majors it took."""
    place = ShiftKey(rule.key, account.key)
    step.world.shifts[place] = tuple(mark for mark in step.world.shifts[place] if mark.kind == WORTH)


def _remember_major(step: Step, rule: Rule, arrival: Arrival, asset: str) -> None:
    """The total that was left behind, in all wallets of the account."""
    before = figure(arrival.before, asset, "total")
    others = [
        figure(step.world.holdings[arrival.account.key, wallet], asset, "total")
        for wallet in sorted(step.world.index.wallets.get(arrival.account.key, ()))
        if wallet != arrival.wallet
    ]
    if before is None or arrival.before is None or any(one is None for one in others):
        return
    total = add([before, *(one for one in others if one is not None)])
    _add(step, rule, arrival.account, Mark(MAJOR, asset, format(total, "f"), arrival.before.ended_ms))


def _is_new(step: Step, arrival: Arrival, asset: str) -> bool:
    """Whether no wallet of the account ever held it, and this one does now."""
    wallets = step.world.index.wallets.get(arrival.account.key, ())
    for wallet in wallets:
        held = (
            arrival.before if wallet == arrival.wallet else step.world.holdings[arrival.account.key, wallet]
        )
        if held is not None and asset in held.rows:
            return False
    return bool(figure(step.world.holdings[arrival.account.key, arrival.wallet], asset, "total"))


def _worth_fell(
    step: Step, account: Account, marks: tuple[Mark, ...], major: str, lost: Decimal, new: list[Mark]
) -> bool | None:
    """Whether the account is worth less; True where nobody tells, None where the venue will tell soon."""
    worths = sorted({mark.asset for mark in marks if mark.kind == WORTH})
    shift_ms = max(mark.last_ms for mark in new)
    for name in worths:
        points = [mark for mark in marks if (mark.kind, mark.asset) == (WORTH, name)]
        before = [Decimal(mark.value) for mark in points if mark.last_ms < shift_ms]
        after = [Decimal(mark.value) for mark in points if mark.last_ms >= shift_ms]
        if before and after:
            return after[-1] < max(before)
    if worths and step.now_ms < shift_ms + VALUED_WITHIN_MS:
        return None
    return _by_prices(step, account, major, lost, [mark.asset for mark in new])


def _by_prices(step: Step, account: Account, major: str, lost: Decimal, fresh: list[str]) -> bool:
    gained = Fraction(0)
    for asset in fresh:
        rate, amount = prices.rate(step, account.exchange, asset, "USDT"), _total(step, account, asset)
        if rate is None or amount is None:
            return True
        gained += rate * Fraction(amount)
    rate = prices.rate(step, account.exchange, major, "USDT")
    return rate is None or gained < rate * Fraction(lost)


def _withdraws(step: Step, account: Account) -> bool:
    """Whether anything of the account is on its way out, so that this is no trade alone."""
    held = [step.world.holdings[account.key, one] for one in step.world.index.wallets.get(account.key, ())]
    return any(figure(holding, asset, "withdrawing") for holding in held for asset in holding.rows)


def _total(step: Step, account: Account, asset: str) -> Decimal | None:
    wallets = sorted(step.world.index.wallets.get(account.key, ()))
    figures = [figure(step.world.holdings[account.key, wallet], asset, "total") for wallet in wallets]
    known = [one for one in figures if one is not None]
    return add(known) if len(known) == len(figures) else None


def _facts(
    step: Step, rule: Rule, arrival: Arrival, major: str, top: Decimal, now: Decimal, fresh: list[str]
) -> Facts:
    account = arrival.account
    amounts = [f"{_total(step, account, asset) or ZERO:,f} {asset}" for asset in fresh]
    headline, details = said(major, top, now, amounts)
    return Facts(
        rule=rule.name,
        type=rule.type,
        exchange=account.exchange,
        severity=Severity.CRITICAL,
        label=account.label,
        asset=major,
        headline=headline,
        since_ms=arrival.ended_ms,
        read_ms=arrival.ended_ms,
        readings=1,
        details=details,
        identifiers=account.identity.identifiers,
        runbook=rule.runbook,
        description=rule.description,
    )


def said(major: str, top: Decimal, now: Decimal, amounts: list[str]) -> tuple[str, tuple[str, ...]]:
    """Headline and details: `amounts` are of the assets that were never held before."""
    headline = f"turned {top - now:,f} of its {top:,f} {major} into {', '.join(amounts)}, never held before"
    return headline, (
        f"It holds {now:,f} {major} now, and nothing is being withdrawn.",
        "Stolen keys that may only trade are used so: look at the account's trades and revoke its keys.",
    )


def _key(rule: Rule, account: Account, asset: str) -> AlertKey:
    return AlertKey(rule.key, Subject(account.exchange, account.key, "", asset))


def _add(step: Step, rule: Rule, account: Account, mark: Mark) -> None:
    """One more mark. Those that no window can need go, but of each wallet's worth the last one stays."""
    place = ShiftKey(rule.key, account.key)
    marks = step.world.shifts.get(place, ())
    since_ms = mark.last_ms - cast("CompositionShift", rule.spec).within_ms
    last = {one.asset: one for one in marks if one.kind == WORTH}
    kept = [one for one in marks if one.last_ms >= since_ms or one is last.get(one.asset)]
    step.world.shifts[place] = (*kept[-MARKS_MOST:], mark)

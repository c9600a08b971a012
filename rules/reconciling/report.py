"""The report: every figure that a reconciliation rule compares, as the World has it now."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from rules.builtin_names import EXPECT
from rules.changed import replace
from rules.ledger import Declared, LegKey
from rules.plan import concerns
from rules.reconciling import conservation, declared, proofs, summary, telling
from rules.reconciling.finding import Finding, Standing, line_of, standing_of
from rules.reconciling.rows import of_books
from rules.reconciling.tracking import spec_of, tracking_of, window_ms
from rules.reconciling.unseen import is_late, unseen
from rules.records import Account, Alert, AlertKey, Subject
from rules.ruleset import ExchangeSettings, Expect, Rule
from rules.step import Step
from rules.sweep import late_after_ms
from rules.types.base import Family
from rules.types.reconciliation import Check
from rules.values import text_of
from rules.world import World

_ORDER = {standing: place for place, standing in enumerate(Standing)}


def findings(world: World, now_ms: int) -> tuple[Finding, ...]:
    """The findings of all rules, breaks first, then by rule, exchange, account and asset."""
    step = Step(world, now_ms)
    found: list[Finding] = []
    for rule in step.ruleset.rules:
        if rule.enabled and rule.spec.family is Family.RECONCILIATION:
            found += _of_rule(step, rule)
    found += _others(step, {one.alert for one in found})
    found += [_declared(step, expect) for expect in step.ruleset.expects]
    return tuple(sorted(found, key=_place))


def _others(step: Step, shown: AbstractSet[str]) -> Iterator[Finding]:
    """Open breaks that no present figure shows: an account that one of the venue's lists lacks, or that is gone."""
    for key, alert in sorted(step.world.alerts.items()):
        rule, facts = step.rule(key.rule), alert.facts
        if rule is None or rule.spec.family is not Family.RECONCILIATION or alert.id in shown:
            continue
        if alert.state != "firing" or alert.expires_ms is not None:
            continue
        reason = (
            " ".join((facts.headline, facts.value or "", *facts.details)) if facts.value else facts.headline
        )
        plain = line_of(rule, Standing.BREAK, key.subject.exchange, alert, reason=reason)
        label = facts.label if key.subject.account is not None else ""
        plain = replace(plain, account=label, difference=facts.value)
        yield replace(plain, wallet=facts.wallet, asset=facts.asset, quote=facts.quote)


def _place(one: Finding) -> tuple[object, ...]:
    return (
        _ORDER[one.standing],
        one.rule,
        one.exchange,
        one.account,
        one.wallet,
        one.asset,
        one.as_of_ms or 0,
    )


def _of_rule(step: Step, rule: Rule) -> Iterator[Finding]:
    check = spec_of(rule).check
    if check is Check.EXPECTED:
        yield from of_books(step, rule)
        return
    for name, settings in sorted(step.ruleset.exchanges.items()):
        if not rule.exchange.match(name):
            continue
        if check is Check.MOVEMENTS:
            yield from _movements(step, rule, settings)
        elif check is Check.CONSERVATION:
            yield from _conservation(step, rule, settings)
        elif settings.kind == summary.KIND:
            yield from _summary(step, rule, settings)


def _movements(step: Step, rule: Rule, settings: ExchangeSettings) -> Iterator[Finding]:
    """The outflows without their other side, and the movements that are known."""
    yield from _blind(step, rule, settings)
    tracking = tracking_of(step, settings.name)
    within = 0 if tracking is None else window_ms(step, settings, tracking)
    for key, leg in sorted(step.world.legs.items()):
        if key.exchange != settings.name or not _is_of(step, rule, key):
            continue
        if leg.match or leg.declared or not leg.amount.startswith("-"):
            continue
        if leg.stated and not proofs.withdrawals(step, key):
            continue
        alert = _event_of(step, rule, key)
        over = step.now_ms >= key.at_ms + within
        standing = Standing.BREAK if alert is not None else Standing.TIMING
        reason = "left, and arrived nowhere" if alert is not None else "its other side may still come"
        if alert is None and (leg.settled or leg.stated):
            continue  # it came back, it is less than the tolerance, or its event is over
        if alert is None and over:
            standing, reason = Standing.INDETERMINATE, "some account was not read since"
        plain = line_of(rule, standing, settings.name, alert, reason=reason)
        yield replace(
            plain,
            account=telling.label_of(step, key),
            wallet=key.wallet,
            asset=key.asset,
            ours=leg.amount,
            difference=leg.amount,
            since_ms=key.at_ms,
        )
    for match in step.world.matches.values():
        giver = match.givers[0]
        keys = [key for key in (*match.givers, *match.takers) if key in step.world.legs]
        if giver.exchange != settings.name or not any(_is_of(step, rule, key) for key in keys):
            continue
        amount = format(telling.size_of(step, match), "f")
        details = telling.details_of(step, match)
        reason = ". ".join(text.removesuffix(".") for text in (telling.moved(step, match), *details))
        plain = line_of(rule, Standing.AGREES, settings.name, None, reason=reason)
        label = telling.label_of(step, giver)
        yield replace(
            plain,
            account=label,
            asset=giver.asset,
            ours=amount,
            theirs=amount,
            difference="0",
            since_ms=match.at_ms,
        )


def _blind(step: Step, rule: Rule, settings: ExchangeSettings, *, valued: bool = False) -> Iterator[Finding]:
    """One line where the rule has not seen for long what it should."""
    found = unseen(step, settings, rule, valued=valued)
    if found is not None:
        plain = line_of(rule, Standing.INDETERMINATE, settings.name, None, reason=found[1])
        yield replace(plain, since_ms=found[0], unread=True)


def _conservation(step: Step, rule: Rule, settings: ExchangeSettings) -> Iterator[Finding]:
    round_ = step.world.rounds.get((rule.key, settings.name))
    unread, since_ms = "", None
    if round_ is None:
        unread = "no account was read yet"
    elif step.now_ms - round_.began_ms > late_after_ms(step, settings):
        left = sorted(conservation.uncovered(step, settings, rule, round_))
        who = telling.names(step.world.accounts[account].label for account, _ in left) if left else ""
        unread = f"not read since then: {who}" if who else ""
        since_ms = round_.began_ms if unread else None
    places = sorted(key for key in step.world.sheets if key[:2] == (rule.key, settings.name))
    if not places:
        standing = Standing.INDETERMINATE if unread else Standing.AGREES
        plain = line_of(rule, standing, settings.name, None, reason=unread or "nothing has changed")
        yield replace(plain, since_ms=since_ms, unread=bool(unread))
    for place in places:
        alert = step.world.alerts.get(AlertKey(rule.key, Subject(place.exchange, None, "", place.asset)))
        sheet = step.world.sheets[place]
        standing = standing_of(alert, Standing.TIMING if sheet.timing else Standing.AGREES)
        if unread and alert is None:
            standing = Standing.INDETERMINATE
        reason = "movements under way explain it" if standing is Standing.TIMING else unread
        if sheet.traders:
            who = telling.names(step.world.accounts[one].label for one in sheet.traders)
            reason = "; ".join(filter(None, (reason, f"assets moved against each other in {who}")))
        plain = line_of(rule, standing, settings.name, alert, reason=reason)
        difference = sheet.residual if alert is None else alert.facts.value
        plain = replace(plain, asset=place.asset, ours=sheet.residual, theirs="0", difference=difference)
        yield plain if alert is not None else replace(plain, since_ms=since_ms, unread=bool(unread))


def _summary(step: Step, rule: Rule, settings: ExchangeSettings) -> Iterator[Finding]:
    yield from _blind(step, rule, settings, valued=True)
    yield from _blind(step, rule, settings)
    for account in step.accounts_of(settings.name):
        if not account.present or not concerns(rule, account):
            continue
        for wallet in sorted(step.world.index.valued.get(account.key, ())):
            if not (rule.wallet is None or rule.wallet.match(wallet)):
                continue
            for quote in sorted(step.world.valuations[account.key, wallet].values):
                both = summary.compare(step, rule, account, wallet, quote)
                key = AlertKey(rule.key, Subject(account.exchange, account.key, wallet, quote))
                found = _both(rule, account, wallet, both, step.world.alerts.get(key))
                late = is_late(step, settings, both.began_ms)
                yield _aged(found, both) if late and both.ours is not None else found


def _aged(found: Finding, both: summary.Valued) -> Finding:
    """A comparison of long ago: what is open stays, of all else nobody knows whether it still agrees."""
    if found.standing in (Standing.BREAK, Standing.PENDING):
        return found
    reason = "; ".join(filter(None, (found.reason, "not read since then")))
    return replace(found, standing=Standing.INDETERMINATE, since_ms=both.began_ms, reason=reason, unread=True)


def _both(rule: Rule, account: Account, wallet: str, both: summary.Valued, alert: Alert | None) -> Finding:
    standing = both.standing
    if standing in (Standing.BREAK, Standing.AGREES) or alert is not None:
        standing = standing_of(alert, Standing.PENDING if standing is Standing.BREAK else standing)
    plain = line_of(rule, standing, account.exchange, alert, reason=_why(both, alert))
    told = None if alert is None else alert.facts.value
    return replace(
        plain,
        account=account.label,
        wallet=wallet,
        ours=None if both.ours is None else format(summary.shown(both.ours), "f"),
        theirs=text_of(both.theirs),
        difference=told if both.difference is None else text_of(both.difference),
        quote=both.quote,
        as_of_ms=both.ended_ms or None,
        unread=both.unpriced and standing is Standing.INDETERMINATE,
    )


def _why(both: summary.Valued, alert: Alert | None) -> str:
    """Of an open break both figures, as they are now or else as they were told; then what is not known of now."""
    if alert is None or alert.state != "firing":
        return both.reason
    known = both.ours is not None and both.theirs is not None
    said = summary.both_sides(both) if known else " ".join(alert.facts.details)
    return f"{said} Now: {both.reason}." if both.reason else said


def _come(step: Step, expect: Expect, done: Declared | None) -> str:
    """What became of a declared movement."""
    if done is not None:
        return "declared, and it came"
    if step.now_ms < expect.due_ms:
        return "declared, and not due yet"
    return "declared and due, and it did not come"


def _declared(step: Step, expect: Expect) -> Finding:
    alert = step.world.alerts.get(AlertKey(EXPECT, declared.subject_of(expect)))
    done = step.world.declared.get(expect.key)
    standing = Standing.TIMING if done is None else Standing.AGREES
    standing = standing if alert is None else Standing.BREAK
    return Finding(
        rule=EXPECT,
        check=expect.name,
        standing=standing,
        exchange=done.leg.exchange if done is not None and done.leg is not None else str(expect.exchange),
        account=str(expect.giver or expect.taker),
        asset=expect.asset,
        theirs=format(expect.amount, "f"),
        alert="" if alert is None else alert.id,
        severity="" if alert is None else alert.severity.value,
        since_ms=None if done is None else done.at_ms,
        as_of_ms=expect.due_ms,
        acked_by="" if alert is None else alert.acked_by,
        reason=_come(step, expect, done),
    )


def _event_of(step: Step, rule: Rule, key: LegKey) -> Alert | None:
    """The open event that told of an outflow."""
    for place in step.world.index.open_of.get((key.exchange, key.account), ()):
        alert = step.world.alerts[place]
        same = (place.rule, place.subject.wallet, place.subject.asset) == (rule.key, key.wallet, key.asset)
        if same and place.subject.event and alert.facts.since_ms == key.at_ms:
            return alert
    return None


def _is_of(step: Step, rule: Rule, key: LegKey) -> bool:
    return rule.asset.match(key.asset) and concerns(rule, step.world.accounts[key.account])

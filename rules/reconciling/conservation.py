"""Conservation: what the selected accounts gained and lost adds up to zero, but for known ways in and out.

It is judged at the end of each complete sweep. A change seen in this sweep or the one before it may be half of a
movement whose other half is still to come: what those may explain is a timing difference, what stands without them
is a leak (`leaks`).
"""

from __future__ import annotations

from decimal import Decimal

from rules.changed import replace
from rules.figures import Arrival
from rules.ledger import LegKey, Round, Sheet, SheetKey
from rules.lifecycle import end
from rules.patterns import Patterns
from rules.plan import AccountPlan, concerns, is_read, wallets_of
from rules.reconciling import breaks, declared, groups, leaks, legs, proofs, proven, telling
from rules.reconciling.prices import is_dust
from rules.reconciling.tracking import (
    SWEEPS_IN_FLIGHT,
    Tracking,
    parts_read,
    seen_ms,
    spec_of,
    tracking_of,
)
from rules.records import AlertKey, Subject
from rules.ruleset import ExchangeSettings, Rule, Ruleset
from rules.statements import Transfer
from rules.step import Step
from rules.types.reconciliation import Check
from rules.values import EXACT, ZERO, add, figure

ASKED_MOST = 50
HEADLINE, AT_LEAST = "is off by", "is off by at least"


def covered(step: Step, settings: ExchangeSettings, plan: AccountPlan, arrival: Arrival) -> None:
    """A wallet was read in full: where it was the last of a sweep, the sums are judged."""
    exchange = arrival.account.exchange
    for rule in plan.reconciled:
        if spec_of(rule).check is not Check.CONSERVATION:
            continue
        place = (rule.key, exchange)
        round_ = step.world.rounds.get(place)
        if round_ is None and not is_known(step, settings):
            continue  # which accounts there are is not known: nothing could be complete
        if round_ is None:
            round_ = step.world.rounds[place] = Round(arrival.began_ms, arrival.began_ms, arrival.began_ms)
        left = step.world.index.uncovered.get(place)
        if left is None:
            left = step.world.index.uncovered[place] = uncovered(step, settings, rule, round_)
        part = (arrival.account.key, arrival.wallet)
        seen = seen_ms(step.world.holdings.get(part))
        # A confirming read is no poll: counted as one it would end the sweep before the others had their turn.
        if seen >= round_.began_ms and seen - seen_ms(arrival.before) >= settings.poll_every_ms // 2:
            left.discard(part)
        if not left:
            _judge(step, settings, rule, round_, arrival.ended_ms)
            is_first = round_.began_ms == round_.since_ms
            first_ms = arrival.ended_ms if is_first else round_.first_ms
            step.world.rounds[place] = Round(round_.since_ms, arrival.ended_ms, round_.began_ms, first_ms)
            del step.world.index.uncovered[place]


def uncovered(step: Step, settings: ExchangeSettings, rule: Rule, round_: Round) -> set[tuple[int, str]]:
    """The wallets that a sweep has not met yet."""
    return {
        (account.key, wallet)
        for account in step.accounts_of(settings.name)
        if is_read(step, account) and concerns(rule, account)
        for wallet in wallets_of(step, account, settings, valued=False)
        if (rule.wallet is None or rule.wallet.match(wallet))
        and seen_ms(step.world.holdings.get((account.key, wallet))) < round_.began_ms
    }


def noted(step: Step, tracking: Tracking, key: LegKey) -> None:
    """A new leg: the rules that add it up have a sheet for its asset, which names accounts that trade."""
    leg = step.world.legs[key]
    for rule in tracking.conservation:
        if not _counts(step, rule, key):
            continue
        place = SheetKey(rule.key, key.exchange, key.asset)
        sheet = step.world.sheets.get(place, Sheet())
        traders = tuple(sorted({*sheet.traders, key.account})) if leg.traded else sheet.traders
        if place not in step.world.sheets or traders != sheet.traders:
            step.world.sheets[place] = replace(sheet, traders=traders)


def forgotten(step: Step, key: LegKey) -> None:
    """A leg is dropped: what it contributed stays in the sheet."""
    tracking = tracking_of(step, key.exchange)
    for rule in tracking.conservation if tracking else ():
        place = SheetKey(rule.key, key.exchange, key.asset)
        sheet = step.world.sheets.get(place)
        amount = contribution(step, rule, key)
        if sheet is not None and amount:
            drift = EXACT.add(Decimal(sheet.drift), amount)
            step.world.sheets[place] = replace(sheet, drift=format(drift, "f"))


def forget(step: Step, old: Ruleset) -> None:
    """After an edit: sums that are gone, or are over other accounts now, begin anew, and what was told is closed."""
    before = {rule.key: _selection(rule) for rule in old.rules if rule.enabled}
    for place in sorted(step.world.rounds):
        rule, settings = step.rule(place[0]), step.exchange(place[1])
        same = rule is not None and _selection(rule) == before.get(place[0])
        if settings is not None and (same or not place[0]):
            continue
        del step.world.rounds[place]
        for sheet in [key for key in step.world.sheets if key[:2] == place]:
            del step.world.sheets[sheet]
            open_ = AlertKey(place[0], Subject(place[1], None, "", sheet.asset))
            if open_ in step.world.alerts:
                alert = step.world.alerts[open_]
                end(step, alert, "rule changed", alert.facts, closed=True)


def _selection(rule: Rule) -> tuple[Patterns | None, ...]:
    return rule.exchange, rule.account, rule.wallet, rule.asset


def contribution(step: Step, rule: Rule, key: LegKey) -> Decimal:
    """What a leg adds to the sum of a rule: nothing where its other side is known to lie outside of it."""
    leg, round_ = step.world.legs[key], step.world.rounds.get((rule.key, key.exchange))
    if round_ is None or key.at_ms <= round_.since_ms or not _counts(step, rule, key) or leg.declared:
        return ZERO
    match = step.world.matches.get(leg.match)
    if match is not None:
        # Its key tells of a leg that is forgotten by now as well.
        whole = all(
            _counts(step, rule, one) and one.at_ms > round_.since_ms for one in (*match.givers, *match.takers)
        )
        return legs.amount_of(leg) if whole else ZERO
    if leg.stated:
        every = proofs.stated(step, key)
        return add(
            proofs.sign(step, key, one) * Decimal(one.amount)
            for one in every
            # In the first sweep one side may be seen to change where the other was first read afterwards.
            if one.at_ms > round_.first_ms and _stays(step, rule, key, one)
        )
    return legs.amount_of(leg)


def residual(step: Step, rule: Rule, place: SheetKey) -> Decimal:
    """What everything since the first sweep adds up to."""
    every = (contribution(step, rule, key) for key in legs.of_asset(step, place.exchange, place.asset))
    return add([Decimal(step.world.sheets[place].drift), *every])


def _judge(step: Step, settings: ExchangeSettings, rule: Rule, round_: Round, ended_ms: int) -> None:
    within = spec_of(rule).within_ms
    # What was seen before this sweep began may have its other side in this one, however short the window.
    since_ms = round_.before_ms if within is None else min(round_.began_ms, ended_ms - within)
    waited = SWEEPS_IN_FLIGHT if since_ms <= round_.before_ms else 1
    shown_ms = _shown_ms(step, settings, rule) if within is None else ended_ms
    for place in sorted(key for key in step.world.sheets if key[:2] == (rule.key, settings.name)):
        changes = _changes(step, rule, place, since_ms, ended_ms - since_ms, shown_ms)
        known = _proven(step, rule, place, list(changes.values()), ended_ms - since_ms)
        if known.sheet != step.world.sheets[place]:
            step.world.sheets[place] = known.sheet
        if known.leak is not None:
            # What is overdue has stood through the sweeps in which it could still have been under way.
            agreed = known.run - 1 if known.run else waited
            _tell(step, settings, rule, place, known.leak, round_, ended_ms, agreed)
        open_ = [key for key, one in changes.items() if one.recent and not one.paired]
        if Decimal(known.sheet.residual) and open_:
            # What venues state of the accounts that explain the sum may settle it.
            proofs.ask(step, open_, sorted({key.account for key in open_})[:ASKED_MOST])


def _changes(
    step: Step, rule: Rule, place: SheetKey, since_ms: int, window_ms: int, shown_ms: int
) -> dict[LegKey, groups.Change]:
    """The changes of the selected accounts since the first sweep, in the order of time.

    The window of one that was seen after `shown_ms` is not over, whichever sweep it was.
    """
    round_, found = step.world.rounds[rule.key, place.exchange], {}
    tracking = tracking_of(step, place.exchange)
    for key in legs.of_asset(step, place.exchange, place.asset):
        leg = step.world.legs[key]
        if leg.declared or key.at_ms <= round_.since_ms or not _counts(step, rule, key):
            continue
        # What the venue states to have gone to another account may have been passed on there before it was read.
        over_ms = min(shown_ms, since_ms - window_ms if leg.stated else since_ms)
        found[key] = groups.Change(
            contribution(step, rule, key),
            legs.amount_of(leg),
            leg.from_ms,
            key.at_ms,
            paired=bool(leg.match),
            recent=key.at_ms > over_ms or (tracking is not None and declared.may_settle(step, tracking, key)),
        )
    return found


def _shown_ms(step: Step, settings: ExchangeSettings, rule: Rule) -> int:
    """Of changes until then every account has shown by now what it shows two polls later.

    A sweep that begins in the middle of a poll ends in the middle of one: two of them are then little more than one
    poll for some accounts. Accounts of one poll are taken to be read no more than half of it apart.
    """
    seen = [
        seen_ms(step.world.holdings.get((account.key, wallet)))
        for account, wallet in parts_read(step, settings.name)
        if concerns(rule, account) and (rule.wallet is None or rule.wallet.match(wallet))
    ]
    return (
        min(seen, default=step.now_ms)
        - SWEEPS_IN_FLIGHT * settings.poll_every_ms
        + settings.poll_every_ms // 2
    )


def _proven(
    step: Step, rule: Rule, place: SheetKey, changes: list[groups.Change], window_ms: int
) -> proven.Proven:
    """What is proven of the sum as it is now."""
    alert, total = step.world.alerts.get(_key(rule, place)), residual(step, rule, place)
    told_ms = -1 if alert is None or alert.fired_ms is None else alert.fired_ms
    told = Decimal(0 if alert is None else alert.facts.value or 0)
    least = spec_of(rule).tolerance.abs or ZERO
    before = step.world.sheets[place]

    def is_nothing(amount: Decimal) -> bool:
        return _is_nothing(step, rule, place, amount)

    found = proven.look(
        before,
        total,
        lambda spared: leaks.find(
            total, changes, window_ms, told_ms, told, spared=max(spared, least) if spared else ZERO
        ),
        is_nothing,
        rule.confirm,
    )
    if alert is not None and is_nothing(total) and leaks.may_go_on(changes, window_ms):
        return proven.Proven(None, replace(found.sheet, stood=before.stood))
    return found


def _is_nothing(step: Step, rule: Rule, place: SheetKey, amount: Decimal) -> bool:
    tolerance = spec_of(rule).tolerance
    if amount.copy_abs() <= (tolerance.abs or ZERO):
        return True
    if tolerance.pct is not None:
        held = _held(step, rule, place)
        if held is not None and tolerance.is_share(amount, held):
            return True
    return is_dust(step, place.exchange, place.asset, amount, tolerance)


def _held(step: Step, rule: Rule, place: SheetKey) -> Decimal | None:
    """What the selected accounts hold of the asset together; None while a part of it is not known."""
    parts = [
        figure(step.world.holdings.get((account.key, wallet)), place.asset, "total")
        for account, wallet in parts_read(step, place.exchange)
        if concerns(rule, account) and (rule.wallet is None or rule.wallet.match(wallet))
    ]
    known = [part for part in parts if part is not None]
    return add(known) if len(known) == len(parts) else None


def _tell(
    step: Step,
    settings: ExchangeSettings,
    rule: Rule,
    place: SheetKey,
    leak: Decimal,
    round_: Round,
    ended_ms: int,
    agreed: int,
) -> None:
    key = _key(rule, place)
    differs = bool(leak)
    if not differs and key not in step.world.alerts:
        return
    sheet = step.world.sheets[place]
    count = sum(1 for one in step.accounts_of(place.exchange) if is_read(step, one) and concerns(rule, one))
    details, total = [], Decimal(sheet.residual)
    # While movements are under way more than what is proven may be missing.
    perhaps = sheet.residual if leak and total.copy_abs() > leak.copy_abs() else None
    if sheet.timing:
        details.append(f"All changes add up to {total:,f}; movements under way may explain the rest.")
    if sheet.traders:
        who = telling.names(step.world.accounts[one].label for one in sheet.traders)
        details.append(
            f"Assets moved against each other in {who}: this check is meant for accounts that do not trade."
        )
    facts = breaks.facts_of(
        rule,
        key,
        HEADLINE if perhaps is None or sheet.stood else AT_LEAST,
        leak,
        ended_ms,
        label=f"sum of {count} accounts ({rule.account})",
        details=tuple(details),
        perhaps=perhaps,
        readings=agreed + 1,
    )
    breaks.judge(
        step, settings, rule, key, facts, differs=differs, began_ms=round_.began_ms, ended_ms=ended_ms
    )


def _key(rule: Rule, place: SheetKey) -> AlertKey:
    return AlertKey(rule.key, Subject(place.exchange, None, "", place.asset))


def is_known(step: Step, settings: ExchangeSettings) -> bool:
    """Whether it is known which accounts an exchange has."""
    state = step.state(settings.name)
    return bool(state.listings_done if settings.own_call else state.passes)


def _counts(step: Step, rule: Rule, key: LegKey) -> bool:
    if not rule.asset.match(key.asset) or not (rule.wallet is None or rule.wallet.match(key.wallet)):
        return False
    return concerns(rule, step.world.accounts[key.account])


def _stays(step: Step, rule: Rule, key: LegKey, one: Transfer) -> bool:
    """Whether both sides of a statement are accounts of the sum."""
    sides = [proofs.whose(step, key.exchange, who) for who in (one.giver, one.taker)]
    return all(side is not None and concerns(rule, side) for side in sides)

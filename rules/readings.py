"""A reading arrives: which subjects it concerns, and their verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rules import (
    accounts,
    allows,
    baseline,
    blindness,
    changes,
    departed,
    health,
    presence,
    repeats,
    runways,
    staleness,
    status,
    withdrawing,
)
from rules.builtin_names import PREFIX
from rules.evidence import Evidence, Once
from rules.facts import Facts
from rules.figures import Arrival, Look, facts_of, look_at, parts_of, with_before
from rules.holdings import take_in, take_in_values
from rules.lifecycle import end, look
from rules.model import Contents, Covers, Reading
from rules.plan import AccountPlan, is_valued, plan_of, quote_of, still_judges, subjects, wallets_of
from rules.reconciling import follow
from rules.records import Account, AlertKey
from rules.ruleset import MINUTE_MS, ExchangeSettings, Rule
from rules.step import Step
from rules.sweep import gap_cap_ms
from rules.types.base import Family, Verdict, Zone
from rules.types.runway import Runway

OVERTAKEN_MS = MINUTE_MS
"""No answer is slower than this: what is older still tells of a clock that was set back."""


def judge_reading(step: Step, reading: Reading) -> None:
    """Take one reading in and judge every subject it concerns (law 5)."""
    settings = step.exchange(reading.exchange)
    if settings is None or step.state(reading.exchange).stopped:
        return
    last = repeats.revised(step, reading)
    if last is not None:
        _judge_revised(step, settings, last, reading)
        return
    account = accounts.ensure(step, reading.exchange, reading.account)
    health.succeeded(step, reading.exchange, reading.began_ms, reading.ended_ms)
    if settings.own_call and reading.account.venue_id and accounts.speaks_for_another(step, account):
        step.note("reading.of_another", reading.exchange, f"{account.label} is another account's name now")
        return
    allows.forget_expired(step)
    plan = plan_of(step, account)
    account = presence.answered(step, settings, account, reading, read=plan.read)
    if not (plan.read and account.present):
        departed.spoken_of(step, account, reading.ended_ms)
        return
    baseline.begin(step, reading.exchange, reading.ended_ms)
    if reading.values is not None:
        _judge_values(step, settings, plan, account, reading, reading.values)
    if reading.fields:
        account = health.account_read(step, account)
        _judge_quantities(step, settings, plan, account, reading)
    staleness.spoke(step, settings, account)
    repeats.expect(step, plan, account, reading)


def _judge_revised(step: Step, settings: ExchangeSettings, last: Contents, reading: Reading) -> None:
    """As above, where nothing is under way and the client knows which rows it revised (`repeats.revised`)."""
    health.succeeded(step, last.exchange, reading.began_ms, reading.ended_ms)
    account = step.world.accounts[last.owner]
    plan = plan_of(step, account)
    arrival = Arrival(account, last.wallet, reading.began_ms, reading.ended_ms, last.holding)
    changed = take_in(step, arrival, reading)
    for asset in sorted(changed):
        for rule in plan.for_asset(asset, held=True):
            for key in subjects(rule, account, last.wallet, asset):
                judge_subject(step, settings, rule, key, arrival)
    if plan.drained:
        status.drained(step, settings, plan, arrival, whole=True)
    repeats.expect(step, plan, account, reading)


def judge_assets(
    step: Step,
    settings: ExchangeSettings,
    plan: AccountPlan,
    arrival: Arrival,
    changed: Iterable[str],
    *,
    named: frozenset[str] | None,
    whole: bool,
) -> None:
    """Judge the changed assets, every asset at the first look after a change of rules, and what is open.

    `named` limits the look to the assets that the arrival proves; None is all of them.
    """
    index, pair = step.world.index, (arrival.account.key, arrival.wallet)
    assets, first = set(changed), pair not in index.judged
    if first:
        every = _all_assets(step, plan, arrival, whole=whole)
        assets |= {asset for asset in every if named is None or asset in named}
        if whole:
            index.judged.add(pair)
    done: set[AlertKey] = set()
    rows = step.world.holdings[pair].rows
    for asset in sorted(assets):
        for rule in plan.for_asset(asset, held=asset in rows):
            for key in subjects(rule, arrival.account, arrival.wallet, asset):
                done.add(key)
                judge_subject(step, settings, rule, key, arrival)
    if plan.rated:
        every = _all_assets(step, plan, arrival, whole=whole) - assets
        for asset in sorted(one for one in every if named is None or one in named):
            _judge_rated(step, settings, plan, arrival, asset, done)
    _judge_open(step, settings, plan, arrival, named, done)
    if plan.drained and (assets or first or arrival.account.emptied_ms is not None):
        status.drained(step, settings, plan, arrival, whole=whole)


def judge_subject(
    step: Step, settings: ExchangeSettings, rule: Rule, key: AlertKey, arrival: Arrival
) -> None:
    """One look at one subject of one rule."""
    if rule.spec.family is Family.CHANGE:
        changes.judge(step, settings, rule, key, arrival)
        return
    if isinstance(rule.spec, Runway):
        runways.judge(step, settings, rule, key, arrival)
        return
    seen = look_at(step, rule, key, arrival)
    blindness.seen(step, rule, key, arrival, seen)
    if seen.value is None:
        return
    verdict = allows.verdict_of(step, rule, key, seen, arrival.account)
    if verdict.zone is not Zone.QUALIFIES and key not in step.world.alerts:
        return  # nothing is open and nothing begins: most looks end here
    evidence = Evidence(
        verdict,
        seen.began_ms,
        arrival.ended_ms,
        arrival.account.exchange,
        seen.parts,
        gap_cap_ms(step, settings),
        Once(lambda: _facts(step, rule, key, arrival, seen, verdict)),
        mixed=len(seen.parts) > 1,
        valued=is_valued(rule),
        amounts=withdrawing.followed(step, rule, key, seen),
    )
    look(step, rule, key, evidence)


def _facts(step: Step, rule: Rule, key: AlertKey, arrival: Arrival, seen: Look, verdict: Verdict) -> Facts:
    seen = with_before(step, rule, key, arrival, seen)
    return allows.named(step, facts_of(step, rule, key, arrival, seen, verdict), verdict)


def _judge_quantities(
    step: Step, settings: ExchangeSettings, plan: AccountPlan, account: Account, reading: Reading
) -> None:
    before = step.world.holdings.get((account.key, reading.wallet))
    if before is not None and _is_overtaken(before.began_ms, reading):
        step.note("reading.overtaken", reading.exchange, f"{account.label} {reading.wallet}")
        return
    arrival = Arrival(account, reading.wallet, reading.began_ms, reading.ended_ms, before)
    changed = take_in(step, arrival, reading)
    whole = reading.covers is Covers.ALL
    follow.read(step, settings, plan, arrival, changed, whole=whole)
    if (
        not (changed or plan.rated)
        and (account.key, reading.wallet) in step.world.index.judged
        and not _needs_a_look(step, account)
    ):
        return
    named = None if whole else frozenset(reading.rows)
    judge_assets(step, settings, plan, arrival, changed, named=named, whole=whole)
    if whole:
        baseline.was_read(step, settings, account.key, reading.wallet)


def _is_overtaken(known_began_ms: int, reading: Reading) -> bool:
    """Whether a reading that was asked for later has already been judged: a slow answer is old news."""
    return 0 < known_began_ms - reading.began_ms <= OVERTAKEN_MS


def _needs_a_look(step: Step, account: Account) -> bool:
    """Whether anything is under way that an unchanged reading may move."""
    if account.emptied_ms is not None or step.state(account.exchange).baseline is not None:
        return True
    opened = step.world.index.open_of
    return bool(opened) and any(owner in opened for owner in _owners(account))


def _all_assets(step: Step, plan: AccountPlan, arrival: Arrival, *, whole: bool) -> set[str]:
    """Every asset of the wallet, and at a complete look those that rules name literally (law 4)."""
    rows = step.world.holdings[arrival.account.key, arrival.wallet].rows
    assets = set(rows)
    if whole:
        held = {asset.casefold() for asset in rows}
        assets |= {asset.upper() for asset in plan.literal if asset not in held}
    return assets


def _judge_rated(
    step: Step,
    settings: ExchangeSettings,
    plan: AccountPlan,
    arrival: Arrival,
    asset: str,
    done: set[AlertKey],
) -> None:
    """An asset that did not change: time passed, and of that some rules judge."""
    held = asset in step.world.holdings[arrival.account.key, arrival.wallet].rows
    for rule in plan.for_asset(asset, held=held):
        if isinstance(rule.spec, Runway):
            for key in subjects(rule, arrival.account, arrival.wallet, asset):
                done.add(key)
                judge_subject(step, settings, rule, key, arrival)


def _judge_open(
    step: Step,
    settings: ExchangeSettings,
    plan: AccountPlan,
    arrival: Arrival,
    named: frozenset[str] | None,
    done: set[AlertKey],
) -> None:
    """What is open is judged at every reading that speaks of it, changed or not."""
    for key in _open_keys(step, arrival.account):
        if key in done or key not in step.world.alerts:
            continue
        rule = _rule_of_open(step, plan, key)
        if rule is None or is_valued(rule) or key.subject.wallet not in ("", arrival.wallet):
            continue
        if rule.wallet is not None and not rule.wallet.match(arrival.wallet):
            continue
        if named is None or key.subject.asset in named:
            judge_subject(step, settings, rule, key, arrival)


def _rule_of_open(step: Step, plan: AccountPlan, key: AlertKey) -> Rule | None:
    """The rule that judges an open alert; None where it is no figure, or where an edit ended it just now."""
    rule = plan.by_key.get(key.rule)
    if rule is None or not still_judges(rule, key.subject):
        _close_unselected(step, key)
        return None
    return rule


def _close_unselected(step: Step, key: AlertKey) -> None:
    """An edit or a new name took the subject out of its rule: the next reading closes the alert."""
    rule = step.rule(key.rule)
    if rule is None or rule.spec.family not in (Family.LEVEL, Family.CHANGE):
        return
    if key.subject.account is None and still_judges(rule, key.subject) and parts_of(step, rule, key, None):
        return  # a sum that goes on without this account
    end(step, step.world.alerts[key], "rule changed", step.world.alerts[key].facts, closed=True)


def _owners(account: Account) -> tuple[tuple[str, int | None], ...]:
    """Whose open alerts may be about the account: its own, sums of its exchange, and sums of all."""
    return ((account.exchange, account.key), (account.exchange, None), ("", None))


def _open_keys(step: Step, account: Account) -> Iterator[AlertKey]:
    opened = step.world.index.open_of
    for owner in _owners(account):
        for key in sorted(opened.get(owner, ())):
            if not key.subject.event and not key.rule.startswith(PREFIX):
                yield key


def _judge_values(
    step: Step,
    settings: ExchangeSettings,
    plan: AccountPlan,
    account: Account,
    reading: Reading,
    values: Mapping[str, str],
) -> None:
    before = step.world.valuations.get((account.key, reading.wallet))
    if before is not None and _is_overtaken(before.began_ms, reading):
        return
    arrival = Arrival(account, reading.wallet, reading.began_ms, reading.ended_ms, None, before)
    take_in_values(step, arrival, values)
    follow.valued(step, settings, plan, arrival)
    if reading.wallet in wallets_of(step, account, settings, valued=True):
        for rule in plan.valued:
            if quote_of(rule) in values:
                for key in subjects(rule, account, reading.wallet, quote_of(rule)):
                    judge_subject(step, settings, rule, key, arrival)
    if not reading.fields:
        for key in _open_keys(step, account):
            if key in step.world.alerts:
                _rule_of_open(step, plan, key)
    baseline.was_valued(step, settings, account.key, reading.wallet)

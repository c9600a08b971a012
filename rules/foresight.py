"""What would happen to alerts if other rules came into force now: the same fold, on last known readings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rules import edits, readings, staleness
from rules.builtin_names import PREFIX
from rules.changed import replace
from rules.figures import Arrival
from rules.plan import is_read, plan_of, quote_of, subjects, wallets_of
from rules.records import Account, Alert, AlertKey
from rules.ruleset import Rule, RulesAccepted, Ruleset
from rules.step import Step
from rules.world import World

ROUNDS_MOST = 100
"""The largest `confirm` that a file may ask for."""


@dataclass(frozen=True, slots=True)
class Opening:
    """An alert that would begin. `wait_ms` is what its `for` asks for; None where it would fire at once."""

    alert: Alert
    wait_ms: int | None


@dataclass(frozen=True, slots=True)
class Closing:
    """An alert that would end. `after` is resolved or closed, and for a pending one inactive."""

    alert: Alert
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """An alert that would go on with another severity or state."""

    before: Alert
    now: Alert


@dataclass(frozen=True, slots=True)
class Foresight:
    """The difference that the other rules make, and nothing that would come about without them."""

    opens: tuple[Opening, ...] = ()
    closes: tuple[Closing, ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class _Future:
    open: dict[AlertKey, Alert]
    ended: dict[AlertKey, Alert]


def foresee(load: Callable[[], World], candidate: Ruleset, now_ms: int) -> Foresight:
    """Fold the rules in force and the candidate over the same readings, and tell where they part.

    `load` gives a fresh World as the last commit left it. What is unknown there stays unknown: no reading is
    made up, `confirm` counts as met by the last one, `for` counts the time since it and no more.
    """
    world = load()
    before, current = dict(world.alerts), world.ruleset
    untouched = _untouched(current, candidate)
    without = _folded(world, _less(current, untouched), now_ms)
    under = _folded(load(), _less(candidate, untouched), now_ms)
    opens = [
        Opening(alert, _wait_ms(alert, candidate))
        for key, alert in sorted(under.open.items())
        if key not in without.open and key not in before
    ]
    closes = [
        Closing(ended, ended.state, ended.facts.reason)
        for key, ended in sorted(under.ended.items())
        if key in before and key not in without.ended
    ]
    changes = [
        Change(known, alert)
        for key, alert in sorted(under.open.items())
        if (known := without.open.get(key)) is not None
        and (known.severity, known.state) != (alert.severity, alert.state)
    ]
    return Foresight(tuple(opens), tuple(closes), tuple(changes))


def _untouched(current: Ruleset, candidate: Ruleset) -> frozenset[Rule]:
    """The rules that judge the same under both: of them nothing would part, and most of a large file are such."""
    surroundings = ("settings", "exchanges", "allows")
    if any(getattr(current, name) != getattr(candidate, name) for name in surroundings):
        return frozenset()
    return frozenset(current.rules) & frozenset(candidate.rules)


def _less(ruleset: Ruleset, untouched: frozenset[Rule]) -> Ruleset:
    return replace(ruleset, rules=tuple(rule for rule in ruleset.rules if rule not in untouched))


def _folded(world: World, ruleset: Ruleset, now_ms: int) -> _Future:
    """Accept the rules and judge every subject at its last readings until all rows are long enough."""
    ended: dict[AlertKey, Alert] = {}
    known = set(world.alerts)
    step = Step(world, now_ms)
    edits.accept(step, RulesAccepted(now_ms, ruleset))
    ended.update((alert.key, alert) for alert in step.outcome.ended)
    builtin = {key: alert for key, alert in world.alerts.items() if key.rule.startswith(PREFIX)}
    staleness.scan(step)
    rounds = max((rule.confirm for rule in ruleset.rules if rule.enabled), default=1)
    for index in range(min(rounds, ROUNDS_MOST)):
        step = Step(world, now_ms + index)
        for account in list(world.accounts.values()):
            if step.exchange(account.exchange) is not None and is_read(step, account):
                _judge(step, account)
        ended.update((alert.key, alert) for alert in step.outcome.ended)
    # Built-in alerts tell of calls, and none was made: only what the rules themselves closed counts.
    own = {key: alert for key, alert in world.alerts.items() if not key.rule.startswith(PREFIX)}
    ended = {key: alert for key, alert in ended.items() if key not in builtin and key in known}
    return _Future(own, {key: alert for key, alert in ended.items() if key not in own})


def _judge(step: Step, account: Account) -> None:
    """One more look at all that is known of one account; what it never told stays unsaid."""
    settings, plan = step.ruleset.exchanges[account.exchange], plan_of(step, account)
    for wallet in wallets_of(step, account, settings, valued=False):
        holding = step.world.holdings.get((account.key, wallet))
        if holding is None:
            continue
        whole = holding.whole_ms is not None
        step.world.put_holding(
            account.key, wallet, replace(holding, began_ms=step.now_ms, ended_ms=step.now_ms)
        )
        arrival = Arrival(account, wallet, step.now_ms, step.now_ms, holding)
        # Not `drained`: that is told by a look that finds less than the one before, and there is only one.
        figures = replace(plan, drained=[])
        named = None if whole else frozenset(holding.rows)
        readings.judge_assets(step, settings, figures, arrival, (), named=named, whole=whole)
    for wallet in wallets_of(step, account, settings, valued=True):
        valuation = step.world.valuations.get((account.key, wallet))
        if valuation is None:
            continue
        fresh = replace(valuation, began_ms=step.now_ms, ended_ms=step.now_ms)
        step.world.put_valuation(account.key, wallet, fresh)
        arrival = Arrival(account, wallet, step.now_ms, step.now_ms, None, valuation)
        for rule in plan.valued:
            if quote_of(rule) in valuation.values:
                for key in subjects(rule, account, wallet, quote_of(rule)):
                    readings.judge_subject(step, settings, rule, key, arrival)


def _wait_ms(alert: Alert, ruleset: Ruleset) -> int | None:
    if alert.state == "firing":
        return None
    rule = next((one for one in ruleset.rules if one.key == alert.key.rule), None)
    return 0 if rule is None else rule.for_ms

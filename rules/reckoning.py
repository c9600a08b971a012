"""Sums over many wallets worked out before a reading needs them: after a start, an edit or a new account.

A sum of ten thousand figures takes long, and a reading is judged in one turn. The shell takes these short steps first,
with other work between them. What they leave in the index is what a look at the sum would have left there, so that a
fold without them comes to the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from rules.figures import all_known, figure_of, parts_in_steps, parts_of, sums_of
from rules.plan import FIGURES, is_valued, quantity_wallets, quote_of, valued_wallets
from rules.records import AlertKey, Subject
from rules.ruleset import Rule
from rules.step import Step
from rules.sums import FEWEST_PARTS, Part
from rules.world import World

NAMES_AT_ONCE = 500
"""Wallets whose assets are looked through in one step: half a millisecond."""


def is_wanted(world: World) -> bool:
    """Whether sums over accounts were forgotten since `reckon` began the last time."""
    return world.index.unreckoned and bool(_summing(world))


def reckon(world: World) -> Iterator[None]:
    """Take one step at a time; between them the World may move on."""
    step = Step(world, 0)  # nothing is judged here, so that the time is not asked
    world.index.unreckoned = False
    rules = _summing(world)
    for rule in rules:
        for subject in _subjects(step, rule):
            for _ in _reckon(step, rule, AlertKey(rule.key, subject)):
                yield
                if world.index.unreckoned or world.index.summing is not rules:
                    return  # an edit, or an account that is new: what was found out is not true any more


def _summing(world: World) -> list[Rule]:
    if world.index.summing is None:
        world.index.summing = [
            rule
            for rule in world.ruleset.rules
            if rule.enabled and rule.spec.family in FIGURES and not rule.sum_over.isdisjoint(_OVER_ACCOUNTS)
        ]
    return world.index.summing


_OVER_ACCOUNTS = frozenset({"account", "exchange"})


def _reckon(step: Step, rule: Rule, key: AlertKey) -> Iterator[None]:
    if not all_known(step, rule, key):
        return  # each account that comes makes it another sum, and none is judged before all are there
    yield from parts_in_steps(step, rule, key)
    parts = parts_of(step, rule, key, None)
    if len(parts) < FEWEST_PARTS:
        return
    assets = {quote_of(rule)} if is_valued(rule) else set[str]()
    if not is_valued(rule):
        yield from _assets(step, rule, parts, assets)
    sums = sums_of(step, rule, key, parts)
    for asset in sorted(assets):
        figure = figure_of(step, rule, asset)
        for _ in sums.fill(asset, figure):
            yield


def _assets(step: Step, rule: Rule, parts: tuple[Part, ...], found: set[str]) -> Iterator[None]:
    """What the wallets hold or held of the assets that a rule means, and those that it names."""
    names: set[str] = set()
    for begin in range(0, len(parts), NAMES_AT_ONCE):
        for part in parts[begin : begin + NAMES_AT_ONCE]:
            holding = step.world.holdings.get(part)
            if holding is not None:
                names.update(holding.rows)
        yield
    held = {name.casefold() for name in names}
    found.update(name for name in names if rule.asset.match(name))
    found.update(name.upper() for name in rule.asset.literals if name not in held and rule.asset.match(name))


def _subjects(step: Step, rule: Rule) -> Iterator[Subject]:
    """The subjects of a rule that sums over accounts, without their asset."""
    of_any = "exchange" in rule.sum_over
    wallets: dict[str, set[str]] = {}
    for name, settings in step.ruleset.exchanges.items():
        if rule.exchange.match(name):
            known = valued_wallets(settings) if is_valued(rule) else quantity_wallets(settings)
            alone = rule.wallet is not None and "wallet" not in rule.sum_over
            told = {wallet for wallet in known if rule.wallet is None or rule.wallet.match(wallet)}
            wallets.setdefault("" if of_any else name, set()).update(told if alone else {""})
    for exchange, names in sorted(wallets.items()):
        for wallet in sorted(names):
            yield Subject(exchange, wallet=wallet)

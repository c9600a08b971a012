"""What a first judgement waits for is asked bit by bit, and is the same as if every plan had been looked at at once."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules import baseline, unread
from rules.filed import Filed
from rules.judge import judge
from rules.patterns import Patterns
from rules.plan import is_read, is_valued, plan_of, quantity_wallets, valued_wallets
from rules.records import Baseline
from rules.ruleset import ExchangeSettings, RulesAccepted
from rules.step import Step
from rules.unread import Unread
from rules.world import World
from tests.engine import Engine, appeared, low, tables
from tests.properties.judge_moves import EXCHANGES, moves, new_engine, play

PAIRS = st.tuples(st.integers(1, 6), st.sampled_from(["spot", "value of spot"]))
PATTERN = st.text("aBß-@*?[]!", min_size=1, max_size=5).filter(lambda text: not text.startswith("!"))
NAME = st.text("aBß-@[]", min_size=1, max_size=5)


@given(
    ahead=st.lists(st.sets(PAIRS, max_size=3), max_size=30),
    steps=st.lists(st.one_of(PAIRS, st.sampled_from(["over", "all"])), max_size=60),
)
def test_asked_bit_by_bit_the_same_is_awaited_as_asked_at_once(
    ahead: list[set[tuple[int, str]]], steps: list[Any]
) -> None:
    lazy, eager = Unread(ahead), set[tuple[int, str]]().union(*ahead)
    for step in steps:
        if step == "over":
            assert lazy.is_over() is not bool(eager)
        elif step == "all":
            assert lazy.all() == eager
        else:
            lazy.discard(step)
            eager.discard(step)
    assert lazy.all() == eager


@settings(max_examples=400)
@given(patterns=st.lists(st.lists(PATTERN, min_size=1, max_size=3), max_size=6), names=st.lists(NAME))
@example(patterns=[["[]a"], ["*[a"], ["a*", "*ß"], ["B"]], names=["[]a", "[A", "ASS", "b"])
def test_a_rule_that_means_an_account_is_near_it_in_the_order_of_the_file(
    patterns: list[list[str]], names: list[str]
) -> None:
    rules = [low(f"r{place}", account=wanted) for place, wanted in enumerate(patterns)]
    near = Filed.of(rules).near(names)
    assert [rule for rule in rules if rule.account.match(*names)] == [
        rule for rule in near if rule.account.match(*names)
    ]
    assert near == [rule for rule in rules if rule in near]


def test_of_many_rules_only_those_are_near_whose_patterns_begin_or_end_so() -> None:
    rules = [low(f"{n}", account=[f"desk-{n}*", f"*-{n}@x", f"lone-{n}"]) for n in range(500)]
    assert {rule.name for rule in Filed.of(rules).near(["desk-77@x", "77"])} == {"7", "77"}
    assert [rule.name for rule in Filed.of(rules).near(["LONE-9"])] == ["9"]
    assert Patterns.of(["a*", "b"]).wild == ("a*",)


class _Naive(Unread):
    """Every plan is compiled at the first look, as the sentence in the design has it."""

    def __init__(self, ahead: Iterable[set[tuple[int, str]]] = (), awaited: Any = ()) -> None:
        super().__init__(ahead, awaited)
        self.all()


def _by_plans(step: Step, settings: ExchangeSettings, new: Baseline) -> Iterator[set[tuple[int, str]]]:
    for account in step.accounts_of(settings.name):
        if account.master or not is_read(step, account):
            continue
        plan = plan_of(step, account)
        kinds = {is_valued(rule) for rule in plan.by_key.values() if rule.key in new.rules}
        pairs = {(account.key, wallet) for wallet in quantity_wallets(settings) if False in kinds}
        yield pairs - step.world.index.judged
        yield {
            (account.key, baseline.VALUE_OF + wallet) for wallet in valued_wallets(settings) if True in kinds
        }


@settings(max_examples=200, deadline=None)
@given(st.lists(moves(), min_size=1, max_size=40))
def test_first_judgements_are_those_of_every_plan_compiled_at_once(sequence: list[tuple[Any, ...]]) -> None:
    engine, outcomes = new_engine(), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unread, "ASKED_AT_ONCE", 0)
        for move in sequence:
            play(engine, move)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baseline, "Unread", _Naive)
        patch.setattr(baseline, "_awaited", _by_plans)
        again = World()
        outcomes = [repr(judge(again, event, now_ms)) for event, now_ms in engine.inputs]
    fresh = World()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unread, "ASKED_AT_ONCE", 0)
        assert outcomes == [repr(judge(fresh, event, now_ms)) for event, now_ms in engine.inputs]
    for one, other in zip(tables(again), tables(fresh), strict=True):
        assert one == other


def test_the_first_judgement_of_one_rule_compiles_no_plan_of_other_accounts() -> None:
    engine = Engine(low("floor", "100"), appeared(), exchanges=EXCHANGES, first=True)
    engine.lists(*(f"desk-{number}@n" for number in range(50)), exchange="n")
    engine.reads("desk-0@n", exchange="n", USDT="500")
    assert len(engine.world.index.plans) == 1
    assert engine.world.exchanges["n"].baseline is not None
    assert RulesAccepted in {type(event) for event, _ in engine.inputs}

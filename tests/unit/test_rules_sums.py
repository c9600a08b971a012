"""Sums over many wallets, kept in blocks: to the digit what adding up every figure gives."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import figures, reckoning
from rules.judge import judge
from rules.reckoning import is_wanted, reckon
from rules.sums import Part, Sums
from rules.values import add
from rules.world import World
from tests.engine import Engine, binance, high, low, okx, tables

AMOUNT = st.sampled_from(
    ["0", "-0", "-3.50", "1E+3", "0.000000000000000001", "7", "1000000000000000000000.5", None]
)
PARTS: tuple[Part, ...] = tuple((number, "spot") for number in range(1, 41))


@settings(max_examples=300)
@given(
    first=st.lists(AMOUNT.filter(bool), min_size=len(PARTS), max_size=len(PARTS)),
    moves=st.lists(st.tuples(st.integers(0, len(PARTS) - 1), AMOUNT), max_size=30),
)
def test_law_9_a_kept_sum_is_the_sum_of_all_figures_to_the_digit(
    first: list[str], moves: list[tuple[int, str | None]]
) -> None:
    now: dict[Part, str | None] = dict(zip(PARTS, first, strict=True))

    def figure(part: Part) -> Decimal | None:
        text = now[part]
        return None if text is None else Decimal(text)

    def by_hand() -> Decimal | None:
        every = [figure(part) for part in PARTS]
        return None if None in every else add(one for one in every if one is not None)

    sums = Sums(PARTS, valued=False)
    for place, text in [(0, first[0]), *moves]:
        now[PARTS[place]] = text
        sums.moved(PARTS[place], ["USDT"] if place % 2 else None)
        total, expected = sums.total("USDT", figure), by_hand()
        if total is None and expected is not None:
            total = sums.keep("USDT", [figure(part) or Decimal(0) for part in PARTS])
        assert str(total) == str(expected)


def test_of_many_wallets_one_that_moved_costs_a_look_at_its_block() -> None:
    parts = tuple((number, "spot") for number in range(10_000))
    looked: list[Part] = []

    def figure(part: Part) -> Decimal:
        looked.append(part)
        return Decimal(1)

    sums = Sums(parts, valued=False)
    sums.keep("USDT", [Decimal(1)] * len(parts))
    sums.moved((77, "spot"), ["USDT", "BTC"])
    sums.moved((5, "elsewhere"), None)
    assert sums.total("USDT", figure) == 10_000
    assert len(looked) <= 101
    assert (77, "spot") in looked


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "value", "list", "edit", "restart", "moving"]),
        st.sampled_from(["0", "5", "99.50", "250", "", "1000000000000000000000.5"]),
        st.sampled_from(["USDT", "BTC"]),
    ),
    min_size=3,
    max_size=40,
)
RULES = (
    low("all", "300", sum_over=["account"], account="*"),
    low("each", "300", sum_over=["account"], account="*", asset="*", wallet="*", confirm=1),
    high("everything", "200", sum_over=["exchange"], account="*", asset="*"),
    low("worth", "100", field="value", quote="BTC", sum_over=["account"], account="*"),
)


def _play(engine: Engine, steps: list[tuple[str, str, str]]) -> None:
    for number, (what, amount, asset) in enumerate(steps):
        match what:
            case "value":
                engine.values("a@n", exchange="n", BTC=amount)
            case "list":
                engine.lists("a@n", "b@n", "c@n", exchange="n")
                engine.lists("a@o", "b@o", exchange="o")
            case "edit":
                engine.edits(*RULES, low("edited", amount or "1", sum_over=["account"], account="*"))
            case "restart":
                engine.restarts()
            case _:
                rows: dict[str, Any] = {asset: (amount, "0", "0", "0")}
                place = ("o", "funding") if number % 3 == 0 and what != "c" else ("n", "spot")
                who = "a" if what == "moving" else what
                engine.reads(f"{who}@{place[0]}", place[1], exchange=place[0], rows=rows)


@settings(max_examples=200, deadline=None)
@given(STEPS, st.randoms(use_true_random=False))
def test_law_13_the_verdicts_on_sums_are_those_of_adding_up_every_wallet(
    steps: list[tuple[str, str, str]], chance: random.Random
) -> None:
    engine = Engine(*RULES, exchanges=(binance("n", read=("assets", "summary")), okx("o")))
    engine.lists("a@n", "b@n", "c@n", exchange="n")
    engine.lists("a@o", "b@o", exchange="o")
    _play(engine, steps)

    def folded(fewest: int, ahead: Callable[[World], object]) -> tuple[list[str], World]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(figures, "FEWEST_PARTS", fewest)
            patch.setattr(reckoning, "FEWEST_PARTS", fewest)
            world, told = World(), []
            for event, now_ms in engine.inputs:
                told.append(repr(judge(world, event, now_ms)))
                ahead(world)
            return told, world

    under_way: Iterator[None] = iter(())

    def some_steps_ahead(world: World) -> None:
        """What was begun goes on over the inputs that come between, as in a daemon that cannot hold one back."""
        nonlocal under_way
        for _ in range(chance.randrange(12)):
            if next(under_way, "over") == "over" and is_wanted(world):
                under_way = reckon(world)

    by_hand, other = folded(1_000, lambda _: None)
    for ahead in (lambda _: None, lambda world: [*reckon(world)], some_steps_ahead):
        in_blocks, one = folded(2, ahead)
        assert in_blocks == by_hand
        for live, table in zip(tables(one), tables(other), strict=True):
            assert live == table
        assert one.index.unknown_part == other.index.unknown_part


def test_what_was_reckoned_ahead_costs_the_next_reading_no_look_at_the_others() -> None:
    rules = [low(f"r{n}", "1", sum_over=["account"], account="*", confirm=1, asset=n) for n in ("USDT", "*")]
    engine = Engine(*rules)
    names = [f"desk-{number}@x" for number in range(60)]
    engine.lists(*names)
    for name in names:
        engine.reads(name, USDT="5", BTC="1")
    engine.edits(*rules, low("worth", "1", sum_over=["account"], account="*", confirm=1, asset="BTC"))
    assert is_wanted(engine.world)
    assert len([*reckon(engine.world)]) > 3 * 8
    assert not is_wanted(engine.world)
    with looks() as looked:
        engine.reads(names[7], USDT="6", BTC="1")
    assert 0 < len(looked) <= 4 * 8  # of four sums the block in which the reading is


@contextmanager
def looks() -> Iterator[list[Part]]:
    """The parts whose figures are looked at for a sum meanwhile."""
    looked: list[Part] = []
    figure_of = figures.figure_of

    def counted(*about: Any) -> Callable[[Part], Decimal | None]:
        told = figure_of(*about)

        def figure(part: Part) -> Decimal | None:
            looked.append(part)
            return told(part)

        return figure

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "figure_of", counted)
        yield looked


def test_the_last_reading_of_a_first_sweep_finds_the_others_added_up() -> None:
    engine = Engine(low("all", "1", sum_over=["account"], account="*", confirm=1))
    names = [f"desk-{number}@x" for number in range(400)]
    engine.lists(*names)
    [*reckon(engine.world)]
    most = 0
    with looks() as looked:
        for begin in range(0, 400, 8):
            # Answers overtake each other.
            for name in sorted(names[begin : begin + 8], reverse=True):
                engine.reads(name, USDT="5")
                most = max(most, len(looked))
                looked.clear()
    (sums,) = engine.world.index.sums.values()
    assert sums.total("USDT", lambda _: None) == 2_000
    assert most <= 3 * 21


def test_one_more_account_makes_its_first_reading_add_up_no_more_than_its_block() -> None:
    engine = Engine(low("all", "1", sum_over=["account"], account="*", confirm=1))
    names = [f"desk-{number}@x" for number in range(400)]
    engine.lists(*names)
    for name in names:
        engine.reads(name, USDT="5")
    engine.lists(*names, "desk-new@x")
    [*reckon(engine.world)]
    with looks() as looked:
        engine.reads("desk-new@x", USDT="5")
    assert len(looked) <= 2 * 21
    assert is_wanted(engine.world) is False


def test_rules_that_mean_the_same_wallets_ask_every_account_but_once() -> None:
    rules = [
        low(f"r{n}", "1", sum_over=["account"], account="*", asset=f"COIN{n}", confirm=1) for n in range(9)
    ]
    other = low("other", "1", sum_over=["account"], account="desk-1*", confirm=1)
    engine = Engine(*rules, other)
    engine.lists(*(f"desk-{number}@x" for number in range(40)))
    engine.reads("desk-1@x", USDT="5")
    index = engine.world.index
    assert sorted(map(len, index.asked.values())) == [11, 40]
    assert len(index.parts) == 10


def test_what_a_sum_is_made_of_is_asked_in_steps_and_not_gone_on_with_once_it_is_another() -> None:
    rule = low("all", "1", sum_over=["account"], account="!desk-3*", confirm=1)
    names = [f"desk-{number}@x" for number in range(450)]
    engine = Engine(rule)
    engine.lists(*names)
    index = engine.world.index
    assert len([*reckon(engine.world)]) == 2 + 1 + 18  # to ask, to look for names, a block of 19 each
    (in_steps,) = index.asked.values()
    engine.edits(rule)
    under_way = reckon(engine.world)
    next(under_way)
    engine.lists(*names, "desk-new@x")
    assert [*under_way] == []
    assert not index.asked
    assert is_wanted(engine.world)
    engine.edits(rule)
    engine.reads("desk-1@x", USDT="5")
    (at_once,) = index.asked.values()
    assert at_once == (*in_steps, at_once[-1])
    assert len(at_once) == 450 - 111 + 1

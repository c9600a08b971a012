"""Law 13 and the shape of the fold: ticks without effect, ids, cost of what did not change."""

import re
from dataclasses import replace

import pytest

from rules.model import Start, Tick
from rules.outcome import Outcome
from rules.ruleset import RulesAccepted
from rules.world import World
from tests.engine import Engine, change, low, stale, status

RULES = (low("floor", "100"), change("moved", "10m", drop="10"), status(), stale("quiet", "2m"))


def test_a_tick_without_a_due_thing_changes_nothing_at_all() -> None:
    engine = Engine(*RULES)
    engine.lists("a@x", "b@x")
    for minute in range(3):
        engine.at(f"{minute}m").reads("a@x", USDT="5")
        engine.reads("b@x", USDT="500")
        engine.ticks()
        engine.forget_touched()
        for _ in range(20):
            assert engine.ticks() == Outcome()
            assert engine.untouched()


@pytest.mark.parametrize("seconds", [1, 7, 60])
def test_ticks_without_effect_may_be_left_out_of_the_log(seconds: int) -> None:
    def told(every: int) -> list[str]:
        engine = Engine(*RULES)
        engine.lists("a@x", "b@x")
        for minute in range(30):
            engine.at(f"{minute}m").reads("a@x", USDT="5")
            if minute % 7:
                engine.reads("b@x", USDT="500")
            for second in range(10, 60, every):
                engine.at(minute * 60_000 + second * 1_000).ticks()
            engine.at(minute * 60_000 + 59_500).ticks()
        return engine.told()

    assert told(seconds) == told(60)


def test_ids_have_a_letter_and_at_least_one_digit_and_are_unique() -> None:
    engine = Engine(low("floor", "100", asset="*", confirm=1))
    engine.reads("a@x", **{f"C{number}": "1" for number in range(2_000)})
    ids = {step.alert for step in engine.transitions}
    assert len(ids) == 2_000
    assert all(re.fullmatch(r"A(?=[0-9A-Z]*\d)[0-9A-Z]{4,8}", one) for one in ids)


def test_the_same_onset_again_gets_another_id() -> None:
    engine = Engine(low("floor", "100", confirm=1))
    for free in ("5", "500", "5"):
        engine.reads("a@x", USDT=free)
        engine.now_ms -= 1_000
    assert len({one.alert for one in engine.notifications}) == 2


def test_an_unchanged_reading_touches_one_holding_and_now_and_then_its_exchange() -> None:
    engine = Engine(*RULES)
    engine.lists("a@x")
    rows = {"USDT": ("500", "0", "0", "0")}
    engine.reads("a@x", rows=rows)
    engine.forget_touched()
    engine.reads("a@x", rows=rows)
    assert set(engine.world.holdings.touched) == {(1, "spot")}
    assert not engine.world.accounts.touched
    assert engine.outcome == Outcome()


def test_equal_rows_of_another_object_are_no_change_either() -> None:
    engine = Engine(*RULES)
    engine.reads("a@x", rows={"USDT": ("500", "0", "0", "0")})
    engine.reads("a@x", rows={"USDT": ("500", "0", "0", "0")})
    assert engine.outcome.changes == []


def test_an_input_of_an_exchange_that_is_gone_is_ignored() -> None:
    engine = Engine(*RULES)
    engine.reads("a@x", exchange="gone", USDT="5")
    engine.lists("a@x", exchange="gone")
    engine.fails("a@x", exchange="gone")
    engine.passes("gone")
    assert engine.told() == []
    assert not engine.world.accounts


def test_a_fresh_world_takes_its_first_inputs_in_either_order() -> None:
    for events in ((Start, Tick), (Tick, Start)):
        engine = Engine(*RULES)
        world = World()
        engine.world = world
        for kind in events:
            engine.says(kind(engine.now_ms))
        engine.says(RulesAccepted(engine.now_ms, replace(engine.ruleset)))
        engine.reads("a@x", USDT="5")
        assert world.accounts

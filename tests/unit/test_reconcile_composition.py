"""A major asset falls by most of its amount while one never held appears: one critical alert."""

import pytest

from rules.statements import Prices
from tests.engine import Engine, okx, shift

RULE = shift(confirm=1)
HEADLINE = "turned 0.9 of its 1 BTC into 5,000,000 SHADY, never held before"


def said(engine: Engine) -> list[tuple[str, str]]:
    return [(one.severity.value, one.facts.headline) for one in engine.notifications]


def test_most_of_a_major_turned_into_an_asset_never_held_is_one_critical_alert() -> None:
    engine = Engine(RULE)
    engine.reads("a", BTC="1", USDT="10")
    engine.after("1m").reads("a", BTC="0.1", USDT="10", SHADY="5000000")
    for _ in range(5):
        engine.after("1m").reads("a", BTC="0.1", USDT="10", SHADY="5000000")
    assert said(engine) == [("critical", HEADLINE)]


def test_it_is_confirmed_by_a_second_reading() -> None:
    engine = Engine(shift())
    engine.reads("a", BTC="1")
    engine.after("1m").reads("a", BTC="0.1", SHADY="5000000")
    assert (said(engine), engine.rechecks()) == ([], ["a spot"])
    engine.reads("a", BTC="0.1", SHADY="5000000")
    assert said(engine) == [("critical", HEADLINE)]


def test_a_glitch_is_none() -> None:
    engine = Engine(shift())
    engine.reads("a", BTC="1")
    engine.after("1m").reads("a", BTC="0.1", SHADY="5000000")
    engine.reads("a", BTC="1")
    engine.after("1m").reads("a", BTC="1")
    assert (said(engine), engine.states()) == ([], [])


def test_it_may_take_several_readings_inside_the_window() -> None:
    engine = Engine(RULE)
    engine.reads("a", BTC="1")
    engine.after("1m").reads("a", BTC="0.7", SHADY="100")
    engine.after("1m").reads("a", BTC="0.6", SHADY="200")
    assert said(engine) == []
    engine.after("1m").reads("a", BTC="0.1", SHADY="5000000")
    assert said(engine) == [("critical", HEADLINE)]


@pytest.mark.parametrize(
    "before, after",
    [
        ({"BTC": "1"}, {"BTC": "0.1"}),  # it left
        ({"BTC": "1", "SHADY": "1"}, {"BTC": "0.1", "SHADY": "5000000"}),  # held before
        ({"BTC": "1"}, {"BTC": "0.500000000000000001", "SHADY": "5"}),  # less than most of it
        ({"DOGE": "1"}, {"DOGE": "0.1", "SHADY": "5"}),  # no major
    ],
)
def test_anything_less_is_none(before: dict[str, str], after: dict[str, str]) -> None:
    engine = Engine(RULE)
    engine.reads("a", **before)
    engine.after("1m").reads("a", **after)
    assert said(engine) == []


def test_half_is_enough_to_the_unit() -> None:
    engine = Engine(RULE)
    engine.reads("a", BTC="1")
    engine.after("1m").reads("a", BTC="0.5", SHADY="5")
    assert len(said(engine)) == 1


def test_outside_of_the_window_it_is_none() -> None:
    engine = Engine(RULE)
    engine.reads("a", BTC="1")
    engine.after("1m").reads("a", BTC="1", SHADY="5")
    engine.after("11m").reads("a", BTC="0.1", SHADY="5")
    assert said(engine) == []


def test_a_withdrawal_under_way_explains_it() -> None:
    engine = Engine(RULE)
    engine.reads("a", BTC="1")
    rows = {"BTC": ("0.1", "0", "0", "0.0000001"), "SHADY": ("5", "0", "0", "0")}
    engine.after("1m").reads("a", rows=rows)
    assert said(engine) == []


def test_a_fair_trade_by_known_prices_is_none() -> None:
    for price, count in (("9000", 0), ("8999.99", 1)):
        engine = Engine(RULE)
        engine.reads("a", BTC="1")
        known = {("BTC", "USDT"): "50000", ("SHADY", "USDT"): price}
        engine.says(Prices("x", engine.now_ms, engine.now_ms, known))
        engine.after("1m").reads("a", BTC="0.1", SHADY="5")
        assert len(said(engine)) == count


@pytest.mark.parametrize("worth, count", [("40000", 1), ("100000", 0)])
def test_the_venues_own_valuation_tells_whether_the_account_is_worth_less(worth: str, count: int) -> None:
    engine = Engine(RULE, exchanges=[okx()])
    engine.reads("a", "funding", USDT="1")
    engine.reads("a", "trading", BTC="1", values={"USD": "100000"})
    engine.after("1m").reads("a", "trading", BTC="0.1", SHADY="5000000", values={"USD": worth})
    assert len(said(engine)) == count


@pytest.mark.parametrize("confirm", [1, 2])
@pytest.mark.parametrize("worth, count", [("40000", 1), ("100000", 0)])
def test_a_valuation_of_its_own_is_waited_for_though_nothing_changes_any_more(
    worth: str, count: int, confirm: int
) -> None:
    engine, after = Engine(shift(confirm=confirm)), {"BTC": "0.1", "SHADY": "5000000"}
    engine.reads("a", BTC="1")
    engine.values("a", BTC="100000")
    engine.after("20s").reads("a", **after)
    assert said(engine) == []
    engine.after("1s").values("a", BTC=worth)
    for _ in range(5):
        engine.after("20s").reads("a", **after)
        engine.after("1s").values("a", BTC="99000")  # prices move: the shift was judged by its own valuation
    assert said(engine) == [("critical", HEADLINE)] * count


def test_what_the_venue_does_not_value_in_time_is_told_without() -> None:
    engine, after = Engine(RULE), {"BTC": "0.1", "SHADY": "5000000"}
    engine.reads("a", BTC="1")
    engine.values("a", BTC="100000")
    for _ in range(5):
        engine.after("20s").reads("a", **after)
    assert said(engine) == [("critical", HEADLINE)]


@pytest.mark.parametrize("confirm", [1, 2])
def test_one_shift_is_one_alert_whatever_majors_it_took(confirm: int) -> None:
    engine, after = Engine(shift(confirm=confirm)), {"ETH": "3", "USDT": "1", "ZZZ": "900000"}
    engine.reads("a", ETH="40", USDT="7")
    for _ in range(4):
        engine.after("20s").reads("a", **after)
    assert [one for one, _ in said(engine)] == ["critical"]
    assert [state for state in engine.states() if "pending" in str(state)] == []


def test_a_withdrawal_of_another_asset_explains_it_too() -> None:
    engine = Engine(RULE)
    engine.reads("a", ETH="40", USDT="7")
    rows = {"ETH": ("3", "0", "0", "0"), "USDT": ("3", "0", "0", "4"), "ZZZ": ("9", "0", "0", "0")}
    engine.after("1m").reads("a", rows=rows)
    assert said(engine) == []


def test_the_first_reading_of_an_account_shifts_nothing() -> None:
    engine = Engine(RULE)
    engine.reads("a", BTC="1", SHADY="5")
    assert said(engine) == []

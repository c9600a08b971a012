"""`dust_value`: prices are asked for where a difference meets one, at every exchange, and what is no dust is told."""

from typing import Any

import pytest

from rules.ruleset import ExchangeSettings
from rules.statements import BookRow, Books, Prices
from tests.engine import T0_MS, Engine, binance, bitget, ms, okx, reconciled

DUST = {"dust_value": "5"}
MOVED = reconciled("movements", within="3m", tolerance=DUST)
SUMMED = reconciled("conservation", tolerance=DUST)
KINDS = [
    binance(),
    okx(read=("funding",), wallets=("funding",)),
    bitget(own_call=True, lists_all_assets=True),
]


def sweep(engine: Engine, minute: int, **shady: str) -> list[Any]:
    """One poll of accounts that hold SHADY; the prices that are wished for in it."""
    engine.at(f"{minute}m")
    (settings,) = engine.ruleset.exchanges.values()
    if minute == 0:
        engine.lists(*shady)
    wishes = []
    for name, amount in shady.items():
        wishes += engine.reads(name, settings.wallets[0], SHADY=amount).prices
    return wishes + engine.ticks().prices


def tell(engine: Engine, began: str = "", **prices: str) -> None:
    """The venue's answer, in USDT."""
    began_ms = T0_MS + ms(began) if began else engine.now_ms - 50
    engine.says(Prices("x", began_ms, engine.now_ms, {(one, "USDT"): text for one, text in prices.items()}))


def told(engine: Engine) -> list[str]:
    return [one.facts.headline for one in engine.notifications if one.facts.asset == "SHADY"]


@pytest.mark.parametrize("settings", KINDS, ids=lambda one: one.kind)
@pytest.mark.parametrize("price, count", [("0.5", 0), ("0.500000000000000001", 1)])
def test_an_outflow_is_dust_by_a_price_that_the_movement_asked_for(
    settings: ExchangeSettings, price: str, count: int
) -> None:
    engine = Engine(MOVED, exchanges=[settings])
    sweep(engine, 0, a="100", b="100")
    (wanted,) = sweep(engine, 1, a="90", b="100")
    assert wanted.assets == ("SHADY",)
    assert "USDT" in wanted.quotes
    tell(engine, SHADY=price)
    for minute in range(2, 8):
        assert sweep(engine, minute, a="90", b="100") == []
        engine.ticks()
    assert len(told(engine)) == count


@pytest.mark.parametrize("settings", KINDS, ids=lambda one: one.kind)
@pytest.mark.parametrize("price, count", [("0.5", 0), ("0.500000000000000001", 1)])
def test_a_leak_is_dust_by_a_price_that_the_sum_asked_for(
    settings: ExchangeSettings, price: str, count: int
) -> None:
    engine = Engine(SUMMED, exchanges=[settings])
    sweep(engine, 0, a="100", b="100")
    (wanted,) = sweep(engine, 1, a="90", b="100")
    assert wanted.assets == ("SHADY",)
    tell(engine, SHADY=price)
    for minute in range(2, 8):
        sweep(engine, minute, a="90", b="100")
    assert len(told(engine)) == count


@pytest.mark.parametrize("price, count", [("0.5", 0), ("0.500000000000000001", 1)])
def test_a_difference_to_the_books_is_dust_by_a_price_that_it_asked_for(price: str, count: int) -> None:
    engine = Engine(reconciled("expected", tolerance=DUST), exchanges=[KINDS[1]])
    sweep(engine, 0, a="90")
    for minute in range(1, 5):
        sweep(engine, minute, a="90")
        row = BookRow("x", "a", "SHADY", "100", engine.now_ms - 100)
        wishes = engine.says(Books("desk", engine.now_ms, (row,))).prices
        assert [one.assets for one in wishes] == ([("SHADY",)] if minute == 1 else [])
        if wishes:
            tell(engine, SHADY=price)
    assert len(told(engine)) == count


def test_what_is_bid_for_a_coin_makes_no_outflow_dust() -> None:
    engine = Engine(MOVED)
    sweep(engine, 0, a="1000", b="100")
    sweep(engine, 1, a="0", b="100")
    pair, now = ("SHADY", "USDT"), engine.now_ms
    engine.says(Prices("x", now - 50, now, {pair: "100"}, bids={pair: "0.0001"}))
    for minute in range(2, 8):
        sweep(engine, minute, a="0", b="100")
        engine.ticks()
    assert len(told(engine)) == 1


def test_an_outflow_waits_a_moment_for_the_first_price_and_no_longer() -> None:
    engine = Engine(reconciled("movements", within="1s", tolerance=DUST))
    sweep(engine, 0, a="100")
    sweep(engine, 1, a="90")
    engine.reads("a", SHADY="90")
    engine.ticks("74s")
    assert told(engine) == []
    engine.ticks("78s")
    assert told(engine) == ["10 SHADY left a and arrived in no account that is read here within 1s"]


def test_an_outflow_that_waits_is_judged_when_its_price_comes() -> None:
    for price, count in (("0.5", 0), ("0.6", 1)):
        engine = Engine(reconciled("movements", within="1s", tolerance=DUST))
        sweep(engine, 0, a="100")
        sweep(engine, 1, a="90")
        engine.reads("a", SHADY="90")
        engine.ticks("65s")
        tell(engine, SHADY=price)
        engine.ticks("68s")
        assert len(told(engine)) == count


def test_a_coin_without_a_market_is_told_as_soon_as_the_prices_are_there() -> None:
    engine = Engine(reconciled("movements", within="1s", tolerance=DUST))
    sweep(engine, 0, a="100")
    sweep(engine, 1, a="90")
    tell(engine, BTC="50000")
    engine.reads("a", SHADY="90")
    engine.ticks("66s")
    assert len(told(engine)) == 1


def test_a_market_that_tells_nothing_makes_nothing_dust() -> None:
    engine = Engine(MOVED)
    sweep(engine, 0, a="100")
    sweep(engine, 1, a="90")
    tell(engine, SHADY="0")
    for minute in range(2, 8):
        sweep(engine, minute, a="90")
        engine.ticks()
    assert len(told(engine)) == 1


def test_prices_of_many_assets_are_asked_for_once_in_five_minutes() -> None:
    engine, wishes = Engine(MOVED, SUMMED), []
    coins = [f"C{number}" for number in range(40)]
    engine.lists("a", "b")
    for minute in range(31):
        engine.at(f"{minute}m")
        for name in ("a", "b"):
            wishes += engine.reads(name, **dict.fromkeys(coins, str(1000 - minute))).prices
        wishes += engine.ticks().prices
        if minute % 5 == 1 or minute == 2:
            tell(engine, **dict.fromkeys(coins, "0.0001"))
    assert len(wishes) <= 8
    assert all(set(coins) <= set(one.assets) for one in wishes)


def test_what_the_summary_compares_keeps_its_prices_when_others_are_asked_for() -> None:
    engine = Engine(MOVED, reconciled("summary"), exchanges=[binance(read=("assets", "summary"))])
    first = engine.reads("a", BTC="1", ETH="2", SHADY="100").prices
    assert [one.assets for one in first] == [("BTC", "ETH", "SHADY")]
    engine.at("1m")
    later = engine.reads("b", SHADY="1").prices + engine.reads("a", BTC="1", ETH="2", SHADY="90").prices
    assert all(set(one.assets) >= {"BTC", "ETH", "SHADY"} for one in later)


def test_a_price_that_could_not_be_renewed_for_an_hour_is_none() -> None:
    engine = Engine(MOVED)
    sweep(engine, 0, a="100", b="100")
    sweep(engine, 1, a="90", b="100")
    tell(engine, SHADY="0.5")
    for minute in range(2, 8):
        sweep(engine, minute, a="90", b="100")
        engine.ticks()
    assert told(engine) == []
    for minute in range(80, 88):
        sweep(engine, minute, a="80", b="100")
        engine.ticks()
    assert len(told(engine)) == 1


def test_a_tolerance_without_dust_value_asks_for_no_price() -> None:
    engine = Engine(reconciled("movements", within="1s", tolerance={"abs": "1"}), reconciled("conservation"))
    sweep(engine, 0, a="100", b="100")
    for minute in range(1, 5):
        assert sweep(engine, minute, a="90", b="100") == []

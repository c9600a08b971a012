"""A major asset falls by most of its amount while one never held appears: one critical alert."""

from decimal import Decimal
from time import process_time

import pytest

from rules.model import MASTER_IDENTITY, Reading
from rules.patterns import Patterns
from rules.ruleset import Expect, Rule
from rules.statements import MovementKind, Prices, Transfer, Transfers
from tests.engine import T0_MS, Engine, binance, ms, okx, reconciled, shift, who

RULE = shift(confirm=1)
HEADLINE = "turned 0.9 of its 1 BTC into 5,000,000 SHADY, never held before"


def said(engine: Engine) -> list[tuple[str, str]]:
    """What was told when nothing is waited for any more, where no other account is to be read."""
    for _ in range(20):
        engine.ticks()
    return told(engine)


def told(engine: Engine) -> list[tuple[str, str]]:
    return [
        (one.severity.value, one.facts.headline) for one in engine.notifications if one.facts.rule == "shift"
    ]


def two(rule: Rule | None = None) -> Engine:
    """Two accounts that were listed and read: what one of them lost the other may have got."""
    engine = Engine(rule or shift())
    engine.lists("a", "b")
    engine.reads("a", BTC="1")
    engine.reads("b", BTC="1")
    return engine


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
    assert (told(engine), engine.rechecks()) == ([], ["a spot"])
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
    for price, count in (("9000", 0), ("8910", 0), ("8909.99", 1)):
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


@pytest.mark.parametrize("price, count", [("1.99", 0), ("0.0001", 1)])
def test_a_small_loss_of_a_large_account_is_judged_by_prices(price: str, count: int) -> None:
    engine = Engine(RULE)
    engine.reads("a", USDT="100000", ETH="50000")
    engine.values("a", USDT="200100000")
    engine.after("20s").reads("a", USDT="20000", ETH="50000", SHADY="40000")
    engine.after("1s").values("a", USDT="200099200" if price == "1.99" else "200020000")
    engine.after("20s").reads("a", USDT="20000", ETH="50000", SHADY="40000")
    priced(engine, SHADY=price, ETH="4000")
    assert len(said(engine)) == count


def test_a_second_shift_is_told_though_the_first_one_waited() -> None:
    engine = Engine(RULE)
    engine.reads("a", BTC="10", USDT="100000")
    engine.at("60s").reads("a", BTC="1", USDT="100000", SHADY="5")
    for seconds in range(70, 200, 10):
        engine.at(f"{seconds}s").reads("a", BTC="1", USDT="1000", SHADY="5", DUSKY="9")
        engine.ticks()
    assert [headline.split(" into ")[1] for _, headline in said(engine)] == [
        "5 SHADY, never held before",
        "9 DUSKY, never held before",
    ]


def test_valuations_push_no_total_out() -> None:
    engine = Engine(shift(confirm=1, within="6h"))
    engine.reads("a", BTC="100")
    engine.values("a", BTC="100")
    engine.after("1m").reads("a", BTC="60", SHADY="5")
    for _ in range(300):
        engine.after("1m").values("a", BTC="60")
    engine.reads("a", BTC="45", SHADY="50")
    engine.values("a", BTC="45")
    assert len(said(engine)) == 1


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


@pytest.mark.parametrize("confirm", [1, 2])
@pytest.mark.parametrize("apart", ["0ms", "10ms", "2s"])
def test_a_valuation_that_is_judged_after_a_reading_that_ended_later_is_waited_for(
    apart: str, confirm: int
) -> None:
    engine, after = Engine(shift(confirm=confirm)), {"BTC": "0.1", "SHADY": "5000000"}
    engine.reads("a", BTC="1")
    engine.values("a", BTC="100000")
    for _ in range(6):  # balances and their summary are asked for in one tick, and answer in either order
        engine.after("6s").reads("a", **after)
        (holding,) = engine.world.holdings.values()
        ended_ms = holding.ended_ms - ms(apart)
        engine.says(Reading.of("x", who("a"), "spot", ended_ms, ended_ms, (), {}, values={"BTC": "40000"}))
    assert said(engine) == [("critical", HEADLINE)]


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


# What a withdrawal or a transfer explains

COIN = {"SHADY": "5000000"}
SHARE = "turned 0.4 of its 0.5 BTC into 5,000,000 SHADY, never held before"


def desk(engine: Engine, b: str = "1", c: str = "1") -> None:
    """The other accounts are read."""
    engine.reads("b", BTC=b)
    engine.reads("c", BTC=c)


def states(
    engine: Engine, giver: str | None, taker: str | None, amount: str, at: str, kind: str = "internal"
) -> None:
    """The venue's history names one movement of BTC."""
    sides = [None if name is None else who(name) for name in (giver, taker)]
    moved = Transfer("T1", MovementKind(kind), "BTC", amount, T0_MS + ms(at), *sides)
    now = engine.now_ms
    engine.says(Transfers("x", "history", now - 100, now, 0, now, complete=True, transfers=(moved,)))


def withdraws(engine: Engine, free: str, withdrawing: str, *, shady: str = "0") -> None:
    """a is read, with so much BTC on its way out."""
    rows = {"BTC": (free, "0", "0", withdrawing)} | (
        {"SHADY": (shady, "0", "0", "0")} if shady != "0" else {}
    )
    engine.reads("a", rows=rows)


@pytest.mark.parametrize("confirm", [1, 2])
def test_a_withdrawal_that_ended_explains_the_fall_that_it_made(confirm: int) -> None:
    engine = Engine(shift(confirm=confirm))
    withdraws(engine, "0.1", "0.9")
    engine.after("1m")
    for _ in range(3):
        withdraws(engine, "0.1", "0", shady="5")
    assert said(engine) == []


def test_what_a_withdrawal_left_may_still_be_turned() -> None:
    engine = Engine(RULE)
    withdraws(engine, "0.5", "0.5")
    engine.after("1m")
    withdraws(engine, "0.1", "0", shady="5000000")
    assert said(engine) == [("critical", SHARE)]
    assert "Beside that 0.5 BTC was transferred or withdrawn." in engine.notifications[-1].facts.details


def test_a_withdrawal_that_was_cancelled_explains_nothing() -> None:
    engine = Engine(RULE)
    withdraws(engine, "0.1", "0.9")
    engine.after("1m")
    withdraws(engine, "0.2", "0", shady="5000000")
    assert said(engine) == [("critical", HEADLINE.replace("0.9 of its 1 ", "0.8 of its 1.0 "))]


def test_a_shift_asks_the_venue_what_was_transferred_or_withdrawn() -> None:
    engine = Engine(RULE)
    engine.reads("a", BTC="1")
    engine.at("1m").reads("a", BTC="0.1", **COIN)
    (wanted,) = engine.outcome.histories
    assert (wanted.accounts, wanted.assets) == ((1,), ("BTC",))
    assert wanted.from_ms <= T0_MS
    assert wanted.until_ms >= T0_MS + ms("1m")


@pytest.mark.parametrize("kind, taker", [("withdrawal", None), ("internal", "cold")])
@pytest.mark.parametrize("amount, count", [("0.9", 0), ("0.89", 0), ("0.5", 1)])
def test_what_the_venue_states_explains_as_much_as_it_names(
    kind: str, taker: str | None, amount: str, count: int
) -> None:
    engine = Engine(RULE)
    engine.reads("a", BTC="1")
    engine.at("1m").reads("a", BTC="0.1", **COIN)
    states(engine, "a", taker, amount, "50s", kind)
    assert len(said(engine)) == count
    engine.at("5m").reads("a", BTC="0.1", USDT="1", **COIN)
    assert len(said(engine)) == count


@pytest.mark.parametrize("restart", [False, True])
def test_no_edit_or_restart_forgets_what_the_venue_stated(restart: bool) -> None:  # noqa: FBT001
    engine = two(RULE)
    engine.at("1m").reads("a", BTC="0.1", **COIN)
    states(engine, "a", None, "0.9", "50s", "withdrawal")
    if restart:
        engine.restarts("1s")
    else:
        engine.edits(*engine.ruleset.rules)
    engine.reads("b", BTC="1")
    assert said(engine) == []


@pytest.mark.parametrize(
    "at, amount, first, left",
    [
        ("40s", "0.6", "0.4", "0.01"),  # long before the second fall
        ("57s", "0.6", "0.4", "0.01"),  # near both
        ("30s", "0.39", "0.61", "0.21"),
        ("30s", "0.4", "0.6", "0.2"),  # of the amount of both
    ],
)
def test_one_statement_explains_one_fall(at: str, amount: str, first: str, left: str) -> None:
    engine = Engine(RULE)
    engine.reads("a", BTC="1")
    engine.at("1m").reads("a", BTC=first)
    engine.at("2m").reads("a", BTC=left, **COIN)
    states(engine, "a", None, amount, at, "withdrawal")
    assert len(said(engine)) == 1


def test_one_statement_explains_falls_of_its_time_up_to_its_amount() -> None:
    engine = Engine(RULE)
    engine.reads("a", BTC="1")
    engine.at("58s").reads("a", BTC="0.6")
    engine.at("1m").reads("a", BTC="0.1", **COIN)
    states(engine, "a", "cold", "0.9", "59s")
    assert said(engine) == []


def test_what_the_venue_stated_of_another_time_explains_nothing() -> None:
    engine = Engine(RULE)
    engine.reads("a", BTC="1.9")
    engine.at("1m").reads("a", BTC="1")
    states(engine, "a", "cold", "0.9", "50s")
    engine.at("3m").reads("a", BTC="1")
    engine.at("4m").reads("a", BTC="0.1", **COIN)
    assert said(engine) == [("critical", HEADLINE)]


@pytest.mark.parametrize("rules", [(), (reconciled("movements", within="3m", account=["*", "master"]),)])
@pytest.mark.parametrize("first", ["b", "a"])
def test_a_transfer_to_another_account_explains_it_whichever_side_is_read_first(
    rules: tuple[object, ...], first: str
) -> None:
    engine = Engine(RULE, *rules)  # type: ignore[arg-type]
    engine.lists("a", "b", "c")
    engine.reads("a", BTC="1")
    desk(engine)
    engine.at("1m")
    if first == "b":
        desk(engine, b="1.9")
    engine.reads("a", BTC="0.1", **COIN)
    engine.ticks("80s")
    if first == "a":
        assert told(engine) == []
        desk(engine, b="1.9")
    for minute in (2, 3, 4):
        engine.at(f"{minute}m").reads("a", BTC="0.1", USDT=str(minute), **COIN)
        desk(engine, b="1.9")
    assert said(engine) == []


def test_a_transfer_to_the_master_explains_it_where_movements_are_followed() -> None:
    engine = Engine(
        RULE,
        reconciled("movements", within="3m", account=["*", "master"]),
        exchanges=[binance(read=("assets", "master"))],
    )
    engine.lists("a")
    engine.reads("a", BTC="1")
    engine.reads(MASTER_IDENTITY, "Spot", BTC="5")
    engine.at("1m").reads("a", BTC="0.1", **COIN)
    engine.reads(MASTER_IDENTITY, "Spot", BTC="5.9")
    assert said(engine) == []


def test_a_declared_payout_explains_it() -> None:
    sides = {"giver": Patterns.of("a"), "taker": None}
    expect = Expect("pay", "BTC", Decimal("0.9"), T0_MS + ms("2m"), **sides)  # type: ignore[arg-type]
    engine = Engine(RULE, reconciled("movements", within="10s"), expects=[expect])
    engine.lists("a", "b", "c")
    engine.reads("a", BTC="1")
    desk(engine)
    engine.at("1m").reads("a", BTC="0.1", **COIN)
    engine.ticks("75s")
    desk(engine)
    engine.reads("a", BTC="0.1", **COIN)
    assert said(engine) == []


def test_equal_falls_of_two_accounts_are_not_both_explained_by_one_transfer() -> None:
    engine = Engine(RULE)
    engine.lists("a", "b", "c")
    engine.reads("a", BTC="1")
    desk(engine)
    engine.at("1m").reads("a", BTC="0.1", **COIN)
    desk(engine, b="0.1", c="1.9")
    assert said(engine) == [("critical", HEADLINE)]


def test_a_shift_is_told_as_soon_as_every_account_was_read_since() -> None:
    engine = Engine(shift())
    engine.lists("a", "b", "c")
    engine.reads("a", BTC="1")
    desk(engine)
    engine.at("1m").reads("a", BTC="0.1", **COIN)
    engine.reads("a", BTC="0.1", **COIN)
    engine.ticks("80s")
    assert told(engine) == []
    desk(engine)
    engine.ticks()
    assert told(engine) == [("critical", HEADLINE)]


def test_an_account_that_is_not_read_delays_a_shift_for_a_minute_at_most() -> None:
    engine = Engine(shift())
    engine.lists("a", "b", "c")
    engine.reads("a", BTC="1")
    desk(engine)
    engine.at("1m").reads("a", BTC="0.1", **COIN)
    engine.reads("a", BTC="0.1", **COIN)
    engine.ticks("118s")
    assert told(engine) == []
    engine.ticks("122s")
    assert told(engine) == [("critical", HEADLINE)]


def test_a_restart_forgets_no_shift_that_waits() -> None:
    engine = Engine(shift())
    engine.lists("a", "b", "c")
    engine.reads("a", BTC="1")
    desk(engine)
    engine.at("1m").reads("a", BTC="0.1", **COIN)
    engine.reads("a", BTC="0.1", **COIN)
    engine.restarts("10s")
    engine.ticks("130s")
    assert told(engine) == [("critical", HEADLINE)]


def test_a_short_window_forgets_no_shift_that_waits() -> None:
    engine = Engine(shift(within="5s"))
    engine.lists("a", "b", "c")
    engine.reads("a", BTC="1")
    desk(engine)
    engine.reads("a", BTC="0.1", **COIN)
    for number in range(70):
        engine.reads("a", BTC="0.1", USDT=str(number), **COIN)
    engine.ticks("100s")
    assert told(engine) == [("critical", HEADLINE)]


def test_a_shift_that_waits_is_told_though_what_it_was_measured_from_is_forgotten() -> None:
    engine = two()
    engine.at("1m").reads("a", BTC="0.1", **COIN)
    for number in range(300):  # a busy account: more changes than are kept
        engine.reads("a", took="1ms", BTC="0.1", USDT=str(number), **COIN)
    engine.ticks("400s")
    assert told(engine) == [("critical", HEADLINE)]


def test_a_coin_that_was_sold_on_meanwhile_is_told() -> None:
    engine = two()
    engine.at("1m")
    for _ in range(2):
        engine.reads("a", BTC="0.1", **COIN)
    engine.reads("a", BTC="0.1", SHADY="0")
    engine.ticks("130s")
    assert told(engine) == [("critical", HEADLINE)]


def test_a_withdrawal_that_begins_while_it_waits_hides_no_shift() -> None:
    engine = Engine(shift())
    engine.lists("a", "b")
    engine.reads("a", BTC="1", USDT="10")
    engine.reads("b", BTC="1")
    engine.at("1m")
    for _ in range(2):
        engine.reads("a", BTC="0.1", USDT="10", **COIN)
    rows = {one: (text, "0", "0", "0") for one, text in {"BTC": "0.1", **COIN}.items()}
    engine.reads("a", rows={**rows, "USDT": ("9", "0", "0", "1")})
    engine.ticks("130s")
    assert told(engine) == [("critical", HEADLINE)]


def test_what_was_bought_back_is_none() -> None:
    engine = two()
    engine.at("1m")
    for _ in range(2):
        engine.reads("a", BTC="0.1", **COIN)
    engine.reads("a", BTC="1", SHADY="0")
    engine.ticks("130s")
    assert told(engine) == []


def test_between_the_wallets_of_one_account_nothing_is_explained_and_nothing_shifted() -> None:
    engine = Engine(RULE, exchanges=[okx()])
    for name in ("a", "b"):
        for wallet in ("funding", "trading"):
            engine.reads(name, wallet, BTC="1")
    engine.at("1m").reads("a", "funding", BTC="0")
    engine.reads("a", "trading", BTC="2", SHADY="5")
    for wallet in ("funding", "trading"):
        engine.reads("b", wallet, BTC="1")
    assert said(engine) == []
    engine.at("3m").reads("a", "trading", BTC="0.1", SHADY="5")
    for wallet in ("funding", "trading"):
        engine.reads("b", wallet, BTC="1")
    assert len(said(engine)) == 1


# What it is worth


def priced(engine: Engine, **prices: str) -> None:
    """The venue's answer, in USDT."""
    known = {(one, "USDT"): text for one, text in prices.items()}
    engine.says(Prices("x", engine.now_ms, engine.now_ms, known))


def test_a_shift_asks_for_the_prices_that_would_explain_it() -> None:
    engine = Engine(shift())
    engine.reads("a", BTC="1")
    (wanted,) = engine.after("1m").reads("a", BTC="0.1", SHADY="5").prices
    assert wanted.assets == ("BTC", "SHADY")
    assert engine.reads("a", BTC="0.1", SHADY="5").prices == []


@pytest.mark.parametrize("confirm", [1, 2])
@pytest.mark.parametrize("price, count", [("9000", 0), ("8910", 0), ("8909.99", 1)])
def test_prices_that_come_after_the_shift_decide(confirm: int, price: str, count: int) -> None:
    engine = Engine(shift(confirm=confirm))
    engine.reads("a", BTC="1")
    engine.after("1m")
    for _ in range(confirm):
        engine.reads("a", BTC="0.1", SHADY="5")
    assert told(engine) == []
    priced(engine, BTC="50000", SHADY=price)
    engine.reads("a", BTC="0.1", SHADY="5")
    assert len(said(engine)) == count


@pytest.mark.parametrize("then, now, count", [("9000", "1", 1), ("1", "9000", 0)])
def test_prices_of_long_ago_are_asked_for_anew(then: str, now: str, count: int) -> None:
    engine = Engine(RULE)
    priced(engine, BTC="50000", SHADY=then)
    engine.at("30m").reads("a", BTC="1")
    (wanted,) = engine.after("1m").reads("a", BTC="0.1", SHADY="5").prices
    assert set(wanted.assets) == {"BTC", "SHADY"}
    priced(engine, BTC="50000", SHADY=now)
    assert len(said(engine)) == count


def test_prices_that_were_read_before_they_were_asked_for_decide_nothing() -> None:
    engine = Engine(RULE)
    engine.reads("a", BTC="1")
    engine.at("60s")
    priced(engine, BTC="50000")  # nobody asked for the price of SHADY yet
    engine.after("30s").reads("a", BTC="0.1", SHADY="5")
    for _ in range(12):
        engine.ticks()
    assert told(engine) == []
    priced(engine, BTC="50000", SHADY="9000")
    assert said(engine) == []


def test_prices_that_are_refused_leave_the_last_ones() -> None:
    engine = Engine(RULE)
    priced(engine, BTC="50000", SHADY="9000")
    engine.at("30m").reads("a", BTC="1")
    engine.after("1m").reads("a", BTC="0.1", SHADY="5")
    assert said(engine) == []


@pytest.mark.parametrize("bid, count", [("9000", 0), ("0.0001", 1), ("0", 1)])
def test_a_coin_is_worth_what_is_bid_for_it(bid: str, count: int) -> None:
    engine = Engine(RULE)
    engine.reads("a", BTC="1")
    engine.after("1m").reads("a", BTC="0.1", SHADY="5")
    known, now = {("BTC", "USDT"): "50000", ("SHADY", "USDT"): "9001"}, engine.now_ms
    engine.says(Prices("x", now, now, known, bids={("SHADY", "USDT"): bid}))
    assert len(said(engine)) == count


def test_a_coin_that_has_no_market_is_told() -> None:
    engine = Engine(RULE)
    engine.reads("a", BTC="1")
    engine.after("1m").reads("a", BTC="0.1", SHADY="5")
    priced(engine, BTC="50000")
    for _ in range(12):
        engine.ticks()
    assert len(told(engine)) == 1


@pytest.mark.parametrize("got, count", [("0.9", 0), ("0.899", 0), ("0.89", 1)])
def test_a_first_purchase_of_a_major_is_a_shift_only_where_its_value_fell(got: str, count: int) -> None:
    engine = Engine(RULE)
    engine.reads("a", USDT="90000")
    engine.after("1m").reads("a", USDT="0", BTC=got)
    priced(engine, BTC="100000")
    assert len(said(engine)) == count


def test_a_first_purchase_of_a_major_is_none_while_its_worth_is_not_known() -> None:
    engine = Engine(RULE)
    engine.reads("a", USDT="90000")
    for _ in range(5):
        engine.after("1m").reads("a", USDT="0", BTC="0.9")
    assert said(engine) == []
    assert engine.states() == []


def test_a_fall_into_other_majors_is_no_loss() -> None:
    engine = Engine(RULE)
    engine.reads("a", USDT="100000", ETH="1")
    engine.after("1m").reads("a", USDT="0", ETH="25.9", SHADY="5")
    priced(engine, ETH="4000", SHADY="80")
    assert said(engine) == []


def test_what_two_majors_lost_is_one_loss() -> None:
    engine = Engine(RULE)
    engine.reads("a", USDT="100000", ETH="25")
    engine.after("1m").reads("a", USDT="0", ETH="0", SHADY="5")
    priced(engine, ETH="4000", SHADY="24000")  # 120,000 for 200,000: each alone would be a gain
    assert len(said(engine)) == 1


def test_a_top_up_by_transfer_hides_no_loss() -> None:
    engine = Engine(RULE)
    engine.lists("a", "b", "c")
    engine.reads("a", USDT="100000", BTC="0")
    desk(engine, b="2")
    engine.at("1m")
    engine.reads("a", USDT="0", BTC="1", SHADY="5")
    desk(engine, b="1")
    priced(engine, BTC="100000", SHADY="1")
    assert len(said(engine)) == 1


def test_a_busy_account_is_judged_in_moments_whatever_is_known_of_its_exchange() -> None:
    engine = Engine(shift(confirm=1), reconciled("movements", within="3m"))
    engine.lists("a", "b")
    moved = tuple(
        Transfer(f"T{number}", MovementKind.INTERNAL, "BTC", str(number), T0_MS + number, who("c"), who("d"))
        for number in range(5_000)
    )
    engine.says(Transfers("x", "history", T0_MS - 100, T0_MS, 0, T0_MS, complete=True, transfers=moved))
    for number in range(250):
        engine.reads("a", took="1ms", BTC=str(1_000 + number % 7))
        engine.reads("b", took="1ms", BTC=str(1_000 + number % 5))
    began = process_time()
    engine.reads("a", took="1ms", BTC="1", SHADY="5")
    assert process_time() - began < 1
    engine.reads("b", took="1ms", BTC="1000")
    assert len(said(engine)) == 1

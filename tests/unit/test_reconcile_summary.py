"""The venue's own total against the quantities: an omitted asset is a break, a price that moved is none."""

from decimal import Decimal

import pytest

from rules.model import MASTER_IDENTITY
from rules.reconciling.finding import Standing
from rules.reconciling.report import findings
from rules.statements import Prices
from tests.engine import Engine, binance, reconciled

BOTH = binance(read=("assets", "summary"), poll_every_ms=30_000)
RULE = reconciled("summary", tolerance={"abs": "0.00000001"})


def prices(engine: Engine, **usdt: str) -> None:
    """Public prices in USDT, now."""
    now = engine.now_ms
    found = {(asset, "USDT"): price for asset, price in usdt.items()}
    engine.says(Prices("x", now - 50, now, found))


def look(engine: Engine, total: str, *, btc: str = "50000", **held: str) -> list[str]:
    """Prices, the venue's total, the quantities, and the prices once more, each read now."""
    prices(engine, BTC=btc, ETH="2500")
    engine.values("a", BTC=total)
    engine.reads("a", **held)
    prices(engine, BTC=btc, ETH="2500")
    return engine.told()


def test_a_total_that_agrees_is_no_break() -> None:
    engine = Engine(RULE, exchanges=[BOTH])
    assert look(engine, "3.1", BTC="1", ETH="40", USDT="5000") == []
    assert engine.states() == []


def test_an_asset_omitted_from_v4_is_a_break_with_its_signed_value() -> None:
    engine = Engine(RULE, exchanges=[BOTH])
    assert look(engine, "3.1", BTC="1", USDT="5000") == []
    assert set(engine.rechecks()) == {"a spot"}
    assert [one.valued for one in engine.outcome.rechecks] == [False, True]
    assert look(engine, "3.1", BTC="1", USDT="5000") == ["firing summary a BTC -2"]
    (told,) = engine.notifications
    assert told.facts.details == (
        "By the venue's prices what was read is worth 1.1 BTC; its own total is 3.1 BTC.",
    )
    assert look(engine, "3.1", BTC="1", ETH="40", USDT="5000") == []
    assert look(engine, "3.1", BTC="1", ETH="40", USDT="5000") == ["resolved summary a BTC 0"]


def test_a_price_that_moves_by_5_percent_between_the_reads_is_no_break() -> None:
    engine = Engine(RULE, exchanges=[BOTH])
    prices(engine, BTC="50000", ETH="2500")
    engine.reads("a", BTC="1", USDT="5000")
    engine.values("a", BTC="1.105263157894736842")  # BTC fell by 5 %
    (wanted,) = engine.outcome.prices
    assert wanted.assets == ("BTC", "USDT")
    assert engine.states() == []
    prices(engine, BTC="47500", ETH="2500")
    assert engine.states() == []
    for _ in range(5):
        assert look(engine, "1.105263157894736842", btc="47500", BTC="1", USDT="5000") == []
    assert engine.states() == []


def test_a_price_that_jumps_at_every_poll_is_no_break() -> None:
    engine = Engine(reconciled("summary", tolerance={"abs": "0.00000001"}, confirm=1), exchanges=[BOTH])
    price, held = Decimal(50_000), {"BTC": "1", "USDT": "5000", "ETH": "-2"}
    for poll in range(1, 40):
        prices(engine, BTC=format(price, "f"), ETH="2500")
        if poll % 2:
            engine.reads("a", **held)
        price *= Decimal("1.05") if poll % 3 else Decimal("0.9")
        engine.values("a", BTC=format(1 + 5_000 / price - 2 * 2_500 / price, "f"))
        if not poll % 2:
            engine.reads("a", **held)
        if poll % 4 == 0:
            prices(engine, BTC=format(price, "f"), ETH="2500")
        assert engine.states() == []
    assert engine.told() == []


def test_what_no_price_between_explains_is_a_break_while_prices_move() -> None:
    engine = Engine(reconciled("summary", confirm=1), exchanges=[BOTH])
    prices(engine, BTC="50000")
    engine.values("a", BTC="2.2")
    engine.reads("a", BTC="1", USDT="50000")
    prices(engine, BTC="50000")
    assert engine.told() == ["firing summary a BTC -0.2"]
    for price in ("40000", "50000", "40000"):  # at 40,000 it would be worth 2.25
        engine.values("a", BTC="2.2")
        engine.reads("a", BTC="1", USDT="50000")
        prices(engine, BTC=price)
    assert engine.told() == ["resolved summary a BTC 0"]


def test_no_break_is_told_before_the_prices_after_it() -> None:
    engine = Engine(reconciled("summary", confirm=1), exchanges=[BOTH])
    prices(engine, BTC="50000")
    engine.values("a", BTC="3.00001")
    engine.reads("a", BTC="1", USDT="0.5")
    assert engine.states() == []
    assert len(engine.outcome.prices) == 1
    engine.restarts("1m")
    prices(engine, BTC="50000")
    assert engine.told() == ["firing summary a BTC -2"]


def test_prices_that_were_asked_for_a_moment_ago_are_asked_for_again_soon() -> None:
    engine = Engine(RULE, exchanges=[BOTH])
    prices(engine, BTC="50000")
    engine.values("a", BTC="3.00001")
    engine.reads("a", BTC="1", USDT="0.5")
    assert len(engine.outcome.prices) == 1
    engine.now_ms -= 900
    engine.reads("a", BTC="1", USDT="0.5")
    assert engine.outcome.prices == []
    engine.ticks()
    assert len(engine.outcome.prices) == 1


def test_old_prices_confirm_nothing_and_nothing_is_read_again_in_vain() -> None:
    engine = Engine(RULE, exchanges=[BOTH])
    look(engine, "3.1", BTC="1", USDT="5000")
    engine.values("a", BTC="3.1")
    engine.reads("a", BTC="1", USDT="5000")
    for _ in range(5):
        engine.values("a", BTC="3.1")
        assert (engine.rechecks(), len(engine.outcome.prices)) == ([], 1)
        engine.reads("a", BTC="1", USDT="5000")
        assert engine.rechecks() == []
    assert engine.told() == []


@pytest.mark.parametrize(
    "total, told", [("1.5", []), ("1.500000000000000001", ["firing summary a BTC -0.500000000000000001"])]
)
def test_a_tolerance_is_met_when_it_is_equalled(total: str, told: list[str]) -> None:
    engine = Engine(reconciled("summary", tolerance={"abs": "0.5"}, confirm=1), exchanges=[BOTH])
    assert look(engine, total, BTC="1") == told


@pytest.mark.parametrize("total, count", [("1.25", 0), ("1.250000000000000001", 1)])
def test_percent_is_of_the_larger_figure(total: str, count: int) -> None:
    engine = Engine(reconciled("summary", tolerance={"pct": "20"}, confirm=1), exchanges=[BOTH])
    assert len(look(engine, total, BTC="1")) == count


@pytest.mark.parametrize("total, count", [("1.0002", 0), ("1.0003", 1)])
def test_dust_is_measured_by_its_worth(total: str, count: int) -> None:
    engine = Engine(reconciled("summary", tolerance={"dust_value": "10"}, confirm=1), exchanges=[BOTH])
    assert len(look(engine, total, BTC="1")) == count


def test_an_asset_without_a_price_makes_it_indeterminate() -> None:
    engine = Engine(RULE, exchanges=[BOTH])
    for _ in range(4):
        assert look(engine, "9", BTC="1", NOVEL="1") == []
    assert engine.states() == []


def test_sides_of_different_times_are_not_compared() -> None:
    engine = Engine(reconciled("summary", max_skew="1m", confirm=1), exchanges=[BOTH])
    prices(engine, BTC="50000")
    engine.values("a", BTC="3.1")
    engine.after("2m").reads("a", BTC="1")
    assert engine.told() == []


def test_the_wallets_of_the_master_are_compared_with_their_parts() -> None:
    settings = binance(read=("assets", "wallets", "master"))
    engine = Engine(reconciled("summary", account="master", confirm=1), exchanges=[settings])
    prices(engine, BTC="50000")
    engine.reads(MASTER_IDENTITY, "Spot", BTC="1", USDT="10", values={"USDT": "50020"})
    engine.reads(MASTER_IDENTITY, "Spot", BTC="1", USDT="10", values={"USDT": "50020"})
    prices(engine, BTC="50000")
    assert engine.told() == ["firing summary master USDT -10"]


def test_an_account_of_the_list_that_the_summary_lacks_is_a_break() -> None:
    engine = Engine(RULE, exchanges=[BOTH])
    for _ in range(2):
        engine.lists("a", "b")
        engine.lists("a", source="summary", tells_frozen=False)
    (told,) = [one for one in engine.notifications if one.facts.rule == "summary"]
    assert (told.facts.label, told.facts.headline) == ("b", "is in the venue's list and not in its summary")
    for _ in range(2):
        engine.lists("a", "b", source="summary", tells_frozen=False)
    assert [one.kind for one in engine.notifications if one.facts.rule == "summary"] == ["firing", "resolved"]


def blind(reason: str, accounts: str = "a") -> tuple[str, ...]:
    return (f"For {accounts}: {reason}. Until then nothing is judged there.",)


def polls(engine: Engine, first: int, last: int, **held: str) -> list[str]:
    """Both sides, each minute, and no prices; what was told."""
    told = []
    for minute in range(first, last):
        engine.at(f"{minute}m").values("a", BTC="1")
        engine.reads("a", **held)
        engine.ticks()
        told += engine.told()
    return told


HEADLINE = "rule “summary” cannot compare the venue's total in BTC with the quantities of wallet spot"


def test_law_14_a_check_that_never_had_prices_is_told_once_and_ends_with_them() -> None:
    engine = Engine(RULE, exchanges=[BOTH])
    assert polls(engine, 0, 5, USDT="50000") == []
    assert polls(engine, 5, 20, USDT="50000") == ["firing subtally/unknown a BTC"]
    facts = engine.alert("subtally/unknown").facts
    assert (facts.headline, facts.details) == (HEADLINE, blind("no prices were read"))
    engine.at("20m")
    assert look(engine, "1", USDT="50000") == ["resolved subtally/unknown a BTC"]
    assert not engine.world.blind


def test_law_14_prices_that_cease_are_told_where_nothing_is_judged_for_want_of_them() -> None:
    engine = Engine(RULE, exchanges=[BOTH])
    assert look(engine, "1", USDT="50000") == []
    assert polls(engine, 1, 9, USDT="50000") == []  # they may still be good
    assert polls(engine, 9, 30, USDT="50000") == ["firing subtally/unknown a BTC"]
    assert engine.alert("subtally/unknown").facts.details == blind("no prices were read for long")
    (line,) = findings(engine.world, engine.now_ms)
    assert (line.standing, line.unread) == (Standing.INDETERMINATE, True)
    engine.at("30m")
    assert look(engine, "1", USDT="50000") == ["resolved subtally/unknown a BTC"]


def test_law_14_a_coin_without_a_price_is_told_by_its_name() -> None:
    engine = Engine(RULE, exchanges=[BOTH])
    told: list[str] = []
    for minute in range(9):
        engine.at(f"{minute}m")
        told += look(engine, "1", USDT="50000", NOVEL="1")
        engine.ticks()
    assert told == ["firing subtally/unknown a BTC"]
    assert engine.alert("subtally/unknown").facts.details == blind("NOVEL has no known price")
    assert look(engine, "1", USDT="50000") == ["resolved subtally/unknown a BTC"]


def test_each_account_is_told_with_the_coin_that_it_lacks_the_price_of() -> None:
    engine = Engine(RULE, exchanges=[BOTH])
    for minute in range(9):
        engine.at(f"{minute}m")
        look(engine, "1", USDT="50000", NOVEL="1")
        for name, coin in (("b", "ODD"), ("c", "NOVEL")):
            engine.values(name, BTC="1")
            engine.reads(name, **{coin: "1"})
        engine.ticks()
    (facts,) = [one.facts for one in engine.notifications if one.facts.rule == "subtally/unknown"]
    why = "NOVEL has no known price; for b: ODD has no known price"
    assert facts.details == blind(why, "a, c")


def test_a_side_that_is_not_read_is_no_want_of_prices() -> None:
    engine = Engine(RULE, exchanges=[BOTH])
    look(engine, "1", USDT="50000")
    for minute in range(1, 30):
        engine.at(f"{minute}m").values("a", BTC="1")
        engine.ticks()
    assert not [one for one in engine.told() if "subtally/unknown" in one]
    assert not engine.world.blind


def test_many_accounts_without_prices_are_one_alert_and_few_are_remembered() -> None:
    engine = Engine(RULE, exchanges=[BOTH])
    names = [f"a{number}" for number in range(30)]
    for minute in range(8):
        engine.at(f"{minute}m")
        for name in names:
            engine.values(name, BTC="1")
            engine.reads(name, USDT="50000")
        engine.ticks()
    assert engine.told() == ["firing subtally/unknown a0 BTC"]
    assert len(engine.world.blind) == 6
    assert engine.alert("subtally/unknown").facts.details == blind(
        "no prices were read; others lack prices, too", "a0, a1, a2, a3, a4"
    )


def test_an_edit_that_takes_the_rule_away_ends_that_it_is_blind() -> None:
    engine = Engine(RULE, exchanges=[BOTH])
    polls(engine, 0, 9, USDT="50000")
    engine.edits()
    engine.ticks()
    assert [one.split()[0] for one in engine.told()][-1] in {"resolved", "closed"}
    assert not engine.world.blind

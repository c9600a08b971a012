"""Laws 4 and 9, and who and what a rule is about."""

from decimal import Decimal

import pytest

from rules.model import Identity
from rules.patterns import Patterns
from rules.ruleset import NotifierSettings
from rules.types.levels import Floor
from rules.values import in_row
from tests.engine import FIELDS, Engine, binance, high, low, okx, tiers, unexpected


def test_law_4_an_absent_asset_is_zero_for_a_rule_that_names_it() -> None:
    engine = Engine(low("floor", "100", confirm=1))
    engine.reads("a@x", BTC="1")
    assert engine.told() == ["firing floor a@x USDT 0"]


def test_law_4_a_pattern_sees_assets_held_now_or_before() -> None:
    engine = Engine(low("floor", "100", asset="*", confirm=1))
    engine.reads("a@x", BTC="500")
    assert engine.told() == []
    engine.reads("a@x", ETH="500")
    assert engine.told() == ["firing floor a@x BTC 0"]


def test_law_4_a_pattern_does_not_see_what_another_rule_names() -> None:
    engine = Engine(
        low("any", "100", asset="*", confirm=1), low("named", "100", asset=["USDT", "B*"], confirm=1)
    )
    engine.reads("a@x", ETH="500")
    assert engine.told() == ["firing named a@x USDT 0"]


def test_an_excluded_asset_is_not_judged_although_it_is_named() -> None:
    engine = Engine(low("floor", "100", asset=["USDT", "BTC", "!BTC"], confirm=1))
    engine.reads("a@x", USDT="500", BTC="5")
    assert engine.told() == []


def test_law_4_an_account_never_read_has_no_subjects() -> None:
    engine = Engine(low("floor", "100", confirm=1))
    engine.lists("a@x")
    engine.fails("a@x")
    assert engine.told() == []


def test_law_4_a_valuation_proves_no_absence() -> None:
    engine = Engine(low("floor", "100", confirm=1), exchanges=[binance(read=("assets", "summary"))])
    engine.values("a@x", BTC="0")
    assert engine.told() == []


def test_law_9_figures_are_exact_to_the_last_decimal() -> None:
    engine = Engine(low("floor", "0.3", confirm=1, field="total"))
    engine.reads("a@x", rows={"USDT": ("0.1", "0.1", "0.099999999999999999", "0")})
    assert engine.told() == ["firing floor a@x USDT 0.299999999999999999"]
    engine.reads("a@x", rows={"USDT": ("0.1", "0.2", "0", "0")})
    assert engine.told() == ["resolved floor a@x USDT 0.3"]


def test_law_9_negatives_and_thirty_digits_are_kept() -> None:
    engine = Engine(low("floor", "0", confirm=1), high("roof", "1", confirm=1))
    engine.reads("a@x", rows={"USDT": ("-0.000000000000000001", "0", "0", "0")})
    engine.reads("a@x", USDT="123456789012345678901234567890.123456789012345678")
    assert engine.told() == [
        "firing floor a@x USDT -0.000000000000000001",
        "resolved floor a@x USDT 123456789012345678901234567890.123456789012345678",
        "firing roof a@x USDT 123456789012345678901234567890.123456789012345678",
    ]


def test_total_is_the_venues_else_the_sum_of_what_it_gives() -> None:
    assert in_row(("total", "free"), ("9", "1"), "total") == Decimal(9)
    assert in_row(("total", "free"), (None, "1"), "total") == Decimal(1)
    assert in_row(("total", "free"), ("", "1"), "total") is None
    assert in_row(FIELDS, ("1", "2", None, "3"), "total") == Decimal(6)
    assert in_row(FIELDS, ("1", "2", "", "3"), "total") is None
    assert in_row(("free", "limitAvailable"), ("1", "9"), "total") == Decimal(1)


def test_below_by_takes_the_first_floor_that_matches() -> None:
    engine = Engine(low("floor", below_by={"mm-1@*": "50", "mm-*": "20"}, confirm=1))
    for name in ("mm-1@x", "mm-2@x", "arb@x"):
        engine.reads(name, USDT="30")
    assert engine.told() == ["firing floor mm-1@x USDT 30"]
    assert Floor(Patterns.of("mm-*"), tiers("20")).accounts.match("MM-7")


def test_a_wildcard_never_means_the_master() -> None:
    exchange = binance(read=("assets", "master"))
    engine = Engine(
        low("all", "100", confirm=1), low("own", "100", account="master", confirm=1), exchanges=[exchange]
    )
    engine.reads("master", USDT="5")
    assert engine.told() == ["firing own master USDT 5"]


def test_value_is_judged_in_its_quote_and_never_mixed_with_quantities() -> None:
    exchange = binance(read=("assets", "summary"))
    engine = Engine(low("worth", "2", field="value", quote="BTC", confirm=1), exchanges=[exchange])
    engine.reads("a@x", BTC="1")
    assert engine.told() == []
    engine.values("a@x", BTC="1.5")
    assert engine.told() == ["firing worth a@x BTC 1.5"]
    engine.values("a@x", BTC="")
    engine.values("a@x", BTC="2")
    assert engine.told() == ["resolved worth a@x BTC 2"]


def test_the_confirming_read_of_a_value_asks_for_the_valuation() -> None:
    engine = Engine(
        low("worth", "2", field="value", quote="BTC"), exchanges=[binance(read=("assets", "summary"))]
    )
    engine.values("a@x", BTC="1.5")
    assert [one.valued for one in engine.outcome.rechecks] == [True]


def test_a_master_wallet_is_judged_by_its_own_name() -> None:
    exchange = binance(read=("assets", "wallets"), not_watched=("margin",), master_not_watched=("trading",))
    rule = low("master", "100", account="master", wallet="Funding", field="value", quote="USDT", confirm=1)
    engine = Engine(rule, exchanges=[exchange])
    engine.values("master", "Spot", USDT="5")
    assert engine.told() == []
    engine.values("master", "Funding", USDT="7")
    assert engine.told() == ["firing master master USDT 7"]
    assert engine.notifications[-1].facts.not_watched == ("trading",)


def test_wallets_that_a_rule_names_are_judged_by_themselves() -> None:
    engine = Engine(low("floor", "100", wallet="*", confirm=1), exchanges=[okx()])
    engine.reads("a@x", "funding", USDT="500")
    engine.reads("a@x", "trading", USDT="5")
    assert engine.told() == ["firing floor a@x USDT 5"]
    assert engine.alert("floor").facts.wallet == "trading"


@pytest.mark.parametrize("field", ["frozen", "withdrawing", "locked"])
def test_unexpected_amounts_fire_above_zero(field: str) -> None:
    engine = Engine(unexpected("odd", field))
    row = tuple("7" if name == field else "0" for name in FIELDS)
    engine.reads("a@x", rows={"USDT": row})
    engine.reads("a@x", rows={"USDT": row})
    assert engine.told() == ["firing odd a@x USDT 7"]
    engine.reads("a@x")
    engine.reads("a@x")
    assert engine.told() == ["resolved odd a@x USDT 0"]


def test_high_balance_fires_above_and_ends_at_clear_at_or_less() -> None:
    engine = Engine(high("roof", "100", clear_at="80", confirm=1))
    for total in ("100", "100.01", "90", "80"):
        engine.reads("a@x", USDT=total)
    assert engine.told() == ["firing roof a@x USDT 100.01", "resolved roof a@x USDT 80"]


def test_a_sum_over_accounts_is_unknown_while_a_part_is() -> None:
    engine = Engine(low("all", "100", sum_over=["account"], account="mm-*"))
    engine.lists("mm-1@x", "mm-2@x", "arb@x")
    engine.reads("mm-1@x", USDT="10")
    engine.reads("mm-1@x", USDT="10")
    assert engine.states() == []
    engine.reads("mm-2@x", USDT="20")
    assert engine.states() == ["pending all sum of 2 accounts (mm-*) USDT"]
    engine.reads("mm-1@x", USDT="10")
    engine.reads("mm-2@x", USDT="20")
    assert engine.told() == ["firing all sum of 2 accounts (mm-*) USDT 30"]


def test_a_sum_over_accounts_goes_on_without_one_that_is_gone() -> None:
    engine = Engine(low("all", "100", sum_over=["account"], confirm=1))
    engine.lists("a@x", "b@x")
    engine.reads("a@x", USDT="90")
    engine.reads("b@x", USDT="90")
    engine.lists("a@x")
    engine.denies("b@x")
    engine.lists("a@x")
    engine.reads("a@x", USDT="89")
    assert engine.told() == ["firing all sum of 1 accounts (*) USDT 89"]


def test_a_sum_over_exchanges_adds_what_matches_everywhere() -> None:
    engine = Engine(low("all", "100", sum_over=["exchange"]), exchanges=[binance("x"), binance("y")])
    engine.lists("a@x", exchange="x")
    engine.reads("a@x", exchange="x", USDT="60")
    engine.reads("a@x", exchange="x", USDT="60")
    assert engine.states() == []  # nobody knows yet which accounts y has
    engine.lists("b@y", exchange="y")
    engine.reads("b@y", exchange="y", USDT="30")
    engine.reads("a@x", exchange="x", USDT="60")
    engine.reads("b@y", exchange="y", USDT="30")
    assert engine.told() == ["firing all sum of 2 accounts (*) USDT 90"]


def test_an_account_matches_by_any_of_its_names_and_never_by_an_excluded_one() -> None:
    engine = Engine(low("floor", "100", account=["mm-*", "!*test*"], confirm=1))
    engine.reads(Identity("1", "one@x", alias="MM-1"), USDT="5")
    engine.reads(Identity("2", "mm-2@x", alias="a test"), USDT="5")
    assert engine.told() == ["firing floor one@x USDT 5"]


def test_assets_that_a_rule_does_not_name_cost_and_tell_nothing() -> None:
    engine = Engine(
        low("floor", "100", asset=["BTC", "ETH"], confirm=1), notifiers=[NotifierSettings("oncall")]
    )
    engine.reads("a@x", USDT="5", BTC="500", ETH="500")
    assert engine.told() == []


def test_new_fields_of_a_venue_forget_no_asset() -> None:
    engine = Engine(low("floor", "100", asset="*", confirm=1))
    engine.reads("a@x", fields=("free", "locked"), BTC="500")
    engine.reads("a@x", fields=FIELDS, ETH="500")
    assert engine.told() == ["firing floor a@x BTC 0"]

"""`[[allow]]`: standing amounts of which the unexpected_* rules do not tell."""

import pytest

from rules.patterns import Patterns
from tests.engine import FIELDS, Engine, allow, low, okx, unexpected

RULE = unexpected("leaving", "withdrawing", confirm=1)


def leaving(engine: Engine, amount: str, *, account: str = "a@x", wallet: str = "spot") -> None:
    engine.reads(account, wallet, rows={"USDT": ("0", "0", "0", amount)})


def firing(engine: Engine) -> bool:
    return any(state.startswith("firing leaving") for state in engine.states())


def test_up_to_what_is_allowed_nothing_is_told() -> None:
    engine = Engine(RULE, allows=[allow("payroll", "100")])
    leaving(engine, "100")
    assert engine.told() == []
    leaving(engine, "100.000000000000000001")
    assert engine.told() == ["firing leaving a@x USDT 100.000000000000000001"]


def test_the_message_shows_the_shifted_threshold_and_names_the_allow_with_its_amount() -> None:
    rule = unexpected("leaving", "withdrawing", "10", confirm=1)
    engine = Engine(rule, allows=[allow("payroll", "1500.5", reason="every Friday")])
    leaving(engine, "2000")
    facts = engine.alert("leaving").facts
    assert (facts.value, facts.threshold, facts.clear_at) == ("2000", "1510.5", "1510.5")
    assert (facts.granted, facts.allowed) == ("1500.5", (("payroll", "1500.5"),))
    assert facts.details == ("Allowed by “payroll”: 1,500.5 (every Friday).",)


def test_without_an_allow_nothing_is_said_of_allows() -> None:
    engine = Engine(RULE, allows=[allow("payroll", "100", asset="BTC")])
    leaving(engine, "5")
    facts = engine.alert("leaving").facts
    assert (facts.threshold, facts.granted, facts.allowed, facts.details) == ("0", None, (), ())


def test_several_allows_add_up() -> None:
    engine = Engine(RULE, allows=[allow("payroll", "100"), allow("rent", "50")])
    leaving(engine, "150")
    assert engine.told() == []
    leaving(engine, "151")
    facts = engine.alert("leaving").facts
    assert facts.threshold == "150"
    assert facts.details == ("Allowed by “payroll”: 100.", "Allowed by “rent”: 50.")


def test_tiers_are_shifted_each() -> None:
    rule = unexpected("leaving", "withdrawing", {"warning": "10", "critical": "50"}, confirm=1)
    engine = Engine(rule, allows=[allow("payroll", "100")])
    leaving(engine, "110")
    assert engine.told() == []
    leaving(engine, "150")
    assert engine.alert("leaving").severity == "warning"
    leaving(engine, "151")
    assert engine.alert("leaving").severity == "critical"
    assert engine.alert("leaving").facts.threshold == "150"


@pytest.mark.parametrize(
    "limits",
    [
        {"field": "frozen"},
        {"exchange": "y"},
        {"account": "b@x"},
        {"account": ["*", "!a@x"]},
        {"asset": "BTC"},
        {"wallet": "funding"},
    ],
)
def test_an_allow_speaks_only_of_what_it_names(limits: dict[str, str]) -> None:
    engine = Engine(RULE, allows=[allow("payroll", "100", **limits)])
    leaving(engine, "1")
    assert firing(engine)


@pytest.mark.parametrize(
    "limits", [{"account": "a@x"}, {"asset": "usdt"}, {"wallet": "spot"}, {"exchange": "*"}]
)
def test_an_allow_speaks_of_what_it_names(limits: dict[str, str]) -> None:
    engine = Engine(RULE, allows=[allow("payroll", "100", **limits)])
    leaving(engine, "1")
    assert not firing(engine)


def test_no_wildcard_of_an_allow_means_the_master() -> None:
    rule = unexpected("leaving", "withdrawing", confirm=1, account="master")
    reading = {"USDT": ("0", "0", "0", "5")}
    for name, told in (("*", True), ("master", False)):
        engine = Engine(rule, allows=[allow("payroll", "100", account=name)])
        engine.edits(rule, exchanges=[okx(read=("funding", "master"))])
        engine.reads("master", "funding", rows=reading)
        assert firing(engine) is told


@pytest.mark.parametrize("field", ["frozen", "locked"])
def test_frozen_and_locked_amounts_may_be_allowed_too(field: str) -> None:
    engine = Engine(unexpected("leaving", field, confirm=1), allows=[allow("bail", "100", field)])
    row = ["0"] * 4
    row[FIELDS.index(field)] = "100"
    engine.reads("a@x", rows={"USDT": tuple(row)})
    assert not firing(engine)
    row[FIELDS.index(field)] = "101"
    engine.reads("a@x", rows={"USDT": tuple(row)})
    assert firing(engine)


def test_other_rule_types_know_no_allows() -> None:
    engine = Engine(low("leaving", "10", confirm=1), allows=[allow("payroll", "100", "free")])
    engine.reads("a@x", USDT="5")
    assert engine.alert("leaving").facts.threshold == "10"
    assert engine.alert("leaving").facts.details == ()


def test_an_allow_that_has_ended_grants_nothing_though_the_balance_did_not_change() -> None:
    engine = Engine(RULE, allows=[allow("payroll", "100", until="10m"), allow("rent", "5", until="20m")])
    rows = {"USDT": ("0", "0", "0", "50")}
    for minute in range(10):
        engine.at(f"{minute}m").reads("a@x", rows=rows)
    engine.now_ms = engine.at("10m").now_ms - 1
    engine.reads("a@x", rows=rows)
    assert engine.told() == []
    engine.at("10m").reads("a@x", rows=rows)
    assert engine.told() == ["firing leaving a@x USDT 50"]
    assert engine.alert("leaving").facts.threshold == "5"
    engine.at("20m").reads("a@x", rows=rows)
    assert engine.alert("leaving").facts.threshold == "0"
    assert engine.told() == []


def test_every_allow_that_ends_is_noticed_each_in_its_time() -> None:
    engine = Engine(RULE, allows=[allow("one", "9", until="5m"), allow("two", "100", until="10m")])
    rows = {"USDT": ("0", "0", "0", "50")}
    for minute in (1, 4, 5, 6, 9):
        engine.at(f"{minute}m").reads("a@x", rows=rows)
    assert engine.told() == []
    engine.at("11m").reads("a@x", rows=rows)
    assert engine.told() == ["firing leaving a@x USDT 50"]


def test_what_has_ended_costs_a_look_once() -> None:
    engine = Engine(low("floor", "1"), RULE, allows=[allow("payroll", "100", until="1m")])
    rows = {"USDT": ("5", "0", "0", "0")}
    engine.at("2m").reads("a@x", rows=rows)
    engine.reads("a@x", rows=rows)
    assert engine.world.index.judged == {(1, "spot")}
    engine.reads("b@x", rows=rows)
    assert engine.world.index.judged == {(1, "spot"), (2, "spot")}


def test_an_edit_of_allows_acts_at_the_next_reading() -> None:
    engine = Engine(RULE)
    rows = {"USDT": ("0", "0", "0", "50")}
    engine.reads("a@x", rows=rows)
    engine.edits(RULE, allows=(allow("payroll", "100"),))
    assert engine.told() == ["firing leaving a@x USDT 50"]
    engine.reads("a@x", rows=rows)
    assert engine.told() == ["closed leaving a@x USDT 50"]
    assert engine.notifications[-1].facts.reason == "rule changed"
    engine.edits(RULE, allows=())
    engine.reads("a@x", rows=rows)
    assert engine.told() == ["firing leaving a@x USDT 50"]


def test_what_falls_below_the_shifted_threshold_is_resolved() -> None:
    engine = Engine(RULE, allows=[allow("payroll", "100")])
    leaving(engine, "150")
    leaving(engine, "100")
    assert engine.told() == ["firing leaving a@x USDT 150", "resolved leaving a@x USDT 100"]


# Subjects of several parts.


def two_wallets(*allows: object) -> Engine:
    return Engine(unexpected("leaving", "withdrawing", confirm=1), exchanges=[okx()], allows=allows)  # type: ignore[arg-type]


def both(engine: Engine, funding: str, trading: str) -> None:
    """Two rounds: the verdict on a sum needs looks that are all newer than the change."""
    for _ in range(2):
        leaving(engine, funding, wallet="funding")
        leaving(engine, trading, wallet="trading")


def test_an_allow_of_one_wallet_excuses_nothing_in_another() -> None:
    engine = two_wallets(allow("payroll", "100", wallet="funding"))
    both(engine, "0", "40")
    assert firing(engine)
    assert engine.alert("leaving").facts.threshold == "0"


def test_an_allow_of_one_wallet_grants_what_is_there() -> None:
    engine = two_wallets(allow("payroll", "100", wallet="funding"))
    both(engine, "70", "0")
    assert not firing(engine)
    both(engine, "70", "1")
    assert firing(engine)
    assert engine.alert("leaving").facts.threshold == "70"


def test_what_is_in_the_allowed_wallet_now_is_resolved_and_no_edit() -> None:
    engine = two_wallets(allow("payroll", "100", wallet="funding"))
    both(engine, "0", "40")
    both(engine, "40", "0")
    assert [one.split()[0] for one in engine.told()] == ["firing", "resolved"]


def test_a_narrow_and_a_wide_allow_grant_together_what_they_can() -> None:
    engine = two_wallets(allow("wide", "50"), allow("narrow", "50", wallet="funding"))
    both(engine, "60", "40")
    assert not firing(engine)
    both(engine, "60", "41")
    assert firing(engine)
    assert engine.alert("leaving").facts.threshold == "100"


def test_in_a_sum_over_accounts_each_account_uses_its_own() -> None:
    rule = unexpected("leaving", "withdrawing", confirm=1, sum_over=["account"], asset="USDT")
    engine = Engine(rule, allows=[allow("payroll", "100")])
    engine.lists("a@x", "b@x")
    for amounts, told in ((("100", "100"), False), (("101", "0"), True)):
        for _ in range(2):
            leaving(engine, amounts[0], account="a@x")
            leaving(engine, amounts[1], account="b@x")
        assert firing(engine) is told
    assert engine.alert("leaving").facts.threshold == "100"


def test_in_a_sum_the_narrowest_allow_is_used_first() -> None:
    rule = unexpected("leaving", "withdrawing", confirm=1, sum_over=["account"], asset="USDT")
    both = [allow("wide", "10"), allow("narrow", "10", wallet="funding")]
    engine = Engine(rule, exchanges=[okx()], allows=both)
    engine.lists("a@x", "b@x")
    for _ in range(2):
        for account, funding, trading in (("a@x", "10", "10"), ("b@x", "0", "0")):
            leaving(engine, funding, account=account, wallet="funding")
            leaving(engine, trading, account=account, wallet="trading")
    assert not firing(engine)


def test_a_negative_amount_uses_up_nothing() -> None:
    rule = unexpected("leaving", "withdrawing", confirm=1, sum_over=["account"], asset="USDT")
    engine = Engine(rule, allows=[allow("payroll", "10")])
    engine.lists("a@x", "b@x")
    for _ in range(2):
        leaving(engine, "-5", account="a@x")
        leaving(engine, "20", account="b@x")
    assert engine.alert("leaving").facts.granted == "10"


def test_a_withdrawing_amount_is_unknown_where_it_is_not_given_whatever_is_allowed() -> None:
    engine = Engine(RULE, allows=[allow("payroll", "10")])
    engine.reads("a@x", rows={"USDT": ("1", "0", "0", "")})
    assert engine.states() == []


def test_patterns_of_an_allow_are_those_of_rules() -> None:
    assert allow("x", "1", account=["mm-*", "!mm-2"]).account == Patterns(("mm-*",), ("mm-2",))

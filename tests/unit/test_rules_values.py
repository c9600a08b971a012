"""The small values of the core: figures, verdicts, patterns, ids, and tables that remember what was touched."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rules.ids import derive
from rules.model import Severity
from rules.patterns import Patterns
from rules.records import Holding, Valuation
from rules.ruleset import NotifierSettings, Ruleset, Settings
from rules.step import Step, routed, selected, severities_from
from rules.types.balance_change import Step as Change
from rules.types.base import Verdict, Zone
from rules.types.high_balance import HighBalance
from rules.types.levels import Floor, Tier, above, below
from rules.types.low_balance import LowBalance
from rules.types.unexpected import Unexpected
from rules.values import figure, in_row, is_held, number, same_fields, text_of, valued, zero_row
from rules.world import Account, Table, World
from tests.engine import FIELDS, binance, low, who

WARN, CRIT = Severity.WARNING, Severity.CRITICAL
D = Decimal


# Figures.


def test_none_and_an_empty_text_are_unknown_and_no_zero() -> None:
    assert (number(None), number(""), number("0"), number("-1.50")) == (None, None, D(0), D("-1.50"))


@pytest.mark.parametrize(
    "fields,row,field,expected",
    [
        (("free", "locked"), ("1", "2"), "locked", D(2)),
        (("free", "locked"), ("1", "2"), "frozen", None),
        (("free", "locked"), ("1", "2"), "total", D(3)),
        (("free", "locked"), ("1", None), "total", D(1)),
        (("free", "locked"), ("1", ""), "total", None),
        (("free", "locked"), (None, None), "total", None),
        (("free", "total"), ("1", "5"), "total", D(5)),
        (("free", "total"), ("1", ""), "total", None),
        (("free", "total"), ("1", None), "total", D(1)),
        (("ordFrozen", "eq"), ("1", "5"), "total", None),
        (("free", "eq"), ("1", "5"), "eq", D(5)),
        (("free", "eq"), ("1", "5"), "total", D(1)),
    ],
)
def test_one_field_of_one_row(
    fields: tuple[str, ...], row: tuple[str | None, ...], field: str, expected: object
) -> None:
    assert in_row(fields, row, field) == expected


def test_law_4_an_absent_asset_is_zero_only_after_a_complete_look_that_gives_the_field() -> None:
    whole = Holding(("free", "locked"), {"BTC": ("1", "0")}, None, 1, 2, whole_ms=2)
    named = Holding(("free", "locked"), {"BTC": ("1", "0")}, None, 1, 2)
    assert figure(None, "BTC", "free") is None
    assert figure(whole, "BTC", "free") == D(1)
    assert figure(whole, "USDT", "free") == D(0)
    assert figure(whole, "USDT", "total") == D(0)
    assert figure(whole, "USDT", "withdrawing") is None
    assert figure(named, "USDT", "free") is None


def test_a_valuation_is_known_in_the_quotes_that_it_has() -> None:
    assert valued(None, "BTC") is None
    assert valued(Valuation({"BTC": "1.5", "USD": ""}, 1, 2), "BTC") == D("1.5")
    assert valued(Valuation({"BTC": "1.5", "USD": ""}, 1, 2), "USD") is None
    assert valued(Valuation({"BTC": "1.5"}, 1, 2), "EUR") is None


def test_a_row_that_is_gone_is_zero_where_the_venue_gives_the_field() -> None:
    assert zero_row(("5", None, "")) == ("0", None, "0")
    assert same_fields(("a", "b"), ("1", "2"), ("b", "c")) == ("2", None)


@pytest.mark.parametrize(
    "row,expected",
    [
        (("0", "0", "0", "0"), False),
        (("0", "0", "1", "0"), True),
        (("", "0", "0", "0"), None),
        (("", "1", "0", "0"), True),
        ((None, "0", "0", "0"), False),
        (("-1", "0", "0", "0"), True),
    ],
)
def test_whether_anything_is_held(row: tuple[str | None, ...], expected: object) -> None:
    assert is_held(FIELDS, row) is expected
    assert is_held(("ordFrozen", "free"), ("5", "0")) is False
    assert is_held(("total",), ("5",)) is True


def test_figures_are_written_without_an_exponent() -> None:
    assert (text_of(None), text_of(D("1E+3")), text_of(D("1E-7"))) == (None, "1000", "0.0000001")


# Verdicts.

TIERS = (Tier(D(100), WARN), Tier(D(10), CRIT))
ROOFS = (Tier(D(900)), Tier(D(5000), CRIT))


@pytest.mark.parametrize(
    "value,expected",
    [
        ("9.9", Verdict(Zone.QUALIFIES, CRIT, D("9.9"), D(10), D(200), "<")),
        ("10", Verdict(Zone.QUALIFIES, WARN, D(10), D(100), D(200), "<")),
        ("100", Verdict(Zone.BAND, Severity.INFO, D(100), D(100), D(200), "≥")),
        ("199", Verdict(Zone.BAND, Severity.INFO, D(199), D(100), D(200), "≥")),
        ("200", Verdict(Zone.CLEAR, Severity.INFO, D(200), D(100), D(200), "≥")),
    ],
)
def test_below_a_floor(value: str, expected: Verdict) -> None:
    assert below(D(value), TIERS, D(200), Severity.INFO) == expected


@pytest.mark.parametrize(
    "value,expected",
    [
        ("5001", Verdict(Zone.QUALIFIES, CRIT, D(5001), D(5000), D(800), ">")),
        ("5000", Verdict(Zone.QUALIFIES, Severity.INFO, D(5000), D(900), D(800), ">")),
        ("900", Verdict(Zone.BAND, Severity.INFO, D(900), D(900), D(800), "≤")),
        ("801", Verdict(Zone.BAND, Severity.INFO, D(801), D(900), D(800), "≤")),
        ("800", Verdict(Zone.CLEAR, Severity.INFO, D(800), D(900), D(800), "≤")),
    ],
)
def test_above_a_ceiling(value: str, expected: Verdict) -> None:
    assert above(D(value), ROOFS, D(800), Severity.INFO) == expected


def test_without_clear_at_the_outermost_threshold_ends_it() -> None:
    assert below(D(100), TIERS, None, WARN) == Verdict(Zone.CLEAR, WARN, D(100), D(100), D(100), "≥")
    assert above(D(900), ROOFS, None, WARN) == Verdict(Zone.CLEAR, WARN, D(900), D(900), D(900), "≤")


def test_law_1_no_type_judges_what_is_unknown() -> None:
    for spec in (LowBalance(TIERS), HighBalance(ROOFS), Unexpected("frozen")):
        assert spec.verdict(None, WARN, ()).zone is Zone.UNKNOWN
        assert spec.verdict(D(50), WARN, ()).zone is not Zone.UNKNOWN


def test_the_first_floor_that_matches_counts() -> None:
    floors = (Floor(Patterns.of("mm-1"), (Tier(D(50)),)), Floor(Patterns.of("mm-*"), (Tier(D(20)),)))
    spec = LowBalance(floors=floors)
    assert spec.verdict(D(30), WARN, ("mm-1",)).threshold == D(50)
    assert spec.verdict(D(30), WARN, ("mm-2",)).zone is Zone.CLEAR
    assert (spec.selects(("mm-9",)), spec.selects(("arb",))) == (True, False)
    assert LowBalance(TIERS).selects(("arb",)) is True


@pytest.mark.parametrize(
    "amount,percent,change,reference,reached",
    [
        ("10", False, "10", "0", True),
        ("10", False, "9.99", "0", False),
        ("10", True, "10", "100", True),
        ("10", True, "9.99", "100", False),
        ("10", True, "10", "-100", True),
        ("10", True, "10", "0", False),
    ],
)
def test_how_much_of_a_change_is_enough(
    amount: str, percent: object, change: str, reference: str, reached: object
) -> None:
    assert Change(D(amount), bool(percent)).reached(D(change), D(reference)) is reached


# Patterns.


@pytest.mark.parametrize(
    "patterns,names,matches",
    [
        ("*", ("a",), True),
        ("*", (), False),
        ("MM-?", ("mm-1",), True),
        ("mm-?", ("MM-1",), True),
        ("mm-?", ("mm-12",), False),
        (["a", "b*"], ("bb",), True),
        (["a", "b*"], ("a",), True),
        (["a", "b*"], ("c",), False),
        (["*", "!test-*"], ("test-1",), False),
        (["*", "!test-*"], ("x", "test-1"), False),
        (["!TEST-*"], ("prod",), True),
        (["!TEST-*"], ("test-1",), False),
        (["a", "!b"], ("A",), True),
        ("[ab]", ("b",), True),
    ],
)
def test_patterns_are_folded_globs(
    patterns: str | list[str], names: tuple[str, ...], matches: object
) -> None:
    assert Patterns.of(patterns).match(*names) is matches


@pytest.mark.parametrize("asset", ["usdt", "COIN1", "coin12", "x", "", "ß"])
@pytest.mark.parametrize(
    "patterns", ["*", "USDT", "coin1*", ["USDT", "c*"], ["*", "usdt"], "!coin1?", ["*", "!COIN1"], "ß*"]
)
def test_what_no_literal_wants_is_matched_by_wildcards_alone(patterns: str | list[str], asset: str) -> None:
    wanted, folded = Patterns.of(patterns), asset.casefold()
    assert wanted.match_wild(folded) is (wanted.match(asset) and folded not in wanted.literals)


def test_what_is_named_is_named_literally() -> None:
    assert Patterns.of(["Master", "x*"]).names("master")
    assert not Patterns.of("*").names("master")
    assert not Patterns.of(["master", "!mast*"]).names("master")
    assert str(Patterns.of(["a", "!b", "c*"])) == "a, c*, !b"
    assert Patterns.of(["a", "B"]).literals == {"a", "b"}
    assert (Patterns.of(["a", "B"]).only_literals, Patterns.of(["a", "b*"]).only_literals) == (True, False)


# Ids.


def test_an_id_grows_when_its_shorter_forms_are_taken() -> None:
    taken: set[str] = set()
    for _ in range(6):
        taken.add(derive("A", "seed", taken.__contains__))
    lengths = sorted(len(one) for one in taken)
    assert len(taken) == 6
    assert min(lengths) == 6
    assert max(lengths) <= 9
    assert all(one[0] == "A" and any(c.isdigit() for c in one) for one in taken)


def test_an_id_space_that_is_exhausted_is_an_error() -> None:
    with pytest.raises(AssertionError, match="exhausted"):
        derive("A", "seed", lambda _: True)


# Tables and steps.


def test_a_table_tells_once_what_was_set_and_deleted() -> None:
    table: Table[str, int] = Table()
    table.restore({"old": 1, "gone": 2})
    assert table.take() == {}
    table["new"] = 3
    del table["gone"]
    assert table.take() == {"new": 3, "gone": None}
    assert table.take() == {}
    assert dict(table) == {"old": 1, "new": 3}


def test_a_severity_meets_the_lesser_ones_too() -> None:
    assert [list(severities_from(one)) for one in Severity] == [[0], [0, 1], [0, 1, 2]]


def test_routes_keep_the_order_of_the_file_and_the_least_severity() -> None:
    notifiers = {
        name: NotifierSettings(name, one) for name, one in (("b", WARN), ("a", Severity.INFO), ("c", CRIT))
    }
    ruleset = Ruleset(Settings(notify=("a", "c")), notifiers=notifiers)
    assert routed(ruleset, None, CRIT) == ["a", "c"]
    assert routed(ruleset, None, WARN) == ["a"]
    assert routed(ruleset, low("r", "1"), WARN) == ["b", "a"]
    assert routed(ruleset, low("r", "1", notify=()), CRIT) == []


@pytest.mark.parametrize(
    "read,accounts,master,present,expected",
    [
        (("assets",), "*", False, True, True),
        (("assets",), "b@x", False, True, False),
        (("assets",), "*", False, False, False),
        (("assets",), "*", True, True, False),
        (("master",), "b@x", True, True, True),
        (("wallets",), "*", True, True, True),
        (("summary",), "*", True, True, True),
    ],
)
def test_which_accounts_are_selected(
    read: tuple[str, ...], accounts: str, master: object, present: object, expected: object
) -> None:
    settings = binance(read=read, accounts=Patterns.of(accounts))
    account = Account(1, "x", who("a@x"), master=bool(master), present=bool(present))
    assert selected(settings, account) is expected


def test_what_a_step_says_of_an_exchange_not_known_yet() -> None:
    step = Step(World(), 77)
    assert step.state("x").since_ms == 77
    assert step.exchange("x") is None
    assert step.last_success_ms("x") is None
    step.note("glitch", "x", "text")
    (note,) = step.outcome.notes
    assert (note.event, note.exchange, note.text) == ("glitch", "x", "text")

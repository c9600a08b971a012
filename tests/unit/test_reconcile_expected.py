"""The user's own books against what was read at or before the time that a row names."""

import time
from dataclasses import replace

import pytest

from rules.ruleset import BooksSettings
from rules.statements import BookRow, Books
from tests.engine import T0_MS, Engine, ms, okx, reconciled

RULE = reconciled("expected", max_skew="2m")


def row(account: str, amount: str, at: str, asset: str = "USDT", line: int = 2, **more: str) -> BookRow:
    return BookRow("x", account, asset, amount, T0_MS + ms(at), line=line, **more)


def reads_books(engine: Engine, *rows: BookRow, problem: str = "", times: int = 2) -> list[str]:
    for _ in range(times):
        engine.says(Books("ledger", engine.now_ms, rows, problem))
    return engine.told()


def polls(engine: Engine, *amounts: str) -> None:
    """One reading a minute."""
    for minute, amount in enumerate(amounts):
        engine.at(f"{minute}m").reads("a", USDT=amount)


def test_books_that_agree_are_no_break() -> None:
    engine = Engine(RULE)
    polls(engine, "100", "90", "90")
    assert reads_books(engine, row("a", "90", "2m")) == []
    assert engine.states() == []


@pytest.mark.parametrize("amount, difference", [("120", "-30"), ("60", "30"), ("-1", "91"), ("0", "90")])
def test_a_difference_is_a_break_with_its_sign_and_a_surplus_is_one_too(amount: str, difference: str) -> None:
    engine = Engine(RULE)
    polls(engine, "100", "90", "90")
    assert reads_books(engine, row("a", amount, "2m")) == [f"firing expected a USDT {difference}"]
    assert f"line 2 of “ledger” says {amount}" in engine.notifications[-1].facts.details[0]


def test_the_reading_at_or_before_as_of_counts_not_the_newest() -> None:
    engine = Engine(RULE)
    polls(engine, "100", "90", "80", "70")
    assert reads_books(engine, row("a", "90", "1m")) == []
    assert reads_books(engine, row("a", "90", "119s")) == []
    assert reads_books(engine, row("a", "80", "2m")) == []
    assert reads_books(engine, row("a", "80", "119s")) == ["firing expected a USDT 10"]


def test_a_row_older_than_what_was_read_is_not_comparable() -> None:
    engine = Engine(RULE)
    engine.at("5m")
    polls_at = engine.reads("a", USDT="100")
    assert polls_at is not None
    assert reads_books(engine, row("a", "1", "4m")) == []
    assert engine.states() == []


def test_a_gap_longer_than_max_skew_is_not_comparable() -> None:
    engine = Engine(RULE)
    engine.at("0m").reads("a", USDT="100")
    engine.at("10m").reads("a", USDT="50")
    assert reads_books(engine, row("a", "1", "2m")) == ["firing expected a USDT 99"]
    assert reads_books(engine, row("a", "1", "121s")) == []
    assert reads_books(engine, row("a", "1", "9m")) == []


def test_a_time_in_the_future_is_not_comparable() -> None:
    engine = Engine(RULE)
    polls(engine, "100")
    assert reads_books(engine, row("a", "1", "1h")) == []


def test_an_asset_never_held_is_zero_for_the_books() -> None:
    engine = Engine(RULE)
    polls(engine, "100", "100")
    assert reads_books(engine, row("a", "5", "1m", "BTC")) == ["firing expected a BTC -5"]


def test_an_asset_that_came_later_was_zero_before() -> None:
    engine = Engine(RULE)
    polls(engine, "100", "100")
    engine.at("2m").reads("a", USDT="100", BTC="1")
    assert reads_books(engine, row("a", "0", "1m", "BTC"), row("a", "1", "2m", "BTC", wallet="spot")) == []
    assert engine.states() == []


def test_a_row_without_a_wallet_is_the_sum_of_all_that_are_read() -> None:
    engine = Engine(RULE, exchanges=[okx()])
    engine.reads("a", "funding", USDT="1.000000000000000001")
    engine.reads("a", "trading", USDT="2")
    assert (
        reads_books(engine, row("a", "3.000000000000000001", "2s"), row("a", "2", "2s", wallet="trading"))
        == []
    )
    assert reads_books(engine, row("a", "3", "2s")) == ["firing expected a USDT 0.000000000000000001"]


def test_a_wallet_that_was_not_read_leaves_the_row_undecided() -> None:
    engine = Engine(RULE, exchanges=[okx()])
    engine.reads("a", "funding", USDT="1")
    assert reads_books(engine, row("a", "3", "2s")) == []
    assert engine.states() == []


def test_books_with_a_problem_make_no_break_and_the_last_good_ones_stay() -> None:
    engine = Engine(RULE)
    polls(engine, "100")
    good = row("a", "100", "1s")
    reads_books(engine, good, times=1)
    assert reads_books(engine, problem="the command ended with status 1") == []
    assert engine.world.books["ledger"].rows == (good,)
    assert [note.event for note in engine.outcome.notes] == ["books.unread"]


def test_a_break_ends_when_the_books_agree_and_closes_when_they_name_it_no_more() -> None:
    engine = Engine(RULE)
    polls(engine, "100")
    assert reads_books(engine, row("a", "90", "1s")) == ["firing expected a USDT 10"]
    assert reads_books(engine, row("a", "100", "1s")) == ["resolved expected a USDT 0"]
    assert reads_books(engine, row("a", "90", "1s")) == ["firing expected a USDT 10"]
    assert reads_books(engine) == ["closed expected a USDT 10"]


def test_a_row_of_an_account_that_nobody_knows_is_no_break() -> None:
    engine = Engine(RULE)
    polls(engine, "100")
    assert reads_books(engine, row("nobody", "1", "1s")) == []


def test_only_the_books_that_a_rule_names_count_for_it() -> None:
    engine = Engine(reconciled("expected", books="other"))
    polls(engine, "100")
    assert reads_books(engine, row("a", "1", "1s")) == []


def test_another_pattern_begins_another_past() -> None:
    engine = Engine(reconciled("expected", asset="USDT"))
    engine.reads("a", USDT="100", BTC="1")
    engine.at("1m").edits(reconciled("expected", asset=["USDT", "BTC"]))
    engine.at("2m").reads("a", USDT="100", BTC="1")
    assert reads_books(engine, row("a", "1", "2m", "BTC"), row("a", "1", "90s", "BTC")) == []
    assert engine.states() == []


def says(engine: Engine, name: str, *rows: BookRow, times: int = 2) -> list[str]:
    """Books of this name are read so often."""
    for _ in range(times):
        engine.says(Books(name, engine.now_ms, rows))
    return engine.told()


def test_no_agreement_with_other_books_ends_or_hides_a_break() -> None:
    engine = Engine(RULE)
    polls(engine, "90", "90", "90")
    assert says(engine, "desk", row("a", "90", "2m")) == []
    assert says(engine, "treasury", row("a", "80", "2m"), times=1) == []
    assert says(engine, "desk", row("a", "90", "2m"), times=3) == []
    assert says(engine, "treasury", row("a", "80", "2m"), times=1) == ["firing expected a USDT 10"]
    assert says(engine, "desk", row("a", "90", "2m"), times=3) == []
    assert says(engine, "desk", times=1) == []
    assert engine.states() == ["firing expected a USDT"]
    assert says(engine, "treasury", row("a", "90", "2m")) == ["resolved expected a USDT 0"]


def test_rows_that_mean_one_account_by_two_of_its_names_are_one_figure() -> None:
    engine = Engine(RULE)
    polls(engine, "90", "90", "90")
    rows = (row("a", "90", "2m"), row("id-a", "80", "2m", line=3))
    assert says(engine, "desk", *rows, times=1) == []
    assert says(engine, "desk", *rows, times=1) == ["firing expected a USDT 10"]
    rows = (row("a", "70", "2m"), row("id-a", "80", "2m", line=3))
    assert says(engine, "desk", *rows, times=4) == []
    assert says(engine, "desk", row("a", "90", "2m")) == ["resolved expected a USDT 0"]


def test_books_of_a_large_desk_are_compared_in_moments() -> None:
    engine = Engine(reconciled("expected", max_skew="1h"))
    names = [f"a{number}" for number in range(400)]
    coins = {f"C{number}": "1" for number in range(5)}
    for name in names:
        engine.reads(name, **coins)
    at = f"{(engine.now_ms - T0_MS) // 1000 - 1}s"
    rows = tuple(row(name, "1", at, coin) for name in names for coin in coins)
    began = time.process_time()
    assert says(engine, "desk", *rows) == []
    assert time.process_time() - began < 2


def test_books_that_left_the_file_or_that_the_rule_compares_no_more_hold_no_break_open() -> None:
    for edit in ("removed", "both removed", "not compared"):
        engine = Engine(RULE)
        both = tuple(BooksSettings(name, 60_000) for name in ("desk", "treasury"))
        engine.accepts(replace(engine.ruleset, books=both))
        polls(engine, "90", "90", "90")
        assert says(engine, "desk", row("a", "80", "2m"), times=1) == []
        assert says(engine, "treasury", row("a", "80", "2m"), times=1) == ["firing expected a USDT 10"]
        assert says(engine, "desk", row("a", "90", "2m"), times=1) == []
        if "removed" in edit:
            engine.accepts(replace(engine.ruleset, books=() if "both" in edit else both[:1]))
        else:
            engine.edits(reconciled("expected", max_skew="2m", books="desk"))
        assert engine.told() == ["closed expected a USDT 10"]
        assert says(engine, "desk", row("a", "90", "2m")) == []
        assert engine.states() == []


def test_books_that_left_the_file_under_an_earlier_version_hold_no_break_open() -> None:
    engine = Engine(RULE)
    engine.accepts(replace(engine.ruleset, books=(BooksSettings("desk", 60_000),)))
    polls(engine, "90", "90", "90")
    # What was said of them stayed in the state.
    assert says(engine, "treasury", row("a", "80", "2m")) == ["firing expected a USDT 10"]
    engine.accepts(engine.ruleset)  # a start accepts the file that is there
    assert engine.told() == ["closed expected a USDT 10"]
    assert list(engine.world.books) == []
    assert says(engine, "desk", row("a", "90", "2m")) == []
    assert engine.states() == []

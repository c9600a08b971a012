"""`subtally/books`: that the user's books cannot be read is told, and nothing is said to agree meanwhile."""

import pytest

from rules.model import Severity
from rules.outcome import Notification
from rules.reconciling.finding import Finding, Standing
from rules.reconciling.report import findings
from rules.ruleset import BooksSettings, NotifierSettings
from rules.statements import BookRow, Books, Prices
from tests.engine import T0_MS, Engine, binance, ms, reconciled

RULE = reconciled("expected", "our books", max_skew="1h")
GONE = "books.csv: there is no such file"


def desk(*rules: object, books: str = "ledger", **more: object) -> Engine:
    """One account of which the books speak, and books that are read every minute."""
    engine = Engine(*(rules or (RULE,)), **more)  # type: ignore[arg-type]
    engine.edits(*engine.ruleset.rules, books=(BooksSettings(books, 60_000),))
    engine.lists("a")
    engine.reads("a", USDT="100")
    return engine


def fails(engine: Engine, at: str, reason: str = GONE, books: str = "ledger") -> None:
    engine.at(at).says(Books(books, engine.now_ms, (), reason))


def reads(engine: Engine, at: str, amount: str = "100") -> None:
    row = BookRow("x", "a", "USDT", amount, T0_MS + ms("5s"), line=2)
    engine.at(at).says(Books("ledger", engine.now_ms, (row,)))


def told(engine: Engine) -> list[str]:
    """What was told of the books: nobody reads the exchange meanwhile, which is told, too."""
    return [line for line in engine.told() if "stale" not in line]


def of_books(engine: Engine) -> list[Notification]:
    return [one for one in engine.notifications if one.facts.rule == "subtally/books"]


def expected(engine: Engine) -> list[Finding]:
    return [one for one in findings(engine.world, engine.now_ms) if one.check == "expected"]


def test_law_14_books_that_cannot_be_read_for_stale_after_are_told() -> None:
    engine = desk()
    reads(engine, "10s")
    fails(engine, "1m")
    fails(engine, "2m")
    engine.ticks("5m")
    assert told(engine) == []
    engine.ticks("6m")
    assert told(engine) == ["firing subtally/books books “ledger”"]
    (one,) = of_books(engine)
    assert one.severity is Severity.WARNING
    said = (one.facts.label, one.facts.headline)
    assert said == ("books “ledger”", "cannot be read: nothing is compared with them")
    assert one.facts.since_ms == T0_MS + ms("1m")
    assert one.facts.details == (GONE, "Until then nothing is judged by rule “our books”.")


def test_one_hiccup_tells_nothing_however_long_until_the_next_read() -> None:
    engine = desk()
    reads(engine, "10s")
    fails(engine, "1m")
    engine.ticks("20m")
    reads(engine, "20m")
    engine.ticks("30m")
    assert told(engine) == []
    assert engine.world.failing_books == {}


def test_a_second_read_that_fails_late_tells_at_once() -> None:
    engine = desk()
    fails(engine, "1m")
    engine.ticks("9m")
    fails(engine, "10m")
    assert told(engine) == ["firing subtally/books books “ledger”"]


def test_books_that_were_never_read_are_told_as_such() -> None:
    engine = desk()
    fails(engine, "1m")
    fails(engine, "2m")
    engine.ticks("7m")
    assert told(engine) == ["firing subtally/books books “ledger”"]
    assert of_books(engine)[-1].facts.details[:2] == (GONE, "They were never read.")


def test_the_next_good_read_ends_it_and_the_other_reason_renews_it() -> None:
    engine = desk()
    fails(engine, "1m")
    fails(engine, "2m")
    engine.ticks("7m")
    fails(engine, "8m", "line 3, column amount: “x” is not an amount")
    assert engine.alert("subtally/books").facts.details[0].startswith("line 3, column amount")
    reads(engine, "9m")
    assert told(engine) == ["firing subtally/books books “ledger”", "resolved subtally/books books “ledger”"]
    engine.ticks("30m")
    assert told(engine) == []


def test_a_restart_keeps_since_when_and_downtime_does_not_count() -> None:
    engine = desk()
    fails(engine, "1m")
    fails(engine, "2m")
    engine.at("3m").restarts("60m")
    fails(engine, "64m")
    engine.ticks("67m")
    assert told(engine) == []
    engine.ticks("69m")
    assert told(engine) == ["firing subtally/books books “ledger”"]
    since_ms = of_books(engine)[-1].facts.since_ms
    engine.restarts()
    fails(engine, "70m")
    engine.ticks("80m")
    assert told(engine) == []
    assert engine.alert("subtally/books").state == "firing"
    assert since_ms == T0_MS + ms("1m")


def test_it_is_silenced_acked_and_routed_like_any_other() -> None:
    engine = desk(notifiers=[NotifierSettings("oncall"), NotifierSettings("other")], notify=("other",))
    fails(engine, "1m")
    fails(engine, "2m")
    engine.ticks("7m")
    assert [one.notifier for one in of_books(engine)] == ["other"]
    engine.acks("subtally/books")
    engine.ticks("5h")
    assert [one.notifier for one in of_books(engine)] == ["other"]


def test_books_that_no_rule_compares_or_that_left_the_file_are_missed_by_nobody() -> None:
    for rules, books, reason in (
        ((), ("ledger",), "no rule compares these books any more"),
        ((RULE,), (), "the books were removed"),
    ):
        engine = desk()
        fails(engine, "1m")
        fails(engine, "2m")
        engine.ticks("7m")
        engine.told()
        engine.edits(*rules, books=tuple(BooksSettings(name) for name in books))
        assert told(engine) == ["closed subtally/books books “ledger”"]
        assert of_books(engine)[-1].facts.reason == reason
        assert engine.world.failing_books == {}


def test_only_books_that_a_rule_compares_are_told() -> None:
    engine = desk(reconciled("expected", books="treasury"))
    fails(engine, "1m")
    fails(engine, "2m")
    engine.ticks("20m")
    assert told(engine) == []


def test_nothing_agrees_while_the_books_cannot_be_read() -> None:
    engine = desk()
    reads(engine, "10s")
    assert [one.standing for one in expected(engine)] == [Standing.AGREES]
    fails(engine, "1m")
    books, row = expected(engine)
    assert (books.standing, books.since_ms, books.unread) == (
        Standing.INDETERMINATE,
        T0_MS + ms("1m"),
        True,
    )
    assert books.reason == f"books “ledger” cannot be read: {GONE}"
    assert (row.standing, row.account, row.reason) == (Standing.INDETERMINATE, "a", books.reason)
    reads(engine, "2m")
    assert [one.standing for one in expected(engine)] == [Standing.AGREES]


def test_an_open_break_stays_one_while_the_books_cannot_be_read() -> None:
    engine = desk()
    reads(engine, "10s", "90")
    reads(engine, "20s", "90")
    fails(engine, "1m")
    first, second = expected(engine)
    assert (first.standing, first.difference) == (Standing.BREAK, "10")
    assert GONE in first.reason
    assert second.standing is Standing.INDETERMINATE


def test_books_never_read_and_books_not_read_for_long_agree_with_nothing() -> None:
    engine = desk()
    (one,) = expected(engine)
    assert (one.standing, one.since_ms, one.unread) == (Standing.INDETERMINATE, None, True)
    assert one.reason == "books “ledger” were not read yet"
    reads(engine, "10s")
    engine.at("62m")  # the same rows are told once an hour: until then nobody knows better
    assert [one.standing for one in expected(engine)] == [Standing.AGREES]
    engine.at("63m")
    books, row = expected(engine)
    assert (books.since_ms, books.reason) == (
        T0_MS + ms("10s"),
        "books “ledger” were not read since then: is the daemon running?",
    )
    assert row.standing is Standing.INDETERMINATE


@pytest.mark.parametrize("check", ["movements", "conservation"])
def test_quantities_not_read_for_long_agree_with_nothing(check: str) -> None:
    engine = Engine(reconciled(check))
    engine.lists("a", "b")
    for minute in range(3):
        engine.at(f"{minute}m")
        engine.reads("a", USDT="100")
        engine.reads("b", USDT="100")
    assert [one for one in findings(engine.world, engine.now_ms) if one.unread] == []
    read_ms = engine.now_ms - 1_000
    for minute in range(3, 20):
        engine.at(f"{minute}m").reads("a", USDT="100")
    (one,) = findings(engine.world, engine.now_ms)
    assert (one.standing, one.exchange, one.unread) == (Standing.INDETERMINATE, "x", True)
    assert one.reason == "not read since then: b"
    assert one.since_ms is not None
    assert abs(one.since_ms - read_ms) < ms("1m")


def test_a_valuation_not_read_for_long_agrees_with_nothing() -> None:
    engine = Engine(reconciled("summary"), exchanges=[binance(read=("assets", "summary"))])
    engine.lists("a", "b")

    def look(*valued: str) -> None:
        engine.says(Prices("x", engine.now_ms, engine.now_ms, {("BTC", "USDT"): "50000"}))
        for account in ("a", "b"):
            engine.reads(account, BTC="1")
        for account in valued:
            engine.values(account, BTC="1")

    (one,) = findings(engine.world, engine.now_ms - 1_000)[1:]
    assert (one.standing, one.unread) == (Standing.INDETERMINATE, True)
    for minute in range(3):
        engine.at(f"{minute}m")
        look("a", "b")
    found = findings(engine.world, engine.now_ms)
    assert {(one.account, one.standing) for one in found} == {
        ("a", Standing.AGREES),
        ("b", Standing.AGREES),
    }
    for minute in range(3, 12):
        engine.at(f"{minute}m")
        look("a")
    whole, b, a = findings(engine.world, engine.now_ms)
    assert (whole.standing, whole.reason) == (Standing.INDETERMINATE, "not read since then: b")
    assert (b.account, b.standing, b.unread) == ("b", Standing.INDETERMINATE, True)
    assert (a.account, a.standing) == ("a", Standing.AGREES)


def test_a_total_without_any_prices_agrees_with_nothing() -> None:
    engine = Engine(reconciled("summary"), exchanges=[binance(read=("assets", "summary"))])
    engine.lists("a")
    engine.reads("a", ETH="1")
    engine.values("a", BTC="0.05")
    (one,) = findings(engine.world, engine.now_ms)
    assert (one.standing, one.reason, one.unread) == (
        Standing.INDETERMINATE,
        "no prices were read",
        True,
    )


def of(engine: Engine, at: str, books: str, amount: str) -> None:
    row = BookRow("x", "a", "USDT", amount, T0_MS + ms("5s"), line=2)
    engine.at(at).says(Books(books, engine.now_ms, (row,)))


def two_books() -> Engine:
    """A break that the ledger tells, and a treasury that agrees; the ledger then cannot be read any more."""
    engine = desk()
    engine.edits(
        *engine.ruleset.rules, books=(BooksSettings("ledger", 60_000), BooksSettings("treasury", 60_000))
    )
    for at in ("10s", "70s"):
        of(engine, at, "ledger", "90")
    of(engine, "80s", "treasury", "100")
    fails(engine, "2m")
    fails(engine, "3m")
    engine.ticks("9m")
    return engine


def test_a_break_of_books_that_cannot_be_read_any_more_stays_and_says_since_when() -> None:
    engine = two_books()
    for at in ("10m", "11m", "12m", "13m"):
        of(engine, at, "treasury", "100")
        assert engine.alert("our books").facts.unread_ms == T0_MS + ms("2m")
    engine.restarts()
    of(engine, "20m", "treasury", "100")
    lines = {(one.standing, one.difference): one for one in expected(engine)}
    broken = lines[Standing.BREAK, "10"]
    assert (broken.reason, broken.alert) == (
        f"books “ledger” cannot be read: {GONE}",
        engine.alert("our books").id,
    )
    assert (Standing.AGREES, "0") in lines
    unread = lines[Standing.INDETERMINATE, None]
    assert (unread.since_ms, unread.unread) == (T0_MS + ms("2m"), True)
    assert len([one for one in told(engine) if "our books" in one]) == 1


def test_the_next_good_read_judges_it_and_forgets_since_when() -> None:
    engine = two_books()
    of(engine, "10m", "ledger", "90")
    assert engine.alert("our books").facts.unread_ms is None
    of(engine, "11m", "ledger", "100")
    of(engine, "12m", "ledger", "100")
    assert [one for one in told(engine) if "our books" in one][-1] == "resolved our books a USDT 0"


def test_a_row_that_cannot_be_compared_after_the_next_good_read_is_not_called_unread() -> None:
    engine = two_books()
    row = BookRow("x", "a", "USDT", "90", T0_MS - ms("9h"), line=2)
    engine.at("10m").says(Books("ledger", engine.now_ms, (row,)))
    assert engine.alert("our books").facts.unread_ms is None


def test_a_break_that_other_books_tell_as_well_is_not_said_to_be_unread() -> None:
    engine = desk()
    engine.edits(
        *engine.ruleset.rules, books=(BooksSettings("ledger", 60_000), BooksSettings("treasury", 60_000))
    )
    for at in ("10s", "70s"):
        of(engine, at, "ledger", "90")
        of(engine, at, "treasury", "90")
    fails(engine, "2m")
    fails(engine, "3m")
    engine.ticks("9m")
    assert engine.alert("our books").facts.unread_ms is None

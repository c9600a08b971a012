"""The report says of every compared figure how it stands, breaks first."""

from decimal import Decimal

from rules.patterns import Patterns
from rules.reconciling.finding import Finding, Standing
from rules.reconciling.report import findings
from rules.ruleset import Expect
from rules.statements import BookRow, Books, Prices
from tests.engine import T0_MS, Engine, binance, ms, reconciled


def lines(engine: Engine) -> list[tuple[str, str, str, str | None]]:
    found = findings(engine.world, engine.now_ms)
    return [(one.standing.value, one.check, one.account or one.asset, one.difference) for one in found]


def test_every_check_has_its_lines_and_breaks_come_first() -> None:
    rules = (
        reconciled("movements", within="3m"),
        reconciled("conservation"),
        reconciled("summary"),
        reconciled("expected", confirm=1),
    )
    expect = Expect("rent", "USDT", Decimal(7), T0_MS + ms("1d"), Patterns.of("a"), None)
    engine = Engine(*rules, exchanges=[binance(read=("assets", "summary"))], expects=[expect])
    engine.lists("a", "b")
    for minute in range(5):
        engine.at(f"{minute}m")
        engine.says(Prices("x", engine.now_ms, engine.now_ms, {("BTC", "USDT"): "50000"}))
        engine.reads("a", USDT="100" if minute < 1 else "50", BTC="1")
        engine.reads("b", USDT="100", BTC="1")
        engine.values("a", BTC="1.001")
        engine.values("b", BTC="1.5")
        engine.ticks()
    rows = (
        BookRow("x", "a", "USDT", "60", engine.now_ms),
        BookRow("x", "a", "BTC", "1", engine.now_ms),
        BookRow("x", "b", "BTC", "1", T0_MS - ms("1d")),
        BookRow("x", "c", "BTC", "1", engine.now_ms),
    )
    engine.says(Books("ledger", engine.now_ms, rows))
    assert lines(engine) == [
        ("break", "conservation", "USDT", "-50"),
        ("break", "expected", "a", "-10"),
        ("break", "movements", "a", "-50"),
        ("break", "summary", "b", "-0.498"),
        ("timing", "rent", "a", None),
        ("indeterminate", "expected", "c", None),
        ("not comparable", "expected", "b", None),
        ("agrees", "expected", "a", "0"),
        ("agrees", "summary", "a", "0"),
    ]
    found = findings(engine.world, engine.now_ms)
    ids = {alert.id for alert in engine.world.alerts.values()}
    assert {one.alert for one in found if one.standing is Standing.BREAK} <= ids


def test_an_acked_break_says_by_whom() -> None:
    engine = Engine(reconciled("conservation"))
    engine.lists("a")
    for minute in range(5):
        engine.at(f"{minute}m").reads("a", USDT="100" if minute < 1 else "50")
    engine.acks("conservation", "ann")
    (one,) = findings(engine.world, engine.now_ms)
    assert (one.standing, one.acked_by, one.difference) == (Standing.BREAK, "ann", "-50")


def test_an_unread_account_makes_the_sum_indeterminate() -> None:
    engine = Engine(reconciled("conservation"))
    engine.lists("a", "b")
    engine.reads("a", USDT="100")
    engine.reads("b", USDT="100")
    for minute in range(1, 12):
        engine.at(f"{minute}m").reads("a", USDT="100")
    (one,) = findings(engine.world, engine.now_ms)
    assert (one.standing, one.reason) == (Standing.INDETERMINATE, "not read since then: b")


def test_without_a_rule_the_report_is_empty() -> None:
    engine = Engine()
    engine.reads("a", USDT="100")
    assert findings(engine.world, engine.now_ms) == ()
    world = engine.world
    assert [len(table) for table in (world.legs, world.rounds, world.past, world.sheets)] == [0, 0, 0, 0]


def test_a_declared_movement_is_not_due_before_it_is() -> None:
    expect = Expect("rent", "USDT", Decimal(7), T0_MS + ms("10m"), Patterns.of("a"), None)
    engine = Engine(reconciled("movements", within="3m"), expects=[expect])
    engine.lists("a")

    def rent() -> tuple[Standing, str]:
        engine.reads("a", USDT="100")
        engine.ticks()
        (one,) = [one for one in findings(engine.world, engine.now_ms) if one.check == "rent"]
        return one.standing, one.reason

    assert rent() == (Standing.TIMING, "declared, and not due yet")
    engine.at("11m")
    assert rent() == (Standing.BREAK, "declared and due, and it did not come")


def test_an_open_summary_break_says_both_figures_also_while_it_cannot_be_compared() -> None:
    engine = Engine(reconciled("summary"), exchanges=[binance(read=("assets", "summary"))])
    engine.lists("a")

    def look(**held: str) -> Finding:
        engine.says(Prices("x", engine.now_ms, engine.now_ms, {("BTC", "USDT"): "50000"}))
        engine.values("a", BTC="3.1")
        engine.reads("a", **held)
        engine.says(Prices("x", engine.now_ms, engine.now_ms, {("BTC", "USDT"): "50000"}))
        (one,) = findings(engine.world, engine.now_ms)
        return one

    look(BTC="1", USDT="5000")
    said = "By the venue's prices what was read is worth 1.1 BTC; its own total is 3.1 BTC."
    one = look(BTC="1", USDT="5000")
    assert (one.standing, one.reason) == (Standing.BREAK, said)
    one = look(BTC="1", USDT="5000", NEWCOIN="1")
    assert (one.standing, one.difference) == (Standing.BREAK, "-2")
    assert one.reason == f"{said} Now: NEWCOIN has no known price."


def test_an_account_that_the_summary_lacks_is_a_break_of_the_report_too() -> None:
    engine = Engine(reconciled("summary"), exchanges=[binance(read=("assets", "summary"))])
    for _ in range(2):
        engine.lists("a", "b")
        engine.lists("a", source="summary", tells_frozen=False)
    broken = [one for one in findings(engine.world, engine.now_ms) if one.standing is Standing.BREAK]
    (one,) = broken
    assert (one.account, one.check, one.reason) == (
        "b",
        "summary",
        "is in the venue's list and not in its summary",
    )
    assert one.alert == engine.alert("summary").id


def test_a_movement_of_several_accounts_is_said_in_whole_sentences() -> None:
    engine = Engine(reconciled("movements", within="3m"))
    for minute, held in enumerate((("100", "100", "100"), ("70", "112.5", "117.5"))):
        engine.at(f"{minute}m")
        for name, amount in zip("abc", held, strict=True):
            engine.reads(name, USDT=amount)
    for minute in range(2, 8):
        engine.at(f"{minute}m").reads("a", USDT="70")
        engine.reads("b", USDT="112.5")
        engine.reads("c", USDT="117.5")
        engine.ticks()
    (one,) = findings(engine.world, engine.now_ms)
    assert one.reason == (
        "30 USDT moved from a to b and c. Together: a -30, b +12.5, c +17.5. "
        "They match by their sum, which does not tell who gave what to whom, or in which order"
    )

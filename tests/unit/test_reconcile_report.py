"""The report says of every compared figure how it stands, breaks first."""

from decimal import Decimal

from rules.patterns import Patterns
from rules.reconciling.finding import Standing
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

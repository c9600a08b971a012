"""`runway`: the rate leaves top-ups out, too little history is no verdict, and the comparison is exact."""

from decimal import Decimal

from rules.outlook import Outlook
from rules.runways import STRETCHES_MOST, rate
from rules.types.runway import LEFT_MOST_MS, Rate, empties_within, left_ms
from rules.why import why
from tests.engine import Engine, binance, bitget, okx, runway

MINUTE_MS = 60_000
VALUED = binance(read=("assets", "summary"))
SOON = runway("soon empty", "10m", "1h", confirm=1)


def watched(*amounts: int, engine: Engine | None = None) -> Engine:
    """One reading a minute. `SOON` looks back for 10 minutes, and its limit is an hour."""
    engine = engine or Engine(SOON)
    for amount in amounts:
        engine.reads("a@x", USDT=str(amount))
        engine.after("1m")
    return engine


def outlook(engine: Engine) -> Outlook:
    found = engine.alert("soon empty").facts.outlook
    assert found is not None
    return found


def stretches(engine: Engine) -> list[tuple[str, int]]:
    (trail,) = engine.world.trails.values()
    return [(one.value, one.seen_ms // 1_000) for one in trail[1:]]


def test_it_fires_once_over_was_observed_and_says_what_fell() -> None:
    engine = watched(*range(1_000, 189, -90))
    assert engine.told() == []  # nine minutes: accumulating
    watched(100, engine=engine)
    assert engine.told() == ["firing soon empty a@x USDT 100"]
    assert outlook(engine) == Outlook(
        below="0",
        over_ms=10 * MINUTE_MS,
        within_ms=60 * MINUTE_MS,
        ends_ms=60 * MINUTE_MS,
        fell="900",
        seen_ms=10 * MINUTE_MS,
        left_ms=10 * MINUTE_MS * 100 // 900,
    )


def test_top_ups_are_left_out_of_the_rate() -> None:
    engine = watched(1_000, 910, 5_000, 4_910, 4_820, 4_730, 9_000, 8_910, 8_820, 8_730, 8_640, 8_550)
    assert engine.told() == []
    # Eight falls of 90 in the last ten minutes.
    watched(1_000, engine=engine)
    assert outlook(engine).fell == str(8_550 - 1_000 + 8 * 90)


def test_the_limit_itself_fires_and_one_unit_more_does_not() -> None:
    for last, told in ((60, ["firing soon empty a@x USDT 60"]), (61, [])):
        engine = watched(*(last + 10 - minute for minute in range(11)))
        assert engine.told() == told, last


def test_no_fall_is_no_end_and_an_unchanged_reading_is_judged_as_time_passes() -> None:
    engine = watched(1_000, *[400] * 9)
    assert engine.told() == []
    watched(400, engine=engine)  # unchanged, and now there is history enough: 600 in 10 minutes
    assert engine.told() == ["firing soon empty a@x USDT 400"]
    watched(400, engine=engine)  # the fall has left the window
    assert engine.told() == ["resolved soon empty a@x USDT 400"]
    assert engine.notifications[-1].facts.outlook is not None
    assert engine.notifications[-1].facts.outlook.left_ms is None


def test_what_is_down_already_needs_no_history() -> None:
    engine = Engine(runway("soon empty", "10m", "1h", below="50", confirm=1))
    engine.reads("a@x", USDT="51")
    assert engine.told() == []
    engine.reads("a@x", USDT="50")
    assert engine.told() == ["firing soon empty a@x USDT 50"]
    assert outlook(engine).left_ms == 0


def test_accumulating_neither_fires_nor_clears() -> None:
    engine = watched(*range(1_000, 99, -90))
    assert engine.told() == ["firing soon empty a@x USDT 100"]
    engine.after("5h")  # a gap in which the account was stale: what is known is older than twice `over`
    watched(5_000, 5_000, 5_000, engine=engine)
    assert not [text for text in engine.told() if "soon empty" in text]
    watched(*[5_000] * 8, engine=engine)
    assert [text for text in engine.told() if "soon empty" in text] == ["resolved soon empty a@x USDT 5000"]


def test_neither_the_time_of_a_long_gap_counts_nor_what_fell_in_it() -> None:
    engine = watched(10_000, 9_990, 9_980, 9_970)
    engine.after("9m")
    watched(1_000, 990, 980, 970, engine=engine)
    assert stretches(engine) == [("10", 60)] * 6
    watched(960, 950, 940, 930, engine=engine)
    assert not [text for text in engine.told() if "soon empty" in text]  # 930 at 1 in 6 s lasts 93 minutes


def test_a_gap_in_which_nobody_is_stale_counts_with_what_fell_in_it() -> None:
    engine = watched(10_000)
    engine.after("4m")
    watched(9_000, engine=engine)
    assert stretches(engine) == [("1000", 299)]


def test_a_top_up_after_a_gap_makes_what_was_before_the_gap_no_younger() -> None:
    rates = []
    for last in (1_000, 1_001):
        engine = Engine(runway("soon empty", "5m", "1h", confirm=1))
        for at, amount in ((0, 1_000), (1, 1_000), (303, 1_000), (602, last)):
            engine.at(at * 1_000).reads("a@x", USDT=str(amount))
        (trail,) = engine.world.trails.values()
        rates.append(rate(trail, engine.now_ms - 1_000, 5 * MINUTE_MS))
    assert rates[0] == rates[1] == Rate(Decimal(0), 299_000)


def test_a_failed_or_unknown_reading_changes_nothing() -> None:
    engine = watched(*range(1_000, 189, -90))
    before = dict(engine.world.trails)
    engine.fails("a@x")
    engine.reads("a@x", rows={"USDT": ("", "0", "0", "0")})
    assert engine.world.trails == before
    assert engine.told() == []
    engine.after("1m")
    watched(100, engine=engine)
    assert engine.told() == ["firing soon empty a@x USDT 100"]


def test_tiers_raise_one_alert() -> None:
    limits = {"warning": "1h", "critical": "10m"}
    engine = Engine(runway("soon empty", "10m", limits, confirm=1))
    watched(*range(250, 149, -10), 140, 130, 120, 110, 100, 90, engine=engine)
    assert [(one.kind.value, one.severity.value) for one in engine.notifications] == [
        ("firing", "warning"),
        ("raised", "critical"),
    ]


def test_confirm_and_for_work_as_for_any_level() -> None:
    engine = Engine(runway("soon empty", "10m", "1h", for_="2m"))
    watched(*range(1_500, 599, -90), 510, engine=engine)
    assert engine.told() == []
    assert engine.states() == ["pending soon empty a@x USDT"]
    watched(420, engine=engine)
    assert engine.told() == ["firing soon empty a@x USDT 420"]


def test_an_edit_that_alone_ends_it_closes_it() -> None:
    for edited in (
        runway("soon empty", "10m", "1m", confirm=1),
        runway("soon empty", "5m", "1m", confirm=1),
    ):
        engine = watched(*range(1_000, 99, -90))
        assert len(engine.told()) == 1
        engine.edits(edited)
        watched(100, engine=engine)
        assert engine.told() == ["closed soon empty a@x USDT 100"]
        assert engine.notifications[-1].facts.reason == "rule changed"


def test_a_top_up_after_an_edit_is_a_true_end() -> None:
    engine = watched(*range(1_000, 99, -90))
    engine.told()
    engine.edits(runway("soon empty", "10m", "30m", confirm=1))
    watched(50_000, engine=engine)
    assert engine.told() == ["resolved soon empty a@x USDT 50000"]


def test_a_transfer_between_two_wallets_of_the_figure_is_no_fall() -> None:
    engine = Engine(SOON, exchanges=[okx()])
    for minute in range(15):
        funding = 1_000 if minute % 2 else 200
        engine.reads("a@x", "funding", USDT=str(funding))
        engine.reads("a@x", "trading", USDT=str(1_200 - funding))
        engine.after("1m")
    assert engine.told() == []
    assert stretches(engine) == []


def test_a_sum_over_accounts_is_judged_and_a_new_account_is_no_top_up_of_the_rate() -> None:
    engine = Engine(runway("soon empty", "10m", "1h", confirm=1, sum_over=["account"]))
    engine.lists("a@x", "b@x")
    for minute in range(12):
        engine.reads("a@x", USDT=str(1_000 - 40 * minute))
        engine.reads("b@x", USDT=str(1_000 - 50 * minute))
        engine.after("1m")
    assert engine.told() == ["firing soon empty sum of 2 accounts (*) USDT 1010"]
    assert engine.alert("soon empty").key.subject.account is None
    assert [fell for fell, _ in stretches(engine)] == ["90"] * 10
    before = outlook(engine).fell
    engine.lists("a@x", "b@x", "c@x")
    engine.reads("c@x", USDT="1")
    engine.reads("a@x", USDT="560")
    engine.reads("b@x", USDT="450")
    assert outlook(engine).fell == before


def test_a_value_has_a_runway_too() -> None:
    engine = Engine(
        runway("soon empty", "10m", "1h", field="value", quote="BTC", confirm=1), exchanges=[VALUED]
    )
    for minute in range(11):
        engine.values("a@x", BTC=str(100 - 9 * minute))
        engine.after("1m")
    assert [text.split()[:3] for text in engine.told()] == [["firing", "soon", "empty"]]
    assert outlook(engine).fell == "90"


def test_rows_of_bitget_pages_tell_a_rate() -> None:
    engine = Engine(SOON, exchanges=[bitget()])
    for minute in range(11):
        engine.row("id=7", USDT=str(1_000 - 90 * minute))
        engine.passes(**{"7": "USDT"})
        engine.after("1m")
    assert [text.split()[0] for text in engine.told()] == ["firing"]


def test_the_trail_is_bounded_and_keeps_every_fall_of_the_window() -> None:
    engine = Engine(runway("soon empty", "10h", "1m", confirm=1))
    for second in range(3 * STRETCHES_MOST):
        engine.reads("a@x", USDT=str(100_000 - second))
        engine.after("20s")
    assert len(stretches(engine)) == STRETCHES_MOST
    assert sum(int(fell) for fell, _ in stretches(engine)) == 3 * STRETCHES_MOST - 1


def test_unchanged_readings_touch_no_table_of_trails() -> None:
    engine = watched(1_000, 900)
    engine.forget_touched()
    watched(900, 900, engine=engine)
    assert engine.world.trails.touched == set()


def test_a_clock_that_is_set_back_makes_no_time_negative() -> None:
    engine = watched(1_000, 900, 800)
    engine.at(-2 * 3_600_000)
    watched(700, 600, engine=engine)
    assert all(seconds >= 0 for _, seconds in stretches(engine))
    assert stretches(engine)[-1] == ("100", 60)


def test_a_restart_forgets_nothing() -> None:
    engine = watched(*range(1_000, 189, -90))
    engine.restarts()
    watched(100, engine=engine)
    assert engine.told() == ["firing soon empty a@x USDT 100"]


def test_an_account_that_is_gone_takes_its_trail_along() -> None:
    engine = watched(1_000, 900)
    engine.lists("a@x", "b@x")
    for _ in range(3):
        engine.lists("b@x")
        engine.denies("a@x")
    assert engine.world.trails == {}


def test_explain_says_that_history_accumulates_and_how_the_figure_compares() -> None:
    engine = watched(1_000, 900, 800)
    found = why(engine.world, SOON, engine.account("a@x"), "USDT", engine.now_ms)
    assert [one.text for one in found[0].unmet] == ["accumulating: 120 s of the 600 s of over were observed"]
    watched(*range(700, 0, -90), 20, engine=engine)
    found = why(engine.world, SOON, engine.account("a@x"), "USDT", engine.now_ms)
    assert found[0].unmet == ()
    assert found[0].verdict is not None
    assert found[0].verdict.outlook is not None


def test_the_comparison_divides_nothing() -> None:
    third = Rate(Decimal(1), 3)
    assert empties_within(Decimal(1), Decimal(0), third, 3)
    assert not empties_within(Decimal("1." + "0" * 40 + "1"), Decimal(0), third, 3)


def test_the_time_left_is_rounded_down_and_bounded() -> None:
    assert left_ms(Decimal(2), Decimal(0), Rate(Decimal(3), 1_000)) == 666
    assert left_ms(Decimal(5), Decimal(5), Rate(Decimal(0), 1_000)) == 0
    assert left_ms(Decimal(5), Decimal(0), Rate(Decimal(0), 1_000)) is None
    assert left_ms(Decimal("1e30"), Decimal(0), Rate(Decimal("1e-30"), 1_000)) == LEFT_MOST_MS

"""DESIGN §2, "How a verdict comes about": onset, end, for, band, keep_firing, tiers."""

import pytest

from rules.model import Severity
from rules.ruleset import NotifierSettings
from tests.engine import Engine, binance, high, low, okx

FLOOR = low("floor", "100")


def test_onset_needs_two_readings_in_a_row() -> None:
    engine = Engine(FLOOR)
    engine.reads("mm-1", USDT="50")
    assert engine.told() == []
    assert engine.states() == ["pending floor mm-1 USDT"]
    engine.reads("mm-1", USDT="50")
    assert engine.told() == ["firing floor mm-1 USDT 50"]


def test_confirm_1_tells_on_the_first_reading() -> None:
    engine = Engine(low("floor", "100", confirm=1))
    engine.reads("mm-1", USDT="50")
    assert engine.told() == ["firing floor mm-1 USDT 50"]


def test_a_glitch_tells_nobody_and_is_noted() -> None:
    engine = Engine(FLOOR)
    engine.reads("mm-1", USDT="50")
    engine.reads("mm-1", USDT="500")
    assert engine.told() == []
    assert [note.event for note in engine.outcome.notes] == ["glitch"]
    assert engine.states() == []


def test_the_confirming_read_is_asked_for_only_when_the_state_would_change_now() -> None:
    engine = Engine(low("floor", "100", for_="2m"))
    engine.at("0s").reads("mm-1", USDT="50")
    assert engine.rechecks() == []
    engine.at("1m").reads("mm-1", USDT="50")
    assert engine.rechecks() == []
    engine.at("2m").reads("mm-1", USDT="50")
    assert engine.told() == ["firing floor mm-1 USDT 50"]


def test_onset_and_end_ask_for_a_confirming_read() -> None:
    engine = Engine(FLOOR)
    engine.reads("mm-1", USDT="50")
    assert engine.rechecks() == ["mm-1 spot"]
    engine.reads("mm-1", USDT="50")
    assert engine.rechecks() == []
    engine.reads("mm-1", USDT="150")
    assert engine.rechecks() == ["mm-1 spot"]


def test_law_1_a_failed_reading_neither_counts_nor_breaks_the_row() -> None:
    engine = Engine(FLOOR)
    engine.reads("mm-1", USDT="50")
    engine.fails("mm-1")
    assert engine.told() == []
    engine.reads("mm-1", USDT="50")
    assert engine.told() == ["firing floor mm-1 USDT 50"]
    engine.reads("mm-1", USDT="500")
    engine.fails("mm-1")
    engine.reads("mm-1", USDT="500")
    assert engine.told() == ["resolved floor mm-1 USDT 500"]


def test_law_1_an_unknown_figure_changes_no_verdict() -> None:
    engine = Engine(FLOOR)
    engine.reads("mm-1", USDT="50")
    engine.reads("mm-1", rows={"USDT": ("", "0", "0", "0")})
    engine.reads("mm-1", USDT="50")
    assert engine.told() == ["firing floor mm-1 USDT 50"]
    engine.reads("mm-1", rows={"USDT": (None, "0", "0", "0")})
    engine.reads("mm-1", rows={"USDT": (None, "0", "0", "0")})
    assert engine.told() == []
    assert engine.states() == ["firing floor mm-1 USDT"]


def test_a_reading_that_began_before_the_counted_one_ended_is_no_new_evidence() -> None:
    engine = Engine(FLOOR)
    engine.at("10s").reads("mm-1", USDT="50", took="5s")
    engine.at("11s").reads("mm-1", USDT="50", took="5s")
    assert engine.told() == []
    engine.at("20s").reads("mm-1", USDT="50", took="5s")
    assert engine.told() == ["firing floor mm-1 USDT 50"]


def test_a_slow_answer_that_was_overtaken_changes_nothing() -> None:
    engine = Engine(FLOOR)
    engine.at("10s").reads("mm-1", USDT="500", took="1s")
    engine.at("11s").reads("mm-1", USDT="50", took="9s")
    assert engine.states() == []
    assert [note.event for note in engine.outcome.notes] == ["reading.overtaken"]


def test_a_clock_set_back_blinds_nobody() -> None:
    engine = Engine(FLOOR)
    engine.at("60m").reads("mm-1", USDT="50")
    engine.at("1m").reads("mm-1", USDT="50")
    assert engine.told() == ["firing floor mm-1 USDT 50"]
    engine.reads("mm-1", USDT="500")
    engine.reads("mm-1", USDT="500")
    assert engine.told() == ["resolved floor mm-1 USDT 500"]


def test_for_adds_up_the_time_between_readings_that_qualify() -> None:
    engine = Engine(low("floor", "100", for_="2m"))
    for second in (0, 60, 119):
        engine.at(f"{second}s").reads("mm-1", USDT="50")
    assert engine.told() == []
    engine.at("120s").reads("mm-1", USDT="50")
    assert engine.told() == ["firing floor mm-1 USDT 50"]
    assert engine.alert("floor").facts.held_ms == 120_000


def test_for_begins_anew_when_the_condition_ends() -> None:
    engine = Engine(low("floor", "100", for_="2m"))
    engine.at("0s").reads("mm-1", USDT="50")
    engine.at("1m").reads("mm-1", USDT="500")
    engine.at("2m").reads("mm-1", USDT="50")
    engine.at("3m").reads("mm-1", USDT="50")
    assert engine.told() == []
    engine.at("4m").reads("mm-1", USDT="50")
    assert engine.told() == ["firing floor mm-1 USDT 50"]


def test_one_gap_adds_no_more_than_stale_after_to_for() -> None:
    engine = Engine(low("floor", "100", for_="30m"))
    engine.at("0m").reads("mm-1", USDT="50")
    engine.at("60m").reads("mm-1", USDT="50")
    assert engine.told() == []
    assert engine.alert("floor").held_ms == 300_000


def test_one_gap_may_add_a_whole_planned_sweep_to_for() -> None:
    engine = Engine(low("floor", "100", for_="30m"), exchanges=[binance(read_us=600_000_000)])
    engine.at("0m").reads("mm-1", USDT="50")
    engine.at("60m").reads("mm-1", USDT="50")
    assert engine.alert("floor").held_ms == 600_000


def test_downtime_does_not_count_for_for() -> None:
    engine = Engine(low("floor", "100", for_="2m"))
    engine.at("0s").reads("mm-1", USDT="50")
    engine.at("1m").reads("mm-1", USDT="50")
    engine.restarts("4m")
    engine.reads("mm-1", USDT="50")
    assert engine.alert("floor").held_ms == 60_000
    engine.after("1m").reads("mm-1", USDT="50")
    assert engine.told() == ["firing floor mm-1 USDT 50"]


def test_between_threshold_and_clear_at_pending_ends() -> None:
    engine = Engine(low("floor", "100", clear_at="200"))
    engine.reads("mm-1", USDT="50")
    engine.reads("mm-1", USDT="150")
    assert engine.states() == []


def test_between_threshold_and_clear_at_firing_stays() -> None:
    engine = Engine(low("floor", "100", clear_at="200"))
    engine.reads("mm-1", USDT="50")
    engine.reads("mm-1", USDT="50")
    for _ in range(4):
        engine.reads("mm-1", USDT="150")
    assert engine.told() == ["firing floor mm-1 USDT 50"]
    engine.reads("mm-1", USDT="200")
    engine.reads("mm-1", USDT="200")
    assert engine.told() == ["resolved floor mm-1 USDT 200"]


def test_an_alert_that_passed_through_the_band_is_resolved_not_closed() -> None:
    engine = Engine(
        low("floor", "100", clear_at="200", confirm=1), high("roof", "900", clear_at="800", confirm=1)
    )
    for free in ("50", "150", "300", "1000", "850", "700"):
        engine.reads("mm-1", USDT=free)
    assert engine.told() == [
        "firing floor mm-1 USDT 50",
        "resolved floor mm-1 USDT 300",
        "firing roof mm-1 USDT 1000",
        "resolved roof mm-1 USDT 700",
    ]


def test_the_threshold_itself_is_not_below_it_and_ends_the_alert() -> None:
    engine = Engine(low("floor", "100", confirm=1))
    engine.reads("mm-1", USDT="100")
    assert engine.told() == []
    engine.reads("mm-1", USDT="99.999999999999999999")
    engine.reads("mm-1", USDT="100")
    assert engine.told() == ["firing floor mm-1 USDT 99.999999999999999999", "resolved floor mm-1 USDT 100"]


def test_keep_firing_counts_from_the_last_qualifying_reading() -> None:
    engine = Engine(low("floor", "100", keep_firing="5m"))
    engine.at("0m").reads("mm-1", USDT="50")
    engine.at("1m").reads("mm-1", USDT="50")
    engine.at("2m").reads("mm-1", USDT="500")
    assert engine.rechecks() == []
    engine.at("3m").reads("mm-1", USDT="500")
    engine.at("4m").reads("mm-1", USDT="500")
    assert engine.told() == ["firing floor mm-1 USDT 50"]
    engine.ticks("5m")
    assert engine.told() == []
    engine.at("6m").ticks()
    assert engine.told() == ["resolved floor mm-1 USDT 500"]


def test_keep_firing_begins_anew_when_it_qualifies_again() -> None:
    engine = Engine(low("floor", "100", keep_firing="5m"))
    engine.at("0m").reads("mm-1", USDT="50")
    engine.at("1m").reads("mm-1", USDT="50")
    engine.at("3m").reads("mm-1", USDT="500")
    engine.at("4m").reads("mm-1", USDT="500")
    engine.at("5m").reads("mm-1", USDT="50")
    engine.at("8m").ticks()
    assert engine.told() == ["firing floor mm-1 USDT 50"]


TIERS = low("floor", {"warning": "60000", "critical": "20000"})


def test_tiers_are_one_alert_and_a_raise_is_told_at_once() -> None:
    engine = Engine(TIERS)
    engine.reads("mm-1", USDT="50000")
    engine.reads("mm-1", USDT="50000")
    assert engine.told() == ["firing floor mm-1 USDT 50000"]
    assert engine.alert("floor").severity is Severity.WARNING
    engine.reads("mm-1", USDT="10000")
    assert engine.rechecks() == ["mm-1 spot"]
    engine.reads("mm-1", USDT="10000")
    assert engine.told() == ["raised floor mm-1 USDT 10000"]
    assert engine.alert("floor").facts.threshold == "20000"
    assert len(engine.world.alerts) == 1


def test_one_warning_and_one_critical_reading_confirm_the_warning_only() -> None:
    engine = Engine(TIERS)
    engine.reads("mm-1", USDT="50000")
    engine.reads("mm-1", USDT="10000")
    assert engine.told() == ["firing floor mm-1 USDT 10000"]
    assert engine.notifications[-1].severity is Severity.WARNING
    assert engine.rechecks() == ["mm-1 spot"]


def test_swinging_around_the_critical_tier_is_one_raise() -> None:
    engine = Engine(low("floor", {"warning": "60000", "critical": "20000"}, confirm=1))
    for free in ("10000", "30000", "10000", "30000", "10000"):
        engine.reads("mm-1", USDT=free)
    assert engine.told() == ["firing floor mm-1 USDT 10000"]


def test_whoever_was_told_of_firing_is_told_of_the_end() -> None:
    notifiers = [NotifierSettings("chat"), NotifierSettings("pager", Severity.CRITICAL)]
    engine = Engine(low("floor", {"warning": "60", "critical": "20"}, confirm=1), notifiers=notifiers)
    engine.reads("mm-1", USDT="50")
    assert [one.notifier for one in engine.outcome.notifications] == ["chat"]
    engine.reads("mm-1", USDT="10")
    assert [(one.notifier, one.kind) for one in engine.outcome.notifications] == [
        ("chat", "raised"),
        ("pager", "firing"),
    ]
    engine.reads("mm-1", USDT="70")
    assert [(one.notifier, one.kind) for one in engine.outcome.notifications] == [
        ("chat", "resolved"),
        ("pager", "resolved"),
    ]


def test_a_move_between_two_wallets_that_are_both_read_is_no_fall() -> None:
    engine = Engine(FLOOR, exchanges=[okx()])
    engine.reads("mm-1", "funding", USDT="500")
    engine.reads("mm-1", "trading", USDT="0")
    engine.reads("mm-1", "funding", USDT="0")  # moved to trading, where the last look was before
    assert sorted(engine.rechecks()) == ["mm-1 funding", "mm-1 trading"]
    engine.reads("mm-1", "funding", USDT="0")
    assert engine.rechecks() == ["mm-1 trading"]
    engine.reads("mm-1", "trading", USDT="500")
    assert engine.told() == []
    assert engine.states() == []


def test_a_move_between_two_wallets_is_no_fall_where_one_reading_is_enough() -> None:
    engine = Engine(low("floor", "100", confirm=1), exchanges=[okx()])
    engine.reads("mm-1", "funding", USDT="500")
    engine.reads("mm-1", "trading", USDT="0")
    engine.reads("mm-1", "funding", USDT="0")
    engine.reads("mm-1", "trading", USDT="500")
    assert engine.told() == []


@pytest.mark.parametrize("confirm", [1, 2])
def test_a_sum_of_two_wallets_that_stays_low_fires_after_both_were_read_again(confirm: int) -> None:
    engine = Engine(low("floor", "100", confirm=confirm), exchanges=[okx()])
    engine.reads("mm-1", "funding", USDT="500")
    engine.reads("mm-1", "trading", USDT="0")
    engine.reads("mm-1", "funding", USDT="20")
    engine.reads("mm-1", "funding", USDT="20")
    assert engine.told() == []
    engine.reads("mm-1", "trading", USDT="0")
    assert engine.told() == ["firing floor mm-1 USDT 20"]


def test_law_5_an_account_is_judged_when_its_reading_arrives() -> None:
    engine = Engine(low("floor", "100", confirm=1))
    engine.lists("a@x", "b@x")
    engine.reads("a@x", USDT="1")
    assert engine.told() == ["firing floor a@x USDT 1"]

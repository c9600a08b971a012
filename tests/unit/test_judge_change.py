"""`balance_change`: amounts and percentages are exact, the reference is right, and one change is told once."""

from tests.engine import Engine, change, okx

DROP = change("fell", "10m", drop="100")


def test_a_drop_by_the_amount_is_told_and_one_unit_less_is_not() -> None:
    engine = Engine(change("fell", "10m", drop="100", confirm=1))
    engine.reads("a@x", USDT="500")
    engine.reads("a@x", USDT="400.000000000000000001")
    assert engine.told() == []
    engine.reads("a@x", USDT="400")
    assert engine.told() == ["event fell a@x USDT 400"]
    facts = engine.notifications[-1].facts
    assert (facts.before, facts.threshold, facts.headline, facts.window_ms) == ("500", "100", "fell", 600_000)


def test_a_first_reading_is_no_change() -> None:
    engine = Engine(change("any", "10m", drop="1", rise="1", confirm=1))
    engine.reads("a@x", USDT="500")
    assert engine.told() == []


def test_a_change_needs_a_confirming_reading() -> None:
    engine = Engine(DROP)
    engine.reads("a@x", USDT="500")
    engine.reads("a@x", USDT="300")
    assert engine.told() == []
    assert engine.rechecks() == ["a@x spot"]
    engine.reads("a@x", USDT="300")
    assert engine.told() == ["event fell a@x USDT 300"]


def test_a_change_that_the_next_reading_takes_back_is_a_glitch() -> None:
    engine = Engine(DROP)
    engine.reads("a@x", USDT="500")
    engine.reads("a@x", USDT="300")
    engine.reads("a@x", USDT="500")
    engine.reads("a@x", USDT="500")
    assert engine.told() == []


def test_percent_is_exact_and_of_the_reference() -> None:
    engine = Engine(change("fell", "10m", drop="10%", confirm=1))
    engine.reads("a@x", USDT="3")
    engine.reads("a@x", USDT="2.700000000000000001")
    assert engine.told() == []
    engine.reads("a@x", USDT="2.7")
    assert engine.told() == ["event fell a@x USDT 2.7"]
    assert engine.notifications[-1].facts.threshold == "10%"


def test_percent_of_zero_is_never_reached_but_another_reference_counts() -> None:
    engine = Engine(change("rose", "10m", rise="50%", confirm=1))
    engine.reads("a@x", USDT="0")
    engine.reads("a@x", USDT="1")
    assert engine.told() == []
    engine.reads("a@x", USDT="2")
    assert engine.told() == ["event rose a@x USDT 2"]


def test_a_slow_fall_inside_the_window_is_one_change() -> None:
    engine = Engine(change("fell", "10m", drop="100", confirm=1))
    for minute, free in enumerate(("500", "470", "440", "420", "400")):
        engine.at(f"{minute}m").reads("a@x", USDT=free)
    assert engine.told() == ["event fell a@x USDT 400"]


def test_a_fall_slower_than_the_window_is_none() -> None:
    engine = Engine(change("fell", "10m", drop="100", confirm=1))
    for step, free in enumerate(("500", "470", "440", "420", "400", "370", "340")):
        engine.at(f"{step * 6}m").reads("a@x", USDT=free)
    assert engine.told() == []


def test_the_last_reading_before_the_window_is_the_reference_where_none_lies_inside() -> None:
    engine = Engine(change("fell", "5m", drop="100", confirm=1))
    engine.at("0m").reads("a@x", USDT="500")
    engine.at("60m").reads("a@x", USDT="300")
    assert engine.told() == ["event fell a@x USDT 300"]
    assert engine.notifications[-1].facts.before == "500"


def test_a_confirming_reading_after_the_window_still_confirms() -> None:
    engine = Engine(change("fell", "5m", drop="100"))
    engine.at("0m").reads("a@x", USDT="500")
    engine.at("7m").reads("a@x", USDT="300")
    engine.at("14m").reads("a@x", USDT="300")
    assert engine.told() == ["event fell a@x USDT 300"]


def test_one_change_is_told_once_and_the_next_is_measured_from_there() -> None:
    engine = Engine(change("fell", "10m", drop="100", confirm=1))
    for free in ("500", "300", "300", "290", "210", "200"):
        engine.reads("a@x", USDT=free)
    assert engine.told() == ["event fell a@x USDT 300", "event fell a@x USDT 200"]


def test_a_drop_that_turns_into_a_rise_must_be_confirmed_as_a_rise() -> None:
    engine = Engine(change("moved", "10m", drop="100", rise="100"))
    engine.reads("a@x", USDT="500")
    engine.reads("a@x", USDT="300")
    engine.reads("a@x", USDT="700")
    assert engine.told() == []
    engine.reads("a@x", USDT="700")
    assert engine.told() == ["event moved a@x USDT 700"]
    assert engine.notifications[-1].facts.headline == "rose"


def test_an_edit_tells_nothing_of_an_old_change() -> None:
    engine = Engine(change("fell", "10m", drop="100", confirm=1))
    engine.at("0m").reads("a@x", USDT="500")
    engine.at("1m").reads("a@x", USDT="450")
    for minute in range(2, 60):
        engine.at(f"{minute}m").reads("a@x", USDT="450")
    engine.edits(change("fell", "10m", drop="20", confirm=1))
    engine.reads("a@x", USDT="450")
    assert engine.told() == []


def test_a_change_over_a_restart_is_told() -> None:
    engine = Engine(change("fell", "10m", drop="100", confirm=1))
    engine.reads("a@x", USDT="500")
    engine.restarts("2h")
    engine.reads("a@x", USDT="300")
    assert engine.told() == ["event fell a@x USDT 300"]


def test_a_move_between_two_wallets_that_are_read_is_no_change_of_their_sum() -> None:
    engine = Engine(change("fell", "10m", drop="100"), exchanges=[okx()])
    engine.reads("a@x", "funding", USDT="500")
    engine.reads("a@x", "trading", USDT="0")
    engine.reads("a@x", "funding", USDT="0")
    engine.reads("a@x", "funding", USDT="0")
    engine.reads("a@x", "trading", USDT="500")
    engine.reads("a@x", "funding", USDT="0")
    assert engine.told() == []


def test_a_coin_sold_out_is_a_drop_to_zero() -> None:
    engine = Engine(change("fell", "10m", drop="100", asset="*", confirm=1))
    engine.reads("a@x", BTC="500")
    engine.reads("a@x")
    assert engine.told() == ["event fell a@x BTC 0"]


def test_an_event_has_no_resolved_and_closes_by_itself_after_24_h() -> None:
    engine = Engine(change("fell", "10m", drop="100", confirm=1), repeat_every_ms=30 * 86_400_000)
    engine.at("0m").reads("a@x", USDT="500")
    engine.at("1m").reads("a@x", USDT="300")
    engine.told()
    engine.at("1440m").ticks()
    assert [one for one in engine.states() if "fell" in one] == ["firing fell a@x USDT"]
    engine.at("1441m").ticks()
    assert [one for one in engine.states() if "fell" in one] == []
    assert [one for one in engine.told() if "fell" in one] == []
    assert [step.after for step in engine.outcome.transitions if step.rule == "fell"] == ["closed"]

"""Blocks: without a history, changes that add up to exactly nothing are one movement, and what leaks is still told."""

from decimal import Decimal

import pytest

from rules.model import FailureKind
from tests.engine import Engine, reconciled

ALL = reconciled("movements", within="3m", tell="all")
NAMES = ("a", "b", "c", "d", "e", "x")


def told(engine: Engine) -> list[str]:
    return [one.facts.headline for one in engine.notifications if one.facts.rule == "movements"]


def details(engine: Engine) -> str:
    return " ".join(engine.notifications[-1].facts.details)


def desk(*moves: tuple[int, str, str], until: int = 16, unread: dict[str, range] | None = None) -> Engine:
    """Six accounts read each minute, what changes of them at which minute, and the minutes without an answer."""
    engine = Engine(ALL)
    engine.lists(*NAMES)
    held = dict.fromkeys(NAMES, Decimal(1000))
    for minute in range(until):
        engine.at(f"{minute}m")
        for at, name, amount in moves:
            if at == minute:
                held[name] += Decimal(amount)
        for name in NAMES:
            if minute in (unread or {}).get(name, ()):
                engine.fails(name, FailureKind.ACCOUNT)
            else:
                engine.reads(name, USDT=str(held[name]))
        engine.ticks()
    return engine


def test_what_was_passed_on_in_part_before_its_account_was_read_is_one_movement() -> None:
    engine = desk((1, "a", "-100"), (2, "x", "60"), (2, "c", "40"))
    assert told(engine) == ["100 USDT moved from a to c and x"]
    assert "a -100, c +40, x +60" in details(engine)
    assert "does not tell who gave what to whom" in details(engine)


@pytest.mark.parametrize("first", ["-100", "100"])
def test_the_other_side_of_what_hides_the_other_side_may_come_a_window_later(first: str) -> None:
    sign = 1 if first == "100" else -1
    engine = desk((1, "a", first), (3, "x", str(-60 * sign)), (5, "c", str(-40 * sign)))
    (one,) = told(engine)
    assert one == ("100 USDT moved from a to x and c" if sign < 0 else "100 USDT moved from x and c to a")


def test_what_one_account_took_from_two_between_two_readings_is_one_movement() -> None:
    engine = desk((1, "a", "-12.5"), (2, "b", "-17.5"), (3, "x", "30"))
    assert told(engine) == ["30 USDT moved from a and b to x"]


def test_four_and_five_changes_may_be_one_movement() -> None:
    # a gave x 100 and c 9, who had 60 of b and passed 70 of it all on to d.
    assert told(desk((1, "a", "-109"), (2, "b", "-60"), (2, "x", "100"), (3, "c", "69"))) == [
        "169 USDT moved from a and b to x and c"
    ]
    five = desk((1, "a", "-109"), (2, "b", "-60"), (2, "x", "100"), (3, "c", "-1"), (3, "d", "70"))
    assert told(five) == ["170 USDT moved from a, b and c to x and d"]


def test_where_several_sums_fit_that_is_said_and_nobody_is_told_of_a_loss() -> None:
    engine = desk((1, "a", "-100"), (2, "b", "60"), (2, "c", "40"), (2, "d", "60"), (3, "e", "-60"))
    heads = told(engine)
    assert not [one for one in heads if "left" in one]
    assert len(heads) == 2


def test_a_loss_among_blocks_is_told_with_its_amount_and_its_account() -> None:
    engine = desk((1, "a", "-100"), (2, "x", "60"), (2, "c", "40"), (2, "d", "-7.5"))
    assert told(engine) == [
        "100 USDT moved from a to c and x",
        "7.5 USDT left d and arrived in no account that is read here within 3m",
    ]


def test_a_movement_that_arrives_a_unit_short_is_no_block() -> None:
    engine = desk((1, "a", "-100"), (2, "x", "60"), (2, "c", "39.999999999999999999"))
    assert told(engine) == ["100 USDT left a and arrived in no account that is read here within 3m"]


def test_an_outflow_waits_for_changes_whose_own_window_is_not_over_and_for_no_later_ones() -> None:
    moves = [(minute, "x", str(minute)) for minute in range(2, 30)]  # deposits from outside, one each minute
    engine = desk((1, "a", "-100"), *moves, until=9)
    assert told(engine) == ["100 USDT left a and arrived in no account that is read here within 3m"]
    (one,) = [one for one in engine.notifications if one.facts.rule == "movements"]
    assert one.created_ms - one.facts.read_ms <= 8 * 60_000  # type: ignore[operator]


def test_what_came_back_while_another_account_was_unreadable_did_not_leave() -> None:
    engine = desk((1, "a", "-30"), (15, "a", "30"), until=90, unread={"b": range(1, 20)})
    assert told(engine) == []
    assert told(desk((1, "a", "-30"), (40, "a", "30"), until=90, unread={"b": range(1, 90)})) == []


def test_of_two_equal_outflows_one_that_came_back_excuses_one() -> None:
    engine = desk((1, "a", "-30"), (2, "a", "-30"), (3, "a", "30"))
    assert told(engine) == ["30 USDT left a and arrived in no account that is read here within 3m"]


def test_a_block_holds_one_whose_account_was_unreadable() -> None:
    engine = desk((1, "a", "-100"), (8, "x", "60"), (2, "c", "40"), until=30, unread={"x": range(1, 20)})
    assert told(engine) == ["100 USDT moved from a to c and x"]


def many(*amounts: str) -> Engine:
    """As many accounts, each of which changed once in the same minute."""
    engine = Engine(ALL)
    for minute in range(9):
        engine.at(f"{minute}m")
        for number, amount in enumerate(amounts):
            engine.reads(f"n{number}", USDT=str(1000 + (Decimal(amount) if minute > 1 else 0)))
        engine.ticks()
    return engine


def test_what_fits_by_chance_among_many_round_amounts_explains_no_loss() -> None:
    assert told(many("-7", *["5", "2"] * 4)) == ["7 USDT moved from n0 to n1 and n2 (ambiguous)"]
    assert told(many("-7", *["5", "2"] * 15)) == [
        "7 USDT left n0 and arrived in no account that is read here within 3m"
    ]
    fine = [f"{number}.000123{number}" for number in range(1, 30)]
    assert told(many("-7.12", "5.01", "2.11", *fine)) == ["7.12 USDT moved from n0 to n1 and n2"]


def test_a_trade_is_not_waited_for() -> None:
    engine = Engine(ALL)
    for name in NAMES:
        engine.reads(name, USDT="1000", BTC="1")
    engine.at("1m").reads("a", USDT="900", BTC="1")
    engine.at("3m").reads("b", USDT="700", BTC="1.01")
    for second in range(30):
        engine.at(f"{200 + second}s").ticks()
    engine.at("4m")
    for name in NAMES:
        engine.reads(
            name, USDT={"a": "900", "b": "700"}.get(name, "1000"), BTC="1.01" if name == "b" else "1"
        )
    engine.ticks()
    assert told(engine) == ["100 USDT left a and arrived in no account that is read here within 3m"]


def test_what_arrives_two_polls_later_is_matched_by_default_though_its_account_is_read_a_moment_later() -> (
    None
):
    engine = Engine(reconciled("movements", tell="all"))
    for minute in range(8):
        engine.ticks(f"{minute}m")
        engine.at(f"{minute}m").reads("a", USDT="100" if minute < 2 else "70")
        engine.after("10s").reads("b", USDT="100" if minute < 4 else "130")
    assert told(engine) == ["30 USDT moved from a to b"]


def test_a_change_whose_reading_reaches_far_back_holds_a_block_together() -> None:
    """c was not read for long: it may have got the one half before the other half left."""
    moves = ((2, "a", "-30"), (3, "c", "30"), (20, "b", "-40"), (20, "c", "40"))
    engine = desk(*moves, until=40, unread={"c": range(1, 21)})
    assert told(engine) == ["70 USDT moved from a and b to c"]


def test_an_account_that_answered_once_after_it_left_and_no_more_is_waited_for() -> None:
    moves = ((1, "a", "-30"), (9, "b", "30"))
    assert told(desk(*moves, until=20, unread={"b": range(3, 9)})) == ["30 USDT moved from a to b"]
    assert told(desk(moves[0], until=90, unread={"b": range(3, 90)})) == [
        "30 USDT left a; where it went is not known: not read since then: b"
    ]

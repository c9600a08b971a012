"""The figure of an open break: how it follows what is proven, and who hears that it has grown."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from rules.outcome import NotificationKind
from rules.reconciling import leaks
from rules.reconciling.groups import Change
from rules.statements import BookRow, Books
from tests.busy import POLLS, STOLEN_AT, THEFT, Busy
from tests.engine import Engine, ms, reconciled

QUIET = 12


def figure(desk: Busy) -> str | None:
    return desk.engine.alert("conservation").facts.value


def look(engine: Engine, held: Mapping[str, Decimal]) -> None:
    """One sweep."""
    for name, amount in held.items():
        engine.reads(name, USDT=format(amount, "f"))
    engine.ticks()


def told(engine: Engine, kind: NotificationKind) -> list[str]:
    every = (one.facts for one in engine.notifications if one.kind is kind)
    return [f"{one.headline} {one.value}, perhaps {one.perhaps}" for one in every]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("per_poll", [1, 2])
def test_a_theft_among_round_transfers_is_told_by_its_sum_first_and_by_its_figure_while_they_go_on(
    seed: int, per_poll: int
) -> None:
    desk = Busy(seed, per_poll)
    desk.until(STOLEN_AT + 4)
    (first,) = told(desk.engine, NotificationKind.FIRING)
    least, _, whole = first.partition(", perhaps ")
    assert least == "is off by at least -1.37"
    assert abs(Decimal(whole) + THEFT) < 4_000  # what is under way is in it
    ident = desk.engine.alert("conservation").id
    desk.until(POLLS - 2)
    assert figure(desk) == f"-{THEFT}"
    assert len(told(desk.engine, NotificationKind.RAISED)) == 1
    desk.until(POLLS + QUIET)
    assert f" -{THEFT}, " in told(desk.engine, NotificationKind.RAISED)[0]
    assert told(desk.engine, NotificationKind.RESOLVED) == []
    assert (desk.engine.alert("conservation").id, figure(desk)) == (ident, f"-{THEFT}")
    assert desk.engine.alert("conservation").facts.headline == "is off by"


@pytest.mark.parametrize("seed", range(4))
def test_the_figure_falls_with_what_comes_back_and_never_below_what_is_proven(seed: int) -> None:
    desk = Busy(seed, returned_at=42)
    desk.until(41)
    assert figure(desk) == f"-{THEFT}"
    desk.until(POLLS + QUIET)
    assert figure(desk) == "-0.37"
    assert len(told(desk.engine, NotificationKind.RAISED)) == 1


@pytest.mark.parametrize("seed", range(6))
def test_the_figure_falls_with_what_comes_back_while_transfers_go_on(seed: int) -> None:
    desk = Busy(seed, returned_at=45, polls=90)
    desk.until(44)
    assert figure(desk) == f"-{THEFT}"
    desk.until(60)
    assert figure(desk) == "-0.37"
    assert len(told(desk.engine, NotificationKind.RAISED)) == 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("theft", ["4825", "4826.37", "4829.99"])
def test_the_least_has_the_sign_of_what_is_missing_and_is_never_more(seed: int, theft: str) -> None:
    desk = Busy(seed, theft=Decimal(theft))
    figures = set()
    while desk.poll < POLLS + QUIET:
        desk.until(desk.poll + 1)
        figures |= {one.facts.value for one in desk.engine.world.alerts.values()}
    least = Decimal(theft) % 10
    assert figures <= {f"-{least.normalize():f}", f"-{theft}"}
    assert (figure(desk), told(desk.engine, NotificationKind.RESOLVED)) == (f"-{theft}", [])
    (first,) = told(desk.engine, NotificationKind.FIRING)
    assert first.startswith("is off by at least -")


@pytest.mark.parametrize("per_poll", [1, 3])
@pytest.mark.parametrize("loss", ["0.37", "3.9", "-0.37"])
def test_a_small_loss_or_surplus_keeps_its_sign_among_transfers(per_poll: int, loss: str) -> None:
    for seed in range(3):
        engine = Busy(seed, per_poll, theft=Decimal(loss)).until(POLLS)
        assert [one.facts.value for one in engine.notifications] == [format(-Decimal(loss), "f")]


def test_what_has_stood_whole_outlives_a_sweep_in_which_as_much_is_under_way() -> None:
    engine = Engine(reconciled("conservation", tolerance={"abs": "5"}))
    held = {name: Decimal(10_000) for name in "abcde"}
    engine.lists(*held)
    for minute in range(60):
        engine.at(f"{minute}m")
        if minute == 30:
            held["c"] -= THEFT
        if 0 < minute < 20 or minute > 35:
            held["ab"[minute % 2]] -= 10
        if 1 < minute <= 20 or minute > 36:
            held["de"[minute % 2]] += 10
        if minute == 50:  # it arrives before it is seen to leave, and by chance is as much
            held["e"] += 4_830
        if minute == 51:
            held["a"] -= 4_830
        look(engine, held)
    assert engine.alert("conservation").facts.value == f"-{THEFT}"
    assert [one.split()[0] for one in engine.told()] == ["firing"]


def returned(*, other: bool) -> Engine:
    """A desk of transfers of 500, a loss of 500 among them, and 500 that arrive: from elsewhere, or from an account."""
    engine = Engine(reconciled("conservation"))
    held = {name: Decimal(10_000) for name in "abc"}
    engine.lists(*held)
    for minute in range(40):
        engine.at(f"{minute}m")
        if minute in {5, 8, 11}:
            held["a"] -= 500
            held["b"] += 500
        if minute == 15:
            held["c"] -= 500
        if minute == 25:
            held["b"] += 500
        if minute == 27 and not other:
            held["a"] -= 500
        look(engine, held)
    return engine


def test_a_break_is_not_over_by_what_arrives_before_it_is_seen_to_leave() -> None:
    engine = returned(other=False)
    assert engine.told() == ["firing conservation sum of 3 accounts (*) USDT -500"]
    assert engine.alert("conservation").facts.value == "-500"


def test_a_break_is_over_when_what_came_back_left_nowhere_in_its_window() -> None:
    engine = returned(other=True)
    assert [one.split()[0] for one in engine.told()] == ["firing", "resolved"]
    over = (engine.notifications[-1].created_ms - engine.notifications[0].created_ms) // ms("1m")
    assert over == 11  # two sweeps later than where nothing of that size moves


def test_what_has_stood_whole_in_a_calm_does_not_shrink_when_transfers_begin_again() -> None:
    engine = Engine(reconciled("conservation"))
    held = {name: Decimal(10_000) for name in "abcde"}
    figures = []
    engine.lists(*held)
    for minute in range(60):
        engine.at(f"{minute}m")
        if minute == 30:
            held["c"] -= THEFT
        if 0 < minute < 20 or minute > 35:
            held["ab"[minute % 2]] -= 10
        if 1 < minute <= 20 or minute > 36:  # what left a sweep ago arrives
            held["de"[minute % 2]] += 10
        look(engine, held)
        if minute >= 33:
            figures.append(engine.alert("conservation").facts.value)
    assert set(figures) == {f"-{THEFT}"}


def books(engine: Engine, amount: str) -> None:
    row = BookRow("x", "a", "USDT", amount, engine.now_ms)
    engine.says(Books("ledger", engine.now_ms, (row,)))


def expected(*amounts: str, acked_after: int | None = None) -> Engine:
    """What the books say from minute to minute of an account that holds 100."""
    engine = Engine(reconciled("expected"))
    engine.lists("a")
    for minute, amount in enumerate(amounts):
        engine.at(f"{minute}m").reads("a", USDT="100")
        books(engine, amount)
        if minute == acked_after:
            engine.acks("expected")
    return engine


def test_a_break_that_has_grown_tenfold_since_it_was_told_is_told_again_and_ends_an_ack() -> None:
    engine = expected("101", "101", "109.9", "110", "110", "110", acked_after=1)
    assert engine.told() == ["firing expected a USDT -1", "raised expected a USDT -10"]
    (raised,) = [one for one in engine.notifications if one.kind is NotificationKind.RAISED]
    assert (raised.facts.grown_from, raised.facts.raised_from, raised.facts.acked_by) == ("-1", None, "ann")
    assert raised.created_ms - engine.notifications[0].created_ms == ms("3m")  # `confirm` looks
    assert engine.alert("expected").acked_ms is None
    assert engine.alert("expected").facts.grown_from is None
    assert [one.reason for one in engine.transitions if one.before == one.after == "firing"] == [
        "grown from -1 to -10"
    ]


def test_one_look_alone_tells_of_no_growth() -> None:
    engine = expected("101", "101", "110", "101", "110", "101", "1000", "102")
    assert engine.told() == ["firing expected a USDT -1"]


def test_it_is_told_at_each_tenth_part_only_and_not_as_it_swings() -> None:
    swings = ("110", "110", "101", "101", "110", "110", "199", "199", "200", "200", "200")
    engine = expected("101", "101", *swings)
    assert engine.told() == [
        "firing expected a USDT -1",
        "raised expected a USDT -10",
        "raised expected a USDT -100",
    ]


def test_growth_is_measured_from_what_the_next_break_is_told_as() -> None:
    engine = expected("200", "200", "100", "100", "101", "101", "110", "110")
    assert engine.told() == [
        "firing expected a USDT -100",
        "resolved expected a USDT 0",
        "firing expected a USDT -1",
        "raised expected a USDT -10",
    ]


def test_an_age_that_raises_a_break_after_it_has_grown_speaks_of_the_age_alone() -> None:
    engine = Engine(reconciled("expected", escalate_age="10m"))
    engine.lists("a")
    for minute, amount in enumerate(("101", "101", "110", "110")):
        engine.at(f"{minute}m").reads("a", USDT="100")
        books(engine, amount)
    engine.at("11m").ticks()
    grown, aged = (one.facts for one in engine.notifications if one.kind is NotificationKind.RAISED)
    assert (grown.grown_from, grown.aged_ms) == ("-1", None)
    assert (aged.grown_from, aged.aged_ms is None) == (None, False)


def test_growth_is_measured_from_what_the_age_told() -> None:
    engine = Engine(reconciled("expected", escalate_age="10m"))
    engine.lists("a")
    for minute in range(16):
        engine.at(f"{minute}m").reads("a", USDT="100")
        books(engine, "101" if minute < 9 else "109" if minute < 12 else "111")
        engine.ticks()
    assert engine.told() == ["firing expected a USDT -1", "raised expected a USDT -9"]


def test_growth_is_told_once_over_a_restart() -> None:
    engine = Engine(reconciled("conservation"))
    engine.lists("a")
    for minute in range(16):
        engine.at(f"{minute}m").reads("a", USDT="100" if minute < 1 else "99" if minute < 8 else "89")
        if minute == 10:
            engine.restarts()
    assert engine.told() == [
        "firing conservation sum of 1 accounts (*) USDT -1",
        "raised conservation sum of 1 accounts (*) USDT -11",
    ]


def test_digits_far_finer_than_what_moves_are_never_taken_the_other_way_round() -> None:
    moved = [
        Change(
            Decimal(amount), Decimal(amount), minute * 60_000, minute * 60_000 + 1, paired=True, recent=False
        )
        for minute in range(6)
        for amount in (7, -7)
    ]
    late = [
        Change(Decimal(amount), Decimal(amount), 500_000, 600_000 + place, paired=False, recent=True)
        for place, amount in enumerate((-300, -40))
    ]
    total = Decimal("4.999999999999999999")  # which no sum of these explains
    assert leaks.find(total, [*moved, *late], 120_000).leak == Decimal("-1e-18")

"""The life of a withdrawal: free → withdrawing → ended is one alert, and its end says how."""

from decimal import Decimal

import pytest

from rules.records import Alert
from rules.ruleset import Rule
from state.codec import from_json, to_json
from tests.engine import Engine, allow, okx, unexpected

RULE = unexpected("leaving", "withdrawing")
COMPLETED = "completed: the total fell by the 100 that was withdrawing"
CANCELLED = "cancelled: 100 is back in free, and the total is the same"
UNCLEAR = "not determinable: 100 is withdrawing no more, and total and free do not tell its way"


def looks(engine: Engine, *rows: tuple[str, str], locked: str = "0", wallet: str = "spot") -> None:
    """Each row is (free, withdrawing), as two readings would confirm it."""
    for free, leaving in rows:
        engine.reads("a@x", wallet, rows={"USDT": (free, locked, "0", leaving)})


def ended(engine: Engine) -> str:
    """How the one alert of this engine ended: it fired once and it was resolved once."""
    assert [one.kind.value for one in engine.notifications] == ["firing", "resolved"]
    assert engine.world.alerts == {}
    return engine.notifications[-1].facts.reason


def started(rule: Rule = RULE) -> Engine:
    engine = Engine(rule)
    looks(engine, ("500", "0"), ("400", "100"), ("400", "100"))
    return engine


def test_a_withdrawal_that_leaves_is_completed() -> None:
    engine = started()
    looks(engine, ("400", "0"), ("400", "0"))
    assert ended(engine) == COMPLETED
    assert engine.transitions[-1].reason == COMPLETED


def test_a_withdrawal_that_comes_back_is_cancelled() -> None:
    engine = started()
    looks(engine, ("500", "0"), ("500", "0"))
    assert ended(engine) == CANCELLED


@pytest.mark.parametrize(
    "free,locked", [("450", "0"), ("399", "0"), ("400", "100"), ("499", "1"), ("501", "0")]
)
def test_what_is_neither_is_not_determinable(free: str, locked: str) -> None:
    engine = started()
    looks(engine, (free, "0"), (free, "0"), locked=locked)
    assert ended(engine) == UNCLEAR


def test_figures_are_compared_exactly() -> None:
    amount, free = "0.100000000000000000000000000001", "1234567890123456789.000000000000000001"
    engine = Engine(RULE)
    looks(engine, (free, amount), (free, amount), (free, "0"), (free, "0"))
    assert ended(engine) == f"completed: the total fell by the {amount} that was withdrawing"


@pytest.mark.parametrize("missing", [("", "0", "0", "0"), (None, "", "0", "0")])
def test_an_unknown_figure_makes_it_not_determinable(missing: tuple[str | None, ...]) -> None:
    engine = started()
    for _ in range(2):
        engine.reads("a@x", rows={"USDT": missing})
    assert ended(engine) == UNCLEAR


def test_the_first_clear_look_decides_not_the_one_that_confirms_it() -> None:
    engine = started()
    looks(engine, ("400", "0"), ("900", "0"))
    assert ended(engine) == COMPLETED


def test_the_last_look_that_qualified_is_compared_not_the_first() -> None:
    engine = started()
    looks(engine, ("700", "100"), ("700", "0"), ("700", "0"))
    assert ended(engine) == COMPLETED


def test_a_withdrawal_in_several_steps_is_one_alert_and_adds_up() -> None:
    engine = started()
    looks(engine, ("400", "60"), ("400", "10"), ("400", "0"), ("400", "0"))
    assert ended(engine) == COMPLETED


def test_steps_while_pending_count_too() -> None:
    engine = Engine(RULE)
    looks(engine, ("400", "100"), ("400", "60"), ("400", "0"), ("400", "0"))
    assert ended(engine) == COMPLETED


def test_a_second_withdrawal_joins_the_first() -> None:
    engine = started()
    looks(engine, ("350", "150"), ("350", "0"), ("350", "0"))
    assert ended(engine) == "completed: the total fell by the 150 that was withdrawing"


def test_steps_of_different_ways_are_told_each() -> None:
    engine = started()
    looks(engine, ("400", "70"), ("410", "60"), ("410", "0"), ("410", "0"))
    assert ended(engine) == ("not determinable as a whole: 90 completed, 10 cancelled")


def test_a_step_whose_way_is_unclear_makes_the_whole_so() -> None:
    engine = started()
    looks(engine, ("399", "70"), ("399", "0"), ("399", "0"))
    assert ended(engine) == "not determinable as a whole: 70 completed, 30 unclear"


def test_a_glitch_that_reads_zero_once_counts_for_nothing() -> None:
    engine = started()
    looks(engine, ("0", "0"), ("400", "100"), ("500", "0"), ("500", "0"))
    assert ended(engine) == CANCELLED


def test_an_end_that_another_withdrawal_followed_at_once_counts() -> None:
    engine = started()
    looks(engine, ("400", "0"), ("350", "50"), ("400", "0"), ("400", "0"))
    assert ended(engine) == "not determinable as a whole: 100 completed, 50 cancelled"


def test_it_survives_a_restart_because_the_alert_carries_it() -> None:
    engine = started()
    looks(engine, ("400", "60"))
    (alert,) = engine.world.alerts.values()
    again = from_json(Alert, to_json(alert))
    assert again == alert
    assert again.course is not None
    assert again.course.completed == Decimal(40)
    engine.world.alerts[alert.key] = again
    engine.restarts("2h")
    looks(engine, ("400", "0"), ("400", "0"))
    assert ended(engine) == COMPLETED


def test_an_end_that_keep_firing_delays_says_how() -> None:
    engine = started(unexpected("leaving", "withdrawing", keep_firing="5m"))
    looks(engine, ("400", "0"), ("400", "0"))
    engine.at("3m").ticks()
    assert engine.world.alerts != {}
    engine.reads("a@x", rows={"USDT": ("400", "0", "0", "0")})
    engine.at("6m").ticks()
    assert ended(engine) == COMPLETED


def test_what_is_allowed_may_stay_and_the_rest_has_its_way() -> None:
    engine = Engine(RULE, allows=[allow("payroll", "30")])
    looks(engine, ("400", "130"), ("400", "130"), ("400", "30"), ("400", "30"))
    assert ended(engine) == COMPLETED


def test_the_wallets_of_a_sum_are_added_up() -> None:
    engine = Engine(unexpected("leaving", "withdrawing", confirm=1), exchanges=[okx()])
    for _ in range(2):
        looks(engine, ("400", "100"), wallet="funding")
        looks(engine, ("7", "20"), wallet="trading")
    for _ in range(2):
        looks(engine, ("400", "0"), wallet="funding")
        looks(engine, ("7", "0"), wallet="trading")
    assert ended(engine) == "completed: the total fell by the 120 that was withdrawing"


def test_an_edit_that_ends_it_says_so_and_no_way() -> None:
    engine = started()
    engine.edits(RULE, allows=(allow("payroll", "100"),))
    looks(engine, ("400", "100"), ("400", "100"))
    assert engine.notifications[-1].kind.value == "closed"
    assert engine.notifications[-1].facts.reason == "rule changed"


def test_other_types_say_nothing_of_a_way() -> None:
    engine = Engine(unexpected("held", "frozen"))
    for frozen in ("9", "9", "0", "0"):
        engine.reads("a@x", rows={"USDT": ("1", "0", frozen, "0")})
    assert ended(engine) == ""


def test_an_alert_of_an_older_state_ends_without_a_way() -> None:
    engine = started()
    ((key, alert),) = engine.world.alerts.items()
    kept = {name: getattr(alert, name) for name in Alert.__slots__ if name != "course"}
    engine.world.alerts[key] = Alert(**kept)
    looks(engine, ("400", "0"), ("400", "0"))
    assert ended(engine) == ""

"""Since when an alert is known to stand: what tells an Alertmanager that lost it from one where another ended it."""

import pytest

from rules.model import Severity
from rules.standing import shown_since_ms
from tests.engine import Engine, appeared, low, okx


def since_ms(engine: Engine) -> int | None:
    (alert,) = engine.world.alerts.values()
    assert alert.state == "firing"
    return shown_since_ms(engine.world, alert)


def test_an_alert_stands_since_its_last_reading_was_asked_for() -> None:
    engine = Engine(low("floor", "100"))
    engine.reads("mm-1", USDT="50")
    engine.reads("mm-1", USDT="50")
    holding = engine.world.holdings[1, "spot"]
    assert since_ms(engine) == holding.began_ms < holding.ended_ms
    engine.after("5m").reads("mm-1", USDT="50")
    assert since_ms(engine) == engine.world.holdings[1, "spot"].began_ms > holding.ended_ms


def test_a_failed_reading_shows_nothing() -> None:
    engine = Engine(low("floor", "100", confirm=1))
    engine.reads("mm-1", USDT="50")
    before = since_ms(engine)
    engine.after("5m").fails("mm-1")
    assert since_ms(engine) == before


def test_a_sum_stands_since_the_oldest_of_its_parts() -> None:
    engine = Engine(low("floor", "100", confirm=1), exchanges=(okx(),))
    engine.reads("mm-1", wallet="funding", USDT="20")
    engine.reads("mm-1", wallet="trading", USDT="20")
    engine.reads("mm-1", wallet="funding", USDT="20")
    engine.reads("mm-1", wallet="trading", USDT="20")
    old = engine.world.holdings[1, "trading"].began_ms
    engine.after("1m").reads("mm-1", wallet="funding", USDT="20")
    assert since_ms(engine) == old


def test_between_threshold_and_clear_at_it_stands_and_once_clear_it_does_not() -> None:
    engine = Engine(low("floor", "100", clear_at="200", keep_firing="1h"))
    engine.reads("mm-1", USDT="50")
    engine.reads("mm-1", USDT="50")
    engine.after("1m").reads("mm-1", USDT="150")
    assert since_ms(engine) == engine.world.holdings[1, "spot"].began_ms
    engine.after("1m").reads("mm-1", USDT="250")
    assert since_ms(engine) == 0
    engine.reads("mm-1", USDT="250")
    assert since_ms(engine) == 0


@pytest.mark.parametrize("severity", ["info", "critical"])
def test_no_reading_shows_an_event(severity: str) -> None:
    engine = Engine(appeared(severity=severity))
    engine.lists("mm-1")
    engine.lists("mm-1", "mm-2")
    (alert,) = engine.world.alerts.values()
    assert alert.severity is Severity(severity)
    assert since_ms(engine) is None

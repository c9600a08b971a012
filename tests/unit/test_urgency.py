"""Which accounts matter: what is open about them, how near a figure is, and what changed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from daemon.matters import CHANGED_FOR, Matters
from rules.lifecycle import FEW_PARTS
from rules.model import Reading
from rules.step import Step
from rules.types.base import Verdict, Zone
from rules.urgency import Urgency, close, near, near_in_value, opened, opened_about
from tests.engine import Engine, allow, binance, change, high, low, unexpected, who


def ranks(engine: Engine) -> dict[str, Urgency]:
    return {engine.world.accounts[key].label: rank for key, rank in opened(engine.world, "x").items()}


def nears(engine: Engine, name: str, *assets: str) -> set[str]:
    account = next(one for one in engine.world.accounts.values() if one.label == name)
    return near(Step(engine.world, engine.now_ms), account, assets)


def test_what_is_pending_goes_before_what_fires_and_an_event_is_over_when_it_is_told() -> None:
    engine = Engine(low("floor", below="100"), change("fell", "10m", drop="1", confirm=1))
    for amount in ("5", "5"):
        engine.reads("fires", USDT=amount)
    engine.reads("pends", USDT="5")
    engine.reads("fell", USDT="900")
    engine.reads("fell", USDT="800")
    assert any(key.subject.event for key in engine.world.alerts)
    found = {name: rank for name, rank in ranks(engine).items() if rank}
    assert found == {"fires": Urgency.FIRING, "pends": Urgency.PENDING}
    for account in engine.world.accounts.values():
        assert opened_about(engine.world, account) is ranks(engine).get(account.label, Urgency.NONE)


@pytest.mark.parametrize("count", [FEW_PARTS, FEW_PARTS + 1])
def test_a_sum_that_fires_makes_its_accounts_matter_where_they_are_few(count: int) -> None:
    engine = Engine(low("sum", below="1000000", sum_over=("account",), confirm=1))
    names = [f"mm-{number}" for number in range(count)]
    engine.lists(*names)
    for _ in range(2):
        for name in names:
            engine.reads(name, USDT="5")
    assert any(alert.state == "firing" for alert in engine.world.alerts.values())
    assert len(ranks(engine)) == (count if count <= FEW_PARTS else 0)


def test_a_figure_is_near_in_the_band_and_a_tenth_beyond_it() -> None:
    engine = Engine(low("floor", below="100", clear_at="150"))
    for name, amount in {"under": "99", "band": "120", "close": "160", "far": "161"}.items():
        engine.reads(name, USDT=amount)
    assert {name for name in ("under", "band", "close", "far") if nears(engine, name, "USDT")} == {
        "under",
        "band",
        "close",
    }


def test_an_absent_asset_is_near_only_for_a_rule_that_names_it() -> None:
    engine = Engine(low("floor", below="100"), low("any", below="100", asset="*"))
    engine.reads("mm-1", BTC="1000")
    assert nears(engine, "mm-1", "USDT", "BTC", "DOGE") == {"USDT"}


def test_what_is_allowed_shifts_what_is_near() -> None:
    row = {"USDT": ("0", "0", "0", "95")}
    for up_to, expected in (("50", True), ("90", True), ("200", False)):
        engine = Engine(unexpected("out", "withdrawing", above="10"), allows=[allow("daily", up_to)])
        engine.reads("mm-1", rows=row)
        assert bool(nears(engine, "mm-1", "USDT")) is expected, up_to


def test_a_valuation_is_near_its_own_threshold() -> None:
    worth = low("worth", below="100", field="value", quote="BTC")
    engine = Engine(worth, exchanges=[binance(read=("assets", "summary"))])
    for amount, expected in (("105", True), ("300", False)):
        engine.values("mm-1", BTC=amount)
        account = next(iter(engine.world.accounts.values()))
        assert near_in_value(Step(engine.world, engine.now_ms), account) is expected


def test_unknown_is_not_near() -> None:
    assert not close(Verdict(Zone.UNKNOWN))
    assert not close(Verdict(Zone.CLEAR, value=Decimal(0), threshold=Decimal(0), clear_at=Decimal(0)))
    assert close(Verdict(Zone.CLEAR, value=Decimal(11), threshold=Decimal(10), clear_at=Decimal(10)))
    engine = Engine(low("floor", below="100"))
    engine.reads("mm-1", rows={"USDT": (None, "0", "0", "0")})
    assert not nears(engine, "mm-1", "USDT")


class Heard:
    """A desk whose readings are heard as the poller hears them."""

    def __init__(self, *rules: object) -> None:
        self.engine = Engine(*rules)  # type: ignore[arg-type]
        self.matters = Matters("x", self.engine.world)

    def reads(self, name: str, **free: str) -> Urgency:
        outcome = self.engine.reads(name, **free)
        reading = self.engine.inputs[-1][0]
        assert isinstance(reading, Reading)
        key = next(one.key for one in self.engine.world.accounts.values() if one.identity == who(name))
        self.matters.heard(key, reading, outcome, self.engine.now_ms)
        self.key = key
        return self.matters.rank(key)


def test_a_change_matters_for_two_more_readings_and_a_first_reading_is_none() -> None:
    desk = Heard()
    assert desk.reads("mm-1", USDT="5", BTC="1") is Urgency.NONE
    assert desk.reads("mm-1", USDT="4", BTC="1") is Urgency.CHANGED
    assert [desk.reads("mm-1", USDT="4", BTC="1") for _ in range(CHANGED_FOR)] == [
        *([Urgency.CHANGED] * (CHANGED_FOR - 1)),
        Urgency.NONE,
    ]
    assert desk.reads("mm-1", USDT="4", BTC="1", DOGE="7") is Urgency.CHANGED, (
        "a coin that is new is a change"
    )


def test_a_venues_valuation_that_moves_is_no_change() -> None:
    desk = Heard()
    desk.reads("mm-1", USDT="5")
    desk.engine.values("mm-1", BTC="0.1")
    for worth in ("0.2", "0.3"):
        outcome = desk.engine.values("mm-1", BTC=worth)
        reading = desk.engine.inputs[-1][0]
        assert isinstance(reading, Reading)
        desk.matters.heard(desk.key, reading, outcome, desk.engine.now_ms)
    assert desk.matters.rank(desk.key) is Urgency.NONE


def test_an_edit_of_the_rules_is_seen_at_the_next_reading_though_nothing_changed() -> None:
    desk = Heard(low("floor", below="100"))
    assert desk.reads("mm-1", USDT="500") is Urgency.NONE
    desk.engine.edits(low("floor", below="480"))
    assert desk.reads("mm-1", USDT="500") is Urgency.NEAR
    desk.engine.edits(high("full", above="5000", field="free"))
    assert desk.reads("mm-1", USDT="500") is Urgency.NONE
    assert desk.matters.all() == set()


def test_who_is_gone_is_forgotten() -> None:
    desk = Heard(low("floor", below="100"))
    assert desk.reads("mm-1", USDT="105") is Urgency.NEAR
    assert desk.matters.all() == {desk.key}
    desk.matters.keep_only(set())
    assert desk.matters.all() == set()

"""Whole stories, told to the last field: what the judge says, asks for and remembers, against the accepted text.

`UPDATE_GOLDEN=1 pytest tests/unit/test_judge_stories.py` writes the texts anew: read the difference line by line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path

import pytest

from rules.model import (
    ClockSeen,
    Contents,
    DeliveryDied,
    FailureKind,
    Identity,
    Maintenance,
    MasterSeen,
    RulesRejected,
    Severity,
)
from rules.outcome import BalanceChange
from rules.ruleset import NotifierSettings
from tests.engine import (
    T0_MS,
    Engine,
    appeared,
    binance,
    bitget,
    change,
    disappeared,
    high,
    low,
    okx,
    runway,
    stale,
    status,
    unexpected,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "judge"
KNOWN = {"runbook": "https://wiki.example/x", "description": "why"}


class Teller(Engine):
    """An engine that writes down everything that each input brings about."""

    def __init__(self, *args: object, **more: object) -> None:
        self.lines: list[str] = []
        super().__init__(*args, **more)  # type: ignore[arg-type]

    def says(self, event: object) -> object:  # type: ignore[override]
        at_ms = self.now_ms - T0_MS
        outcome = super().says(event)  # type: ignore[arg-type]
        self.lines.append(f"{at_ms / 1000:.3f} {type(event).__name__}")
        for name in (field.name for field in fields(outcome)):
            found = getattr(outcome, name)
            self.lines += [
                f"  {name}: {show(one)}" for one in (sorted(found) if name == "accounts_changed" else found)
            ]
        return outcome

    def story(self) -> str:
        kept = []
        for name in (
            "accounts",
            "exchanges",
            "holdings",
            "valuations",
            "alerts",
            "trails",
            "blind",
            "judged_rules",
        ):
            table = getattr(self.world, name)
            kept += [f"{name} {show(key)} = {show(table[key])}" for key in sorted(table)]
        return "\n".join([*self.lines, "", *kept, ""])


def show(value: object) -> str:  # noqa: C901, PLR0911  one line for each kind of value
    """A value with the fields that are not as by default, in one order."""
    if isinstance(value, Contents):  # of a holding, which says of whom: only what it keeps for itself
        return show(value.rows)
    if is_dataclass(value) and not isinstance(value, type):
        parts = []
        for field in fields(value):
            default = field.default if field.default_factory is MISSING else field.default_factory()
            item = getattr(value, field.name)
            if item != default or type(item) is not type(default):
                parts.append(f"{field.name}={show(item)}")
        return f"{type(value).__name__}({', '.join(parts)})"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, frozenset | set):
        return "{" + ", ".join(sorted(map(show, value))) + "}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{show(key)}: {show(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, BalanceChange):
        parts = [f"{name}={show(item)}" for name, item in value._asdict().items()]
        return f"BalanceChange({', '.join(parts)})"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(show, value)) + ")"
    if isinstance(value, int) and not isinstance(value, bool) and value > T0_MS - 10**9:
        return f"t{(value - T0_MS) / 1000:+.3f}"
    return repr(value)


def levels() -> Teller:
    tier = {"warning": "100", "critical": "10"}
    engine = Teller(
        low("floor", tier, clear_at="200", **KNOWN),
        high("roof", {"warning": "900", "critical": "5000"}, clear_at="800", confirm=1, **KNOWN),
        low("slow", "150", for_="1m", keep_firing="2m"),
        exchanges=[binance(read=("assets", "master"))],
        notifiers=[NotifierSettings("chat", Severity.INFO), NotifierSettings("pager", Severity.CRITICAL)],
    )
    engine.lists("a@x", "b@x")
    rows = {"USDT": ("50", "7", "0", "1"), "BTC": ("2", "0", "0", "0"), "ETH": ("0", "0", "0", "0")}
    engine.reads("master", rows={"USDT": ("250000", "0", "0", "0"), "BTC": ("1", "0", "0", "0")})
    engine.reads("b@x", USDT="500", BTC="1")
    engine.reads("a@x", USDT="1000")
    engine.reads("a@x", rows=rows)
    engine.reads("a@x", rows=rows)
    for free in (
        "5",
        "50",
        "5",
        "5",
        "5",
        "150",
        "5",
        "300",
        "5",
        "300",
        "300",
        "40",
        "300",
        "6000",
        "850",
        "700",
    ):
        engine.after("21s").reads("a@x", rows={**rows, "USDT": (free, "7", "0", "1")})
        engine.ticks()
    engine.at("20m").ticks()
    return engine


def changes() -> Teller:
    engine = Teller(
        change("moved", "10m", drop="40", rise="50%", **KNOWN),
        change("fell", "1m", drop="10%", field="free", confirm=1),
        exchanges=[okx("o"), binance("n")],
    )
    engine.lists("a@o", "b@o", exchange="o")
    for free, minute in (
        ("100", 0),
        ("90", 2),
        ("95", 4),
        ("50", 6),
        ("50", 7),
        ("90", 9),
        ("90", 10),
        ("90", 29),
    ):
        engine.at(f"{minute}m").reads("a@o", "funding", exchange="o", USDT=free)
        engine.reads("a@o", "trading", exchange="o", USDT="1")
    for free in ("100", "95", "89", "60", "200", "60", "60", "200", "200"):
        engine.after("20s").reads("c@n", exchange="n", USDT=free)
    engine.at("25h").ticks()
    return engine


def people() -> Teller:
    engine = Teller(
        appeared(**KNOWN),
        disappeared(**KNOWN),
        status(**KNOWN),
        low("mine", "1", account="a@x"),
        exchanges=[okx()],
    )
    engine.lists("a@x", "b@x", "c@x", frozen=["c@x"])
    for name in ("a@x", "b@x"):
        engine.reads(name, "funding", USDT="5")
        engine.reads(name, "trading", USDT="5", BTC="1")
    engine.lists("a@x", "b@x", "c@x", "d@x", frozen=["a@x", "c@x"])
    engine.lists("a@x", "b@x", "c@x", "d@x", frozen=["a@x"])
    engine.lists("a@x", "b@x", complete=False)
    engine.lists(Identity("id-a@x", "new@x"), "b@x", "c@x", "d@x", frozen=["c@x"])
    engine.lists("b@x", "c@x", "e@x", source="virtual")
    engine.lists(Identity("id-a@x", "new@x"), "c@x")
    engine.denies("d@x")
    engine.reads("b@x", "funding", USDT="5")
    engine.lists(Identity("id-a@x", "new@x"), "c@x")
    engine.reads("b@x", "funding", USDT="5")
    for _ in range(3):
        engine.reads(Identity("id-a@x", "new@x"), "funding", USDT="0")
        engine.reads(Identity("id-a@x", "new@x"), "trading", USDT="0", BTC="0")
    engine.lists(Identity("id-a@x", "new@x"), "b@x", "c@x", "d@x")
    engine.reads(Identity(email="f@x"), "funding", USDT="1")
    engine.lists(Identity("id-9", "f@x", "Six"), Identity("id-a@x", "new@x"), "b@x", "c@x", "d@x")
    return engine


def runways() -> Teller:
    limits = {"warning": "1h", "critical": "10m"}
    engine = Teller(
        runway("soon", "5m", limits, below="10", keep_firing="1m", **KNOWN),
        runway("all", "5m", "20m", sum_over=["account"], confirm=1, **KNOWN),
        exchanges=[okx()],
    )
    engine.lists("a@x", "b@x")
    held = [900, 850, 850, 2_000, 1_950, 1_900, 1_850, 700, 650, 600, 9_000, 9_000, 9_000, 8_990]
    for minute, amount in enumerate(held):
        engine.at(f"{minute}m").reads("a@x", "funding", USDT=str(amount - 100 * (minute % 3)))
        engine.reads("a@x", "trading", USDT=str(100 * (minute % 3)))
        engine.reads("a@x", "trading", USDT=str(100 * (minute % 3)))
        engine.reads("b@x", "funding", USDT="5")
        engine.fails("b@x", reason="HTTP 502") if minute == 8 else engine.reads("b@x", "trading", USDT="10")
    engine.edits(runway("soon", "10m", "2h", below="10", **KNOWN))
    engine.at("40m").reads("a@x", "funding", USDT="100")
    engine.reads("a@x", "trading", USDT="0")
    engine.at("41m").reads("a@x", "funding", USDT="7")
    engine.reads("a@x", "trading", USDT="0")
    return engine


def walks() -> Teller:
    rules = (low("floor", "100", **KNOWN), status(**KNOWN), appeared(), disappeared())
    engine = Teller(*rules, exchanges=[bitget(read_us=2_000)])
    for number in range(7):
        if number in (0, 3, 4, 5):
            engine.lists("id=1", "id=2", *(["id=3"] if number < 4 else []), source="virtual")
        engine.row("id=1", USDT="500" if number < 5 else "5", BTC="1")
        seen = {"1": ["USDT", "BTC"] if number != 6 else ["BTC"]}
        if number in (0, 1, 5):
            engine.row("id=2", USDT="700")
            seen["2"] = ["USDT"]
        if number < 3:
            engine.row("id=3", USDT="900")
            seen["3"] = ["USDT"]
        engine.passes(complete=number != 2, **seen)
        engine.ticks()
    engine.row("id=4", USDT="1")
    engine.passes(**{"1": "USDT", "4": "USDT"})
    for _ in range(3):
        engine.lists("id=1", "id=2", source="virtual")
        engine.passes(**{"1": "USDT", "4": "USDT"})
    return engine


def health() -> Teller:
    engine = Teller(
        low("floor", "100", wallet="trading", **KNOWN),
        stale("quiet", "4m", account="b@x", **KNOWN),
        exchanges=[okx(read_us=1_000), binance("n")],
        notifiers=[NotifierSettings("chat"), NotifierSettings("mail")],
    )
    engine.says(MasterSeen("x", engine.now_ms, "77", ("trade", "withdraw"), ip_bound=False))
    engine.says(MasterSeen("x", engine.now_ms, "77", ("trade",), ip_bound=True))
    engine.lists("a@x", "b@x", "c@x")
    for name in ("a@x", "b@x", "c@x"):
        engine.reads(name, "funding", USDT="5")
        engine.reads(name, "trading", rows={"USDT": ("", "0", "0", "0")})
    for minute in range(1, 9):
        engine.at(f"{minute}m").reads("a@x", "funding", USDT="5")
        engine.reads("a@x", "trading", rows={"USDT": ("", "0", "0", "0"), "BTC": ("1", "0", "0", "0")})
        engine.fails("b@x", reason="HTTP 502")
        engine.ticks()
    engine.reads("b@x", "trading", USDT="500")
    engine.reads("b@x", "funding", USDT="500")
    for offset in (1, 5_000, 40_120, -7_049, 2_499):
        engine.says(ClockSeen("x", engine.now_ms, offset))
    engine.fails(kind=FailureKind.BANNED, reason="418", until="15m")
    engine.says(Maintenance("x", engine.now_ms, active=True, reason="upgrade", until_ms=T0_MS + 1_200_000))
    engine.at("26m").ticks()
    engine.at("30m").reads("a@x", "funding", USDT="5")
    engine.says(Maintenance("x", engine.now_ms, active=False))
    engine.says(RulesRejected(engine.now_ms, "rules.toml:7", "unknown key"))
    engine.says(RulesRejected(engine.now_ms, "rules.toml:9", "unknown key"))
    engine.says(DeliveryDied(engine.now_ms, "chat", "M1A", 2, "HTTP 404"))
    engine.accepts(engine.ruleset)
    engine.fails(kind=FailureKind.ENDPOINT, reason="22010")
    engine.says(MasterSeen("x", engine.now_ms, "88"))
    engine.at("40m").ticks()
    return engine


def sums() -> Teller:
    engine = Teller(
        low("all", "100", sum_over=["account"], **KNOWN),
        low("worth", "2", field="value", quote="BTC", confirm=1),
        high("locked", "10", field="locked", asset="*", confirm=1),
        unexpected("leaving", "withdrawing", confirm=1),
        exchanges=[binance(read=("assets", "summary", "master")), okx("y")],
        first=True,
    )
    engine.lists("a@x", "b@x", "c@x")
    for _ in range(2):
        engine.reads("a@x", rows={"USDT": ("50", "0", "0", "5")}, values={"BTC": "1.5"})
        engine.reads("b@x", rows={"USDT": ("20", "11", "0", "0")}, values={"BTC": "3"})
    engine.at("30s").reads("c@x", rows={"USDT": ("1", "0", "0", "0"), "ETH": ("3", "0", "0", "0")})
    engine.values("c@x", BTC="9")
    engine.ticks()
    engine.at("2m").ticks()
    engine.reads("a@x", rows={"USDT": ("90", "0", "0", "0")}, values={"BTC": "2"})
    engine.reads("b@x", rows={"USDT": ("20", "0", "", "0")}, values={"BTC": "3"})
    engine.reads("a@x", rows={"USDT": ("90", "0", "0", "0")})
    engine.reads("c@x", rows={"USDT": ("1", "0", "0", "0")})
    engine.edits(low("all", "100", sum_over=["account"], account="!a@x"))
    engine.reads("b@x", USDT="20")
    engine.reads("c@x", USDT="20")
    engine.edits(low("all", "100", account="b@x", confirm=1))
    engine.reads("b@x", USDT="20")
    engine.edits(exchanges=[okx("y")])
    return engine


STORIES: tuple[Callable[[], Teller], ...] = (levels, changes, people, walks, runways, health, sums)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_story_is_told_as_accepted(story: Callable[[], Teller]) -> None:
    path = GOLDEN / f"{story.__name__}.txt"
    told = story().story()
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(told, encoding="utf-8")
    assert told == path.read_text(encoding="utf-8")

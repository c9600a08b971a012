"""Random sequences of inputs for the judge, and a check of what must hold after each of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from rules.model import ClockSeen, Covers, FailureKind, Identity, Maintenance, MasterSeen, RulesRejected
from rules.outcome import Notification, Transition
from rules.patterns import Patterns
from rules.ruleset import Expect, Rule
from rules.statements import BookRow, Books, MovementKind, Prices, Transfer, Transfers
from tests.engine import (
    FIELDS,
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
    reconciled,
    runway,
    shift,
    stale,
    status,
    unexpected,
    who,
)

AMOUNTS = ["0", "5", "50", "99.999999999999999999", "100", "150", "250", "", "-3", "1000000000000000000000.5"]
RULES: tuple[Rule, ...] = (
    low("floor", {"warning": "100", "critical": "10"}, clear_at="200"),
    low("slow", "100", for_="2m", keep_firing="3m", asset="*"),
    low("quick", "100", confirm=1, wallet="*"),
    low("all", "150", sum_over=["account"]),
    low("everything", "150", sum_over=["exchange"], confirm=1),
    low("worth", "100", field="value", quote="BTC"),
    high("roof", "200", notify=()),
    unexpected("frozen", "frozen"),
    change("moved", "3m", drop="50", rise="50%"),
    runway("soon", "2m", {"warning": "10m", "critical": "3m"}, below="5", confirm=1),
    runway("altogether", "3m", "1h", sum_over=["account"]),
    appeared(),
    disappeared(),
    status(),
    stale("quiet", "90s"),
    reconciled("movements", within="3m", tell="all"),
    reconciled("movements", "lost", within="2m", asset="USDT", tolerance={"dust_value": "5"}),
    reconciled("conservation", escalate_age="10m"),
    reconciled("summary", max_skew="10m", tolerance={"pct": "1"}),
    reconciled("expected", max_skew="3m", confirm=1),
    change("jumped", "3m", drop="1", rise="1", confirm=1),
    shift(confirm=1),
)
EXPECTS = (
    Expect("rent", "USDT", Decimal(50), T0_MS + 600_000, Patterns.of("a@*"), None, reason="monthly"),
    Expect("top-up", "USDT", Decimal(100), T0_MS + 300_000, Patterns.of("a@o"), Patterns.of("b@o")),
)
EXCHANGES = (
    binance("n", read=("assets", "summary", "master")),
    okx("o", read_us=1_000),
    bitget("t"),
)
NAMES = {"n": ("a@n", "b@n"), "o": ("a@o", "b@o"), "t": ("1", "2")}
WALLETS = {"n": ("spot",), "o": ("funding", "trading"), "t": ("spot",)}
IDENTITIES = [
    Identity("id-a@n", "a@n"),
    Identity(email="a@n"),
    Identity("id-c@n", "a@n"),
    Identity("id-a@n", "c@n"),
    Identity("id-b@n", "b@n"),
]

amounts = st.sampled_from(AMOUNTS)
figures = st.sampled_from([one for one in AMOUNTS if one])
gaps = st.sampled_from([0, 300, 2_000, 30_000, 60_000, 200_000, 400_000])
exchanges = st.sampled_from(sorted(NAMES))


def _rows(width: int) -> st.SearchStrategy[dict[str, tuple[str, ...]]]:
    return st.dictionaries(st.sampled_from(["USDT", "BTC"]), st.tuples(*[amounts] * width), max_size=2)


def _some(names: Iterable[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(sorted(names)), unique=True, max_size=2)


@st.composite
def statements(draw: st.DrawFn, exchange: str) -> tuple[Any, ...]:
    """A history of one movement, a price, or the books."""
    sides = st.lists(st.sampled_from([None, *NAMES[exchange]]), min_size=2, max_size=2, unique=True)
    return (
        draw(st.sampled_from(["history", "history", "prices", "books"])),
        draw(figures),
        draw(st.sampled_from([0, 40_000, 60_000, 200_000])),
        (*draw(sides), draw(st.integers(0, 9))),
    )


@st.composite
def moves(draw: st.DrawFn) -> tuple[Any, ...]:
    """One input as plain data, so that a sequence can be played twice."""
    exchange = draw(exchanges)
    account = draw(st.sampled_from(NAMES[exchange]))
    kind = draw(
        st.sampled_from(
            [
                "read",
                "read",
                "read",
                "read",
                "fail",
                "list",
                "pass",
                "tick",
                "tick",
                "value",
                "edit",
                "restart",
                "odd",
                "say",
                "state",
                "state",
            ]
        )
    )
    match kind:
        case "read":
            width = 3 if exchange == "t" else len(FIELDS)
            more = (account, draw(st.sampled_from(WALLETS[exchange])), draw(_rows(width)))
        case "fail":
            more = (
                draw(st.sampled_from([None, account])),
                draw(st.sampled_from(list(FailureKind))),
                draw(st.booleans()),
            )
        case "list":
            more = (draw(_some(NAMES[exchange])), draw(st.booleans()), draw(_some(NAMES[exchange])))
        case "pass":
            more = (draw(_some(NAMES["t"])), draw(st.booleans()))
        case "value":
            more = (account, draw(amounts))
        case "edit":
            more = (
                draw(st.sets(st.integers(0, len(RULES) - 1))),
                draw(st.sampled_from(["100", "40", "180"])),
            )
        case "odd":
            more = (draw(st.sampled_from(IDENTITIES)), draw(_rows(len(FIELDS))))
        case "state":
            more = (account, *draw(statements(exchange)))
        case "say":
            more = (draw(st.sampled_from(["clock", "master", "maintenance", "rejected", "over"])),)
        case _:
            more = ()
    return draw(gaps), kind, exchange, *more


def play(engine: Engine, move: tuple[Any, ...]) -> None:
    """Make one move."""
    gap, kind, exchange, *more = move
    engine.now_ms += gap
    match kind:
        case "read" if exchange == "t":
            name, wallet, rows = more
            fields = ("free", "locked", "frozen")
            engine.reads(
                f"id={name}", wallet, exchange=exchange, fields=fields, rows=rows, covers=Covers.NAMED
            )
        case "read":
            engine.reads(more[0], more[1], exchange=exchange, rows=more[2])
        case "fail":
            engine.fails(more[0], more[1], exchange=exchange, stops=more[2] and more[1] is FailureKind.KEY)
        case "list":
            rows = [f"id={name}" if exchange == "t" else name for name in more[0]]
            source = "virtual" if exchange == "t" else "list"
            engine.lists(*rows, exchange=exchange, source=source, complete=more[1], frozen=more[2])
        case "pass":
            engine.passes("t", complete=more[1], **dict.fromkeys(more[0], "USDT"))
        case "value":
            engine.values(more[0], exchange=exchange, BTC=more[1])
        case "edit":
            left, limit = more
            kept = [rule for place, rule in enumerate(RULES) if place not in left]
            engine.edits(*kept, low("edited", limit, confirm=1))
        case "state":
            _states(engine, exchange, *more)
        case "odd":
            engine.reads(more[0], exchange="n", rows=more[1])
            engine.lists(more[0], exchange="n")
        case _:
            _say(engine, exchange, more[0] if more else kind)


def _states(
    engine: Engine, exchange: str, account: str, what: str, amount: str, age: int, more: tuple[Any, ...]
) -> None:
    """What a venue or the books state."""
    now = engine.now_ms
    match what:
        case "prices":
            engine.says(Prices(exchange, now - age, now, {("BTC", "USDT"): amount.strip("-")}))
        case "books":
            row = BookRow(exchange, account, "USDT", amount, now - age)
            engine.says(Books("ledger", now, (row,), "no such file" if amount.startswith("-") else ""))
        case _:
            giver, taker, ident = more
            outside = MovementKind.DEPOSIT if giver is None else MovementKind.WITHDRAWAL
            kind = MovementKind.INTERNAL if giver and taker else outside
            sides = [
                None if one is None else who(f"id={one}" if exchange == "t" else one) for one in more[:2]
            ]
            one = Transfer(str(ident), kind, "USDT", amount.strip("-"), now - age, *sides)
            engine.says(Transfers(exchange, "history", now - 9, now, 0, now, complete=True, transfers=(one,)))


def _say(engine: Engine, exchange: str, what: str) -> None:
    now = engine.now_ms
    match what:
        case "clock":
            engine.says(ClockSeen(exchange, now, 40_000))
        case "master":
            engine.says(MasterSeen(exchange, now, "77", ("trade",)))
        case "maintenance":
            engine.says(Maintenance(exchange, now, active=True, reason="upgrade"))
        case "over":
            engine.says(Maintenance(exchange, now, active=False))
        case "restart":
            engine.restarts()
        case "rejected":
            engine.says(RulesRejected(now, "rules.toml:1", "unknown key"))
        case _:
            engine.ticks()


def new_engine() -> Engine:
    # So short a retention that accounts and ids of alerts are forgotten while a sequence lasts.
    return Engine(*RULES, exchanges=EXCHANGES, expects=EXPECTS, first=True, retention_ms=300_000)


class Watcher:
    """What must hold after every input, whatever it is."""

    def __init__(self) -> None:
        self.fired: set[str] = set()
        self.told: dict[tuple[str, str], int] = {}
        self.ids: dict[str, tuple[str, object]] = {}
        self.seen = (0, 0)

    def look(self, engine: Engine) -> None:
        steps, tellings = self.seen
        self.seen = (len(engine.transitions), len(engine.notifications))
        self._ids(engine.transitions[steps:])
        self._order(engine.transitions[steps:], engine.notifications[tellings:])
        open_alerts = engine.world.alerts
        assert all(key == alert.key for key, alert in open_alerts.items())
        assert len({alert.id for alert in open_alerts.values()}) == len(open_alerts)
        for alert in open_alerts.values():
            assert alert.state in {"pending", "firing"}
            assert (alert.fired_ms is None) == (alert.state == "pending")
            if alert.held:
                assert not alert.told
        indexed = {key for keys in engine.world.index.open_of.values() for key in keys}
        assert indexed == set(open_alerts)

    def _ids(self, steps: list[Transition]) -> None:
        for step in steps:
            assert re.fullmatch(r"A(?=[0-9A-Z]*\d)[0-9A-Z]{4,8}", step.alert)
            place = (step.key.rule, step.key.subject._replace(event=""))
            assert self.ids.setdefault(step.alert, place) == place
            if step.before == "":
                assert step.after == "pending"

    def _order(self, steps: list[Transition], tellings: list[Notification]) -> None:
        """Never told of firing before it fired, never of an end before firing, and of each at most once."""
        self.fired |= {step.alert for step in steps if step.after == "firing"}
        for one in tellings:
            assert one.alert in self.fired
            assert one.facts.rule != "roof"  # a trial
            place = (one.alert, one.notifier)
            match one.kind.value:
                case "firing" | "event":
                    assert place not in self.told
                    self.told[place] = 1
                case "raised" | "reminder":
                    assert self.told[place] == 1
                case _:
                    assert self.told[place] == 1
                    self.told[place] = 2

"""A life on a real disk: readings, outages, time, restarts, edits, silences, acks and dead notifiers, in any order.

After every step the invariants of the design hold; at the end the log, folded into an empty World, gives the
same transitions and notifications, bit for bit, as were lived.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rules.judge import Input, judge
from rules.model import (
    DeliveryDied,
    DeliveryWorks,
    Failure,
    FailureKind,
    ListedAccount,
    Listing,
    Reading,
    Start,
    Tick,
)
from rules.outcome import Notification, NotificationKind, Transition
from rules.records import AlertKey, Note
from rules.ruleset import NotifierSettings, Rule, RulesAccepted, Ruleset, Settings, Silence
from rules.world import World
from state import Entry, Store
from state.orders import inputs_of
from tests.engine import FIELDS, T0_MS, allow, binance, change, low, ms, tables, unexpected, who
from tests.unit.test_state_support import same

ACCOUNTS = ("a@x", "b@x")
NOTIFIERS = {name: NotifierSettings(name) for name in ("chat", "pager")}
ENDS = frozenset({NotificationKind.RESOLVED, NotificationKind.CLOSED})
BEGINNINGS = frozenset({NotificationKind.FIRING, NotificationKind.EVENT})
AMOUNTS = st.sampled_from(["0", "5", "50", "99.999999999999999999", "100", "150", "250"])


def _floor(below: str | dict[str, str], **more: Any) -> Rule:
    return low("floor", below, clear_at="200", escalate_after="10m", escalate_to=("pager",), **more)


def _ruleset(digest: str, *rules: Rule, **more: Any) -> Ruleset:
    given = {"notifiers": NOTIFIERS, "sources": (("rules.toml", digest),), "digest": digest, **more}
    return Ruleset(Settings(repeat_every_ms=ms("1h")), {"x": binance()}, rules=rules, **given)


SLOW = low("slow", "100", for_="3m", confirm=3, keep_firing="2m")
LEAVING = unexpected("leaving", "withdrawing", asset="USDT")
MOVED = change("moved", "5m", drop="40", confirm=1)
SUM = low("sum", "120", sum_over=["account"])
RULESETS = {
    one.digest: one
    for one in (
        _ruleset("first", _floor({"warning": "100", "critical": "10"}), SLOW, LEAVING, MOVED, SUM),
        _ruleset(
            "higher", _floor("180"), SLOW, LEAVING, MOVED, SUM, allows=(allow("payroll", "50", until="40m"),)
        ),
        _ruleset("fewer", _floor("100", confirm=3), LEAVING, notifiers={"chat": NOTIFIERS["chat"]}),
        _ruleset("trial", _floor("100", notify=(), for_="1m"), SLOW),
    )
}


class Row:
    """How long a condition has held, counted by hand from the readings of one account for one rule."""

    def __init__(self) -> None:
        self.count = self.held_ms = 0
        self.last_ms: int | None = None

    def read(self, at_ms: int, cap_ms: int, *, qualifies: bool) -> None:
        if not qualifies:
            self.count, self.held_ms, self.last_ms = 0, 0, None
            return
        self.held_ms += 0 if self.last_ms is None else min(at_ms - self.last_ms, cap_ms)
        self.count, self.last_ms = self.count + 1, at_ms


class Life(RuleBasedStateMachine):
    """One daemon's life; every step is one input, judged and committed."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "subtally.db"
        self.now_ms = T0_MS
        self.lived: list[tuple[list[Transition], list[Notification]]] = []
        self.rows: dict[tuple[str, str], Row] = {}
        self.open: dict[str, AlertKey] = {}
        self.told: dict[tuple[str, str], bool] = {}
        self.starts(RULESETS["first"])
        listed = tuple(ListedAccount(who(name)) for name in ACCOUNTS)
        self.takes(Listing("x", "list", T0_MS, T0_MS, complete=True, accounts=listed))

    def starts(self, ruleset: Ruleset) -> None:
        self.store = Store.open(self.path, migrate=True)
        accepted = self.store.accepted_rules()
        self.ruleset = ruleset if accepted is None else RULESETS[accepted.digest]
        self.world = self.store.load(self.ruleset)
        self.takes(RulesAccepted(self.now_ms, self.ruleset))
        self.takes(Start(self.now_ms))
        for row in self.rows.values():
            if row.last_ms is not None and row.last_ms < self.now_ms:
                row.last_ms = None  # downtime does not count

    def takes(self, event: Input) -> None:
        outcome = judge(self.world, event, self.now_ms)
        steps, tellings = outcome.transitions, outcome.notifications
        if isinstance(event, Tick) and not (steps or tellings or any(t.touched for t in tables(self.world))):
            return  # as in the daemon: such a tick is not logged
        self.store.commit([Entry(event, self.now_ms, outcome)], self.world)
        self.lived.append((steps, tellings))
        for step in steps:
            self.moves(step)
        for told in tellings:
            self.tells(told)

    # What may happen.

    @rule(
        account=st.sampled_from(ACCOUNTS),
        free=AMOUNTS,
        leaving=AMOUNTS,
        gap=st.sampled_from([1, 20, 60, 200]),
    )
    def reads(self, account: str, free: str, leaving: str, gap: int) -> None:
        self.now_ms += gap * 1_000
        for one in self.ruleset.rules:
            if one.name in {"floor", "slow"}:
                limit = max(tier.threshold for tier in one.spec.tiers)  # type: ignore[attr-defined]
                row = self.rows.setdefault((one.key, account), Row())
                row.read(self.now_ms + 1_000, ms("5m"), qualifies=Decimal(free) < limit)
        self.observes(account, (free, "0", "0", leaving))

    @rule(account=st.sampled_from(ACCOUNTS), row=st.sampled_from([("", "", "", ""), (None, "", None, "")]))
    def reads_what_is_unknown(self, account: str, row: tuple[str | None, ...]) -> None:
        before = self.verdicts()
        self.observes(account, row)
        assert self.verdicts() == before

    @rule(
        account=st.sampled_from([None, *ACCOUNTS]),
        kind=st.sampled_from([FailureKind.TRANSIENT, FailureKind.LIMITED]),
    )
    def outage(self, account: str | None, kind: FailureKind) -> None:
        before = self.verdicts()
        self.takes(Failure("x", self.now_ms, kind, "HTTP 500", who(account) if account else None, "spot"))
        assert self.verdicts() == before

    @rule(minutes=st.sampled_from([0, 1, 4, 11, 61]))
    def time_goes_on(self, minutes: int) -> None:
        self.now_ms += minutes * 60_000 + 500
        self.takes(Tick(self.now_ms))

    @rule(downtime=st.sampled_from([0, 1, 3_600]))
    def restarts(self, downtime: int) -> None:
        lived = self.world
        self.store.close()
        self.now_ms += downtime * 1_000
        again = Store.open(self.path)
        assert same(again.load(self.ruleset), lived)
        again.close()
        self.starts(self.ruleset)

    @rule(digest=st.sampled_from(sorted(RULESETS)))
    def edits(self, digest: str) -> None:
        self.ruleset = RULESETS[digest]
        kept = {one.key for one in self.ruleset.rules}
        self.rows = {place: row for place, row in self.rows.items() if place[0] in kept}
        self.takes(RulesAccepted(self.now_ms, self.ruleset))

    @rule(minutes=st.sampled_from([1, 30]))
    def silences(self, minutes: int) -> None:
        made = Silence("", "works", "ann", until_ms=self.now_ms + minutes * 60_000)
        self.store.silence(made, self.now_ms)
        self.hears()

    @precondition(lambda self: self.world.silences)
    @rule()
    def ends_a_silence(self) -> None:
        self.store.unsilence(min(self.world.silences), "bob", self.now_ms)
        self.hears()

    @precondition(lambda self: any(one.state == "firing" for one in self.world.alerts.values()))
    @rule(data=st.data())
    def acks(self, data: st.DataObject) -> None:
        firing = sorted(one.id for one in self.world.alerts.values() if one.state == "firing")
        ident = data.draw(st.sampled_from(firing))
        assert self.store.ack(ident, "ann", self.now_ms)
        self.hears()
        (alert,) = [one for one in self.world.alerts.values() if one.id == ident]
        assert alert.acked_ms == self.now_ms

    @precondition(lambda self: self.world.alerts)
    @rule(data=st.data(), text=st.sampled_from(["seen", "ticket 4711"]))
    def notes(self, data: st.DataObject, text: str) -> None:
        ident = data.draw(st.sampled_from(sorted(one.id for one in self.world.alerts.values())))
        if self.store.alert(ident) is not None:
            assert self.store.note(ident, text, "ann", self.now_ms)
            self.hears()
            (alert,) = [one for one in self.world.alerts.values() if one.id == ident]
            assert alert.note == Note(self.now_ms, "ann", text)

    @rule(notifier=st.sampled_from(sorted(NOTIFIERS)), works=st.booleans())
    def a_notifier(self, notifier: str, works: bool) -> None:  # noqa: FBT001  hypothesis gives it
        if works:
            self.takes(DeliveryWorks(self.now_ms, notifier))
        else:
            self.takes(DeliveryDied(self.now_ms, notifier, "M1A", 2, "HTTP 404"))

    # What must hold.

    @invariant()
    def at_most_one_alert_is_open_for_each_rule_and_subject(self) -> None:
        assert len(set(self.open.values())) == len(self.open)
        assert self.open == {one.id: key for key, one in self.world.alerts.items()}

    @invariant()
    def nothing_that_was_acked_waits_to_be_escalated(self) -> None:
        for alert in self.world.alerts.values():
            assert alert.acked_ms is None or alert.escalate_at_ms is None

    def moves(self, step: Transition) -> None:
        if step.after in {"pending", "firing"}:
            assert step.before or step.alert not in self.open
            self.open[step.alert] = step.key
        else:
            del self.open[step.alert]
        if (step.before, step.after) == ("pending", "firing") and step.rule in {"floor", "slow"}:
            (one,) = [one for one in self.ruleset.rules if one.name == step.rule]
            row = self.rows[one.key, self.world.accounts[step.key.subject.account or 0].label]
            assert row.count >= one.confirm
            assert row.held_ms >= one.for_ms

    def tells(self, told: Notification) -> None:
        """Firing, then whatever follows, then one end: for each notifier by itself."""
        place = (told.alert, told.notifier)
        if told.kind in BEGINNINGS:
            assert place not in self.told
            self.told[place] = True
        elif told.kind is NotificationKind.ESCALATED:
            self.told[place] = True
        else:
            assert self.told[place], f"{told.kind} before it was told, or after its end"
            self.told[place] = told.kind not in ENDS

    def teardown(self) -> None:
        lived = self.world
        self.store.close()
        with Store.open(self.path, readonly=True) as store:
            world = World()
            again = [judge(world, event, now_ms) for _, now_ms, event in store.log(RULESETS.__getitem__)]
            assert [(one.transitions, one.notifications) for one in again] == self.lived
            assert same(world, lived)
            kept = [
                step for ident in {s.alert for s in _steps(self.lived)} for step in store.transitions(ident)
            ]
            assert sorted(kept, key=repr) == sorted(_steps(self.lived), key=repr)
        self.folder.cleanup()

    # Helpers.

    def observes(self, account: str, row: tuple[str | None, ...]) -> None:
        self.now_ms += 1_000
        now = self.now_ms
        self.takes(Reading.of("x", who(account), "spot", now - 100, now, FIELDS, {"USDT": row}))

    def hears(self) -> None:
        """The engine hears of what people ordered."""
        for order in self.store.orders_after(self.world.orders_seq):
            self.world.orders_seq = order.seq
            for event in inputs_of([order]):
                self.takes(event)

    def verdicts(self) -> dict[AlertKey, tuple[object, ...]]:
        alerts = self.world.alerts.items()
        mine = ((k, a) for k, a in alerts if not k.rule.startswith("subtally/"))
        return {k: (a.id, a.state, a.severity, a.runs, a.clear_run, a.held_ms, a.course) for k, a in mine}


def _steps(lived: Iterable[tuple[list[Transition], list[Notification]]]) -> list[Transition]:
    return [step for steps, _ in lived for step in steps]


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestLife = Life.TestCase

"""One case through the live judge and the live wording: what happened, when, and what each notifier would read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from daemon.replay.ticks import Ticks
from daemon.replay.told import told_of
from daemon.ruletest.load import Story
from daemon.ruletest.scene import Order, Scene
from notifiers.figures import figure
from notifiers.message import Item, Message
from notifiers.wording import word
from rules.facts import Facts
from rules.judge import Input, judge
from rules.model import Acked, Failure, Listing, Maintenance, Reading, Row, Severity, Start, Tick
from rules.outcome import Outcome
from rules.ruleset import RulesAccepted, Ruleset
from rules.world import World

START_MS = 1_767_600_000_000
"""Monday, 5 January 2026, 08:00 UTC: where a case begins that does not say when."""

MESSAGE_ID = "M0TEST"
_BEFORE_MS = 2_000


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of one alert; `at_ms` counts from the begin of the case, `texts` is what each notifier reads."""

    at_ms: int
    event: str
    alert: str
    severity: Severity
    facts: Facts
    notifiers: tuple[str, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Run:
    """What became of one case; `heard` is what the engine heard, in words, where it was news."""

    happened: list[Happened] = field(default_factory=list)
    heard: list[tuple[int, str]] = field(default_factory=list)
    fired: set[str] = field(default_factory=set)
    end_ms: int = 0


def run_story(ruleset: Ruleset, story: Story) -> Run:
    """Play a case from an empty World to its end."""
    return _Play(ruleset, story).run()


class _Play:
    def __init__(self, ruleset: Ruleset, story: Story) -> None:
        self._ruleset = ruleset
        self._story = story
        self._start_ms = START_MS if story.case.start is None else story.case.start
        self._scene = Scene(ruleset, story, self._start_ms)
        self._world = World()
        self._run = Run(end_ms=self._scene.end_ms)
        self._last: dict[tuple[str, ...], object] = {}

    def run(self) -> Run:
        begin_ms = self._start_ms - _BEFORE_MS
        if not self._story.case.first:
            self._world.judged_rules.restore(
                {(name, rule.key): 0 for name in self._ruleset.exchanges for rule in self._ruleset.rules}
            )
        self._feed(RulesAccepted(begin_ms, self._ruleset), begin_ms)
        self._feed(Start(begin_ms), begin_ms)
        ticks = Ticks(begin_ms)
        for at_ms, step in self._scene.steps():
            now_ms = self._start_ms + at_ms
            if step.kind is Order.EDGE and step.name == "restart":
                ticks.at(now_ms)
            else:
                for due_ms in ticks.until(self._world, now_ms):
                    self._feed(Tick(due_ms), due_ms)
            events = (
                self._ack(step.place, now_ms) if step.kind is Order.ACK else self._scene.inputs(at_ms, step)
            )
            for event in events:
                self._feed(event, now_ms)
        end_ms = self._start_ms + self._scene.end_ms
        for due_ms in ticks.until(self._world, end_ms):
            self._feed(Tick(due_ms), due_ms)
        return self._run

    def _ack(self, place: int, now_ms: int) -> list[Input]:
        row = self._story.acks[place]
        return [
            Acked(now_ms, alert.id, "test")
            for alert in self._world.alerts.values()
            if alert.rule == row.rule and alert.state == "firing" and row.account in ("", alert.facts.label)
        ]

    def _feed(self, event: Input, now_ms: int) -> None:
        outcome = judge(self._world, event, now_ms)
        at_ms = now_ms - self._start_ms
        self._run.heard += ((at_ms, words) for words in self._news(event))
        self._scene.answer(at_ms, outcome, self._world)
        self._run.fired |= {step.rule for step in outcome.transitions if step.after == "firing"}
        self._run.happened += self._quiet(outcome, at_ms)
        texts = self._texts(outcome, now_ms)
        for told in told_of(self._world, outcome, now_ms):
            said = {name: texts[name, told.alert, told.event] for name in told.notifiers}
            self._run.happened.append(
                Happened(at_ms, told.event, told.alert, told.severity, told.facts, told.notifiers, said)
            )

    def _quiet(self, outcome: Outcome, at_ms: int) -> Iterator[Happened]:
        """The steps of which nobody ever hears."""
        ended = {alert.id: alert for alert in outcome.ended}
        opened = {alert.id: alert for alert in self._world.alerts.values()} if outcome.transitions else {}
        for step in outcome.transitions:
            if step.after in {"pending", "inactive"}:
                alert = ended.get(step.alert) or opened.get(step.alert)
                facts = (
                    alert.facts if alert is not None else self._facts_of(step.key.subject.account, step.rule)
                )
                yield Happened(at_ms, step.after, step.alert, step.severity, facts)

    def _facts_of(self, account: int | None, rule: str) -> Facts:
        """What is still known of a pending alert that is no more."""
        found = None if account is None else self._world.accounts.get(account)
        label, exchange = ("", "") if found is None else (found.label, found.exchange)
        identifiers = () if found is None else found.identity.identifiers
        return Facts(rule, "", exchange, Severity.INFO, label=label, identifiers=identifiers)

    def _texts(self, outcome: Outcome, now_ms: int) -> dict[tuple[str, str, str], str]:
        groups: dict[tuple[str, str], list[Item]] = {}
        for number, one in enumerate(outcome.notifications):
            item = Item(one.alert, one.kind, one.severity, one.facts, one.created_ms, one.batch)
            groups.setdefault((one.notifier, one.batch or str(number)), []).append(item)
        settings = self._ruleset.settings
        found: dict[tuple[str, str, str], str] = {}
        for (notifier, _), items in groups.items():
            message = Message(MESSAGE_ID, notifier, tuple(items))
            said = word(message, timezone=settings.timezone, public_url=settings.public_url, now_ms=now_ms)
            for item in items:
                found[notifier, item.alert_id, item.kind.value] = f"{said.title}\n{said.body}"
        return found

    def _news(self, event: Input) -> Iterator[str]:
        """What the timeline of a failed test shows: a figure that is as it was is no news."""
        match event:
            case Reading():
                yield from self._news_of(event)
            case Failure():
                who = "" if event.account is None else f" {event.account.label} {event.wallet or ''}".rstrip()
                self._last[event.exchange, who, "failed"] = True
                yield f"{event.exchange}{who}: {event.kind.value}, {event.reason}"
            case Listing():
                names = tuple(
                    row.identity.label + (" (frozen)" if row.frozen else "") for row in event.accounts
                )
                if self._last.get((event.exchange, "listing")) != names:
                    self._last[event.exchange, "listing"] = names
                    yield f"{event.exchange} lists {', '.join(names) or 'nobody'}"
            case Maintenance():
                yield f"{event.exchange}: maintenance {'begins' if event.active else 'is over'}"
            case Start() if event.at_ms >= self._start_ms:
                yield "the daemon starts again"
            case Acked():
                yield f"{event.alert} is acked"

    def _news_of(self, reading: Reading) -> Iterator[str]:
        where = f"{reading.exchange} {reading.account.label} {reading.wallet}"
        rows: dict[str, Row] = dict(reading.rows)
        fields = reading.fields
        if reading.values is not None:
            rows, fields = {quote: (value,) for quote, value in reading.values.items()}, ("value",)
        before = self._last.get((where,))
        known: dict[str, Row] = before if isinstance(before, dict) else {}
        failed = self._last.pop(
            (reading.exchange, f" {reading.account.label} {reading.wallet}", "failed"), None
        )
        for asset, row in rows.items():
            if known.get(asset) != row or failed:
                shown = ", ".join(
                    f"{name} {figure(text) if text else 'unknown'}"
                    for name, text in zip(fields, row, strict=True)
                    if text != "0" or name == "free"
                )
                yield f"{where} {asset}: {shown}"
        for asset in known:
            if asset not in rows:
                yield f"{where} {asset}: absent"
        self._last[where,] = {**known, **rows} if reading.covers.value == "named" else rows

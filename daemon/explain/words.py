"""The words of an explanation: one line for each thing that decided, each true by the state as it was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from daemon.explain.place import RulePlace
from daemon.explain.record import Heard
from notifiers.figures import figure
from notifiers.outlooks import words_of
from notifiers.relation import relation
from notifiers.times import duration, moment, zone
from rules.facts import Facts
from rules.outcome import Transition
from rules.records import Alert, Note
from rules.ruleset import Rule, Settings, Silence
from rules.silences import covers, silenced_by
from rules.types.base import Verdict, Zone
from rules.why import Why
from state.ordered import MessageRow
from state.queries import AlertRow, Attempt, NotificationRow


@dataclass(frozen=True, slots=True)
class Line:
    """`met` is set where the line is a condition: whether it is met."""

    topic: str
    text: str
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """When and where the explanation is read."""

    now_ms: int
    timezone: str = "UTC"

    def at(self, at_ms: int) -> str:
        return moment(at_ms, self.now_ms, zone(self.timezone))

    def ago(self, at_ms: int) -> str:
        return f"{self.at(at_ms)} ({duration(self.now_ms - at_ms)} ago)"


def rule_lines(rule: Rule | None, place: RulePlace | None, name: str) -> Iterator[Line]:
    """Which rule, and where it stands."""
    if rule is None:
        yield Line("rule", f'"{name}": built in, or no longer in the rules in force')
        return
    where = "" if place is None else f" at {place.where}"
    yield Line("rule", f'"{rule.name}" ({rule.type}){where}')
    for line in () if place is None else place.lines.values():
        yield Line("rule line", line)


def condition_lines(why: Why) -> Iterator[Line]:
    """Each condition, met or not."""
    for one in why.conditions:
        yield Line(one.name, one.text, met=one.met)


def figure_lines(why: Why, clock: Clock) -> Iterator[Line]:
    """What the figure is made of, and how it compares."""
    for one in why.figures:
        value = "unknown" if one.value is None else figure(one.value)
        read = "never read" if one.read_ms is None else f"read {clock.ago(one.read_ms)}"
        yield Line("reading", f"{one.label} {one.part[1]}: {value}, {read}")
    if why.verdict is not None and why.verdict.zone is not Zone.UNKNOWN:
        yield Line("comparison", _comparison(why.verdict), met=why.verdict.zone is Zone.QUALIFIES)


def earlier_lines(rows: Iterable[AlertRow], clock: Clock) -> Iterator[Line]:
    """What was told of the same subject before."""
    for row in rows:
        ended = "" if row.ended_ms is None else f" {clock.at(row.ended_ms)}"
        began = clock.at(row.alert.since_ms)
        yield Line("earlier", f"{row.alert.id}: began {began}, {row.state}{ended}")


def pending_lines(alert: Alert, rule: Rule, clock: Clock) -> Iterator[Line]:
    """How far an open alert is on the way to firing, or to its end."""
    if alert.clear_ms is not None:
        until_ms = alert.last_ms + rule.keep_firing_ms
        kept = f"; keep_firing holds it until {clock.at(until_ms)}" if rule.keep_firing_ms else ""
        yield Line("clearing", f"{alert.clear_run} of {rule.confirm} clear readings agree{kept}")
        return
    agreed = max(alert.runs)
    yield Line(
        "confirm", f"{agreed} readings in a row agree, {rule.confirm} are needed", met=agreed >= rule.confirm
    )
    if rule.for_ms:
        held = f"held for {duration(alert.held_ms)} of {duration(rule.for_ms)}"
        yield Line("for", f"{held}, by time between readings", met=alert.held_ms >= rule.for_ms)


def alert_lines(row: AlertRow, clock: Clock) -> Iterator[Line]:
    """Where the alert stands, and the comparison that it was last judged by, with both figures."""
    alert, facts = row.alert, row.alert.facts if row.ending is None else row.ending
    since = alert.since_ms if alert.fired_ms is None else alert.fired_ms
    ended = "" if row.ended_ms is None else f", ended {clock.at(row.ended_ms)}"
    why = f": {row.reason}" if row.reason else ""
    yield Line("state", f"{row.state} {alert.severity.value} since {clock.ago(since)}{ended}{why}")
    if facts.headline:
        yield Line("what", _said(facts))
    if facts.value is not None:
        yield Line("comparison", _judged(facts, row, clock))
    for detail in facts.details:
        yield Line("detail", detail)
    for name, amount in facts.allowed:
        yield Line("allow", f'[[allow]] "{name}" grants {figure(amount)}')


def reading_lines(heard: Iterable[Heard], clock: Clock) -> Iterator[Line]:
    """The calls around the onset."""
    for one in heard:
        value = "unknown" if one.value is None else figure(one.value)
        text = one.note or value
        yield Line("reading", " ".join(part for part in (clock.at(one.at_ms), one.wallet, text) if part))


def life_lines(steps: Iterable[Transition], clock: Clock) -> Iterator[Line]:
    """Every step of the alert's life."""
    for step in steps:
        value = "" if step.value is None else f" at {figure(step.value)}"
        why = f": {step.reason}" if step.reason else ""
        yield Line("life", f"{clock.at(step.at_ms)} {step.before or 'nothing'} → {step.after}{value}{why}")


def told_lines(
    rows: Iterable[NotificationRow],
    messages: dict[str, MessageRow],
    attempts: dict[str, tuple[Attempt, ...]],
    settings: Settings,
    clock: Clock,
) -> Iterator[Line]:
    """Who was told of what, in which message, with every attempt to deliver it."""
    found = sorted(rows, key=lambda row: row.id)
    if not found:
        yield Line("told", "nobody: no notification was made")
    for row in found:
        told = row.notification
        what = f"{told.notifier}: {told.kind.value} of {clock.at(told.created_ms)}"
        if row.message is None:
            wait = f"it gathers with others for up to {duration(settings.gather_ms)}, or a silence holds it"
            yield Line(
                "told", f"{what}: {row.state}; {wait if row.state == 'queued' else row.reason}".rstrip("; ")
            )
            continue
        message = messages.get(row.message)
        state = row.state if message is None else message.state
        carried = " (with others of a first judgement)" if told.batch else ""
        yield Line("told", f"{what} in {row.message}{carried}: {state}")
        for tried in attempts.get(row.message, ()):
            reason = f": {tried.reason}" if tried.reason else ""
            yield Line("attempt", f"{row.message} {clock.at(tried.at_ms)} {tried.outcome}{reason}")


def muted_lines(
    alert: Alert, notes: Iterable[Note], silences: Iterable[Silence], clock: Clock
) -> Iterator[Line]:
    """Silences that cover the alert, whether it is acked, and what people wrote about it."""
    every = tuple(silences)
    now = silenced_by(every, alert.id, alert.facts, clock.now_ms)
    if now is not None:
        yield Line("silence", f"silenced by {now.id}: {now.reason}")
    others = [one.id for one in every if one is not now and covers(one, alert.id, alert.facts)]
    if others:
        yield Line("silence", f"covered at other times by {', '.join(others)}")
    if now is None and not others:
        yield Line("silence", "none covers it")
    acked = "not acked"
    if alert.acked_ms is not None:
        acked = f"acked by {alert.acked_by or 'somebody'} at {clock.at(alert.acked_ms)}: no reminders, no escalation"
    yield Line("ack", acked)
    for one in notes:
        yield Line("note", f"by {one.by} at {clock.at(one.at_ms)}: {one.text}")
    if alert.held and alert.expires_ms is None:
        yield Line("gather", "it waits for the digest of the rule's first judgement on this exchange")
    elif alert.held:
        yield Line("gather", "it waits, a minute at most, for what may yet explain it")
    if alert.remind_at_ms is not None:
        yield Line("reminder", f"the next one is due at {clock.at(alert.remind_at_ms)}")
    if alert.escalate_at_ms is not None:
        yield Line("escalation", f"due at {clock.at(alert.escalate_at_ms)} unless somebody acks")


def _comparison(verdict: Verdict) -> str:
    value = figure(format(verdict.value, "f")) if verdict.value is not None else "unknown"
    if verdict.outlook is not None:
        words = words_of(verdict.outlook)
        holds = verdict.zone is Zone.QUALIFIES
        kind = verdict.severity.value if holds else "the condition does not hold"
        return f"{value}, {words.empty}, limit {words.limit}: {kind}; {words.rate}"
    limit = figure(format(verdict.threshold, "f")) if verdict.threshold is not None else "?"
    end = figure(format(verdict.clear_at, "f")) if verdict.clear_at is not None else limit
    if verdict.zone is Zone.QUALIFIES:
        return f"{value} {verdict.sign} {limit}: {verdict.severity.value}; ends at {end}"
    beyond = "under" if verdict.sign == "≥" else "over"
    if verdict.zone is Zone.BAND:
        return (
            f"{value} lies between the threshold {limit} and clear_at {end}: nothing begins, what fires stays"
        )
    return f"{value} is not {beyond} {limit}: the condition does not hold"


def _said(facts: Facts) -> str:
    """What a message says of it in one line: a headline like "is off by" goes on with the figure."""
    who = [facts.exchange, facts.label]
    if facts.value is None:
        return " ".join(part for part in (*who, facts.headline) if part)
    found = [facts.wallet, facts.asset, facts.headline, "to" if facts.window_ms is not None else ""]
    said = " ".join(part for part in (*who, *found, figure(facts.value), facts.quote) if part)
    return said if facts.perhaps is None else f"{said}, perhaps by {figure(facts.perhaps)}"


def _judged(facts: Facts, row: AlertRow, clock: Clock) -> str:
    found = relation(facts, ended=row.ended_ms is not None)
    if facts.window_ms is not None:
        compared = f"from {figure(facts.before or '')}: a step of {facts.threshold} within {duration(facts.window_ms)}"
        said = f"{facts.field} {figure(facts.value or '')} {compared}"
    elif facts.outlook is not None:
        words = words_of(facts.outlook)
        said = f"{facts.field} {figure(facts.value or '')}, {words.empty}, limit {words.limit}; {words.rate}"
    else:
        said = f"{facts.field} {figure(facts.value or '')} {found.sign} {found.limit}".strip()
    parts = [
        " ".join(part for part in (facts.exchange, facts.label, facts.wallet, facts.asset, said) if part)
    ]
    if facts.before is not None and facts.window_ms is None:
        before_at = "" if facts.before_ms is None else f" at {clock.at(facts.before_ms)}"
        parts.append(f"was {figure(facts.before)}{before_at}")
    if facts.held_ms:
        parts.append(f"held for {duration(facts.held_ms)}")
    if facts.readings:
        parts.append(f"{facts.readings} readings agreed")
    if facts.read_ms is not None:
        parts.append(f"read {clock.ago(facts.read_ms)}")
    return "; ".join(parts)

"""One alert as the templates see it: every figure, time and foreign text already fit to be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, NamedTuple

from notifiers.figures import difference, figure
from notifiers.message import Item
from notifiers.outlooks import words_of
from notifiers.relation import Relation, relation
from notifiers.text import tidy
from notifiers.times import duration, moment
from rules.facts import Facts
from rules.model import Severity
from rules.outcome import NotificationKind

DELAYED_AFTER_MS = 120_000
"""An event older than this is told with its age: it may no longer be so."""

LABEL_UNITS = 80
TEXT_UNITS = 300
NOTE_UNITS = 600  # whole, however wide its characters are
_ENDS = frozenset({NotificationKind.RESOLVED, NotificationKind.CLOSED})
_MOST_SHOWN = 8  # of wallets, identifiers, other figures and details


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a message is worded: where and when it is read, and how long one name in it may be.

    `charts` says that links lead to charts, because the message cannot carry one.
    """

    where: tzinfo
    now_ms: int
    public_url: str = ""
    name_units: int = LABEL_UNITS
    charts: bool = False


class View(NamedTuple):
    """Words and figures of one alert. "" and () stand for what is not known or not wanted.

    A tuple, because a storm makes two of each alert: a record of so many fields takes three times as long.
    """

    id: str
    kind: NotificationKind
    severity: str
    rank: int
    raised_from: str
    aged: str
    grown_from: str
    acked_by: str
    rule: str
    exchange: str
    label: str
    wallet: str
    wallets: tuple[str, ...]
    asset: str
    field: str
    quote: str
    headline: str
    value: str
    perhaps: str
    relation: Relation
    step: str
    within: str
    empty: str
    empty_limit: str
    empty_ends: str
    rate: str
    before: str
    before_at: str
    difference: str
    since: str
    held: str
    until: str
    read_ago: str
    readings: int
    fired: str
    lasted: str
    reason: str
    also: tuple[str, ...]
    not_watched: tuple[str, ...]
    details: tuple[str, ...]
    unread: str
    identifiers: tuple[str, ...]
    note: str
    runbook: str
    description: str
    happened: str
    delayed: str
    link: str
    chart: str = ""
    earlier: tuple[View, ...] = ()

    @property
    def ended(self) -> bool:
        return self.kind is NotificationKind.RESOLVED or self.kind is NotificationKind.CLOSED


def view(item: Item, reader: Reader, earlier: Sequence[Item] = ()) -> View:
    """The view of `item`; `earlier` are events of the same alert that the same message tells."""
    facts = item.facts

    def name(text: str) -> str:
        return tidy(text, reader.name_units)

    def at(time_ms: int | None) -> str:
        return "" if time_ms is None else moment(time_ms, reader.now_ms, reader.where)

    outlook = words_of(facts.outlook)
    firing = item.kind not in _ENDS
    return View(
        **_in_line(item, reader),
        aged="" if facts.aged_ms is None else duration(facts.aged_ms),
        acked_by=name(facts.acked_by),
        wallets=() if facts.wallet else tuple(name(x) for x in facts.wallets[:_MOST_SHOWN]),
        step="" if facts.window_ms is None or not facts.threshold else figure(facts.threshold),
        empty_ends=outlook.ends if firing and outlook.ends != outlook.limit else "",
        rate=outlook.rate,
        before_at=at(facts.before_ms),
        difference=_difference(facts),
        since=at(facts.since_ms),
        held=duration(facts.held_ms) if facts.held_ms > 0 else "",
        until=at(facts.until_ms),
        read_ago="" if facts.read_ms is None else duration(reader.now_ms - facts.read_ms),
        readings=facts.readings if firing else 0,  # they agreed on the onset, not on the end
        fired=at(facts.fired_ms),
        also=tuple(_also(entry, facts) for entry in facts.also[:_MOST_SHOWN]),
        details=tuple(tidy(x, TEXT_UNITS) for x in facts.details[:_MOST_SHOWN]),
        unread=f"Its books cannot be read since {at(facts.unread_ms)}: until they are, it stays as it was."
        if firing and facts.unread_ms is not None
        else "",
        identifiers=tuple(name(x) for x in facts.identifiers[:_MOST_SHOWN] if x != facts.label),
        note=_note(facts, at(facts.note_ms), reader),
        description=tidy(facts.description, TEXT_UNITS),
        happened=at(item.created_ms),
        link=f"{reader.public_url}/alerts/{item.alert_id}" if reader.public_url else "",
        chart=f"{reader.public_url}/alerts/{item.alert_id}/chart.png" if _has_chart(item, reader) else "",
        earlier=tuple(view(x, reader) for x in earlier),
    )


def glance(item: Item, reader: Reader) -> View:
    """As `view`, with no more than headings and counts want of an alert: of very many only few get a line."""
    facts = item.facts
    return _BLANK._replace(
        id=item.alert_id,
        kind=item.kind,
        severity=item.severity.value.upper(),
        rank=item.severity.rank,
        rule=tidy(facts.rule, reader.name_units),
        exchange=tidy(facts.exchange, reader.name_units),
        label=tidy(facts.label, reader.name_units),
        runbook=tidy(facts.runbook, TEXT_UNITS),
        not_watched=_not_watched(item, reader),
    )


def in_brief(item: Item, reader: Reader, earlier: Sequence[Item] = ()) -> View:
    """As `glance`, with what one line says of an alert; of the `earlier` ones it says that there are some."""
    return _BLANK._replace(**_in_line(item, reader), earlier=tuple(glance(x, reader) for x in earlier))


def _in_line(item: Item, reader: Reader) -> dict[str, Any]:
    """The fields of a view that one line, or what stands above many lines, may say."""
    facts = item.facts

    def name(text: str) -> str:
        return tidy(text, reader.name_units)

    outlook = words_of(facts.outlook)
    ended = item.kind in _ENDS
    age_ms = reader.now_ms - item.created_ms
    return {
        "id": item.alert_id,
        "kind": item.kind,
        "severity": item.severity.value.upper(),
        "rank": item.severity.rank,
        "raised_from": facts.raised_from.value.upper() if facts.raised_from else "",
        "rule": name(facts.rule),
        "grown_from": "" if facts.grown_from is None else figure(facts.grown_from),
        "exchange": name(facts.exchange),
        "label": name(facts.label),
        "wallet": name(facts.wallet),
        "asset": name(facts.asset),
        "field": name(facts.field),
        "quote": name(facts.quote),
        "headline": tidy(facts.headline, TEXT_UNITS),
        "value": "" if facts.value is None else figure(facts.value),
        "perhaps": "" if facts.perhaps is None or ended else figure(facts.perhaps),
        "relation": relation(facts, ended=ended) if facts.window_ms is None else Relation(),
        "within": "" if facts.window_ms is None else duration(facts.window_ms),
        "empty": outlook.empty,
        "empty_limit": outlook.limit,
        "before": "" if facts.before is None else figure(facts.before),
        "lasted": _lasted(item, reader.now_ms),
        "reason": tidy(facts.reason, TEXT_UNITS),
        "not_watched": _not_watched(item, reader),
        "runbook": tidy(facts.runbook, TEXT_UNITS),
        "delayed": duration(age_ms) if age_ms > DELAYED_AFTER_MS else "",
    }


def severity_of(name: str) -> Severity:
    """The severity that a view shows as `name`."""
    return Severity(name.lower())


def _has_chart(item: Item, reader: Reader) -> bool:
    """Whether there is one, and the reader is to be led to it."""
    return bool(reader.charts and reader.public_url) and is_charted(item)


def is_charted(item: Item) -> bool:
    """Whether it tells of a figure that has a course."""
    return item.facts.value is not None and bool(item.facts.field) and item.kind is not NotificationKind.TEST


def _note(facts: Facts, at: str, reader: Reader) -> str:
    """The last thing that a person wrote about it, and who when."""
    if not facts.note:
        return ""
    return f"{tidy(facts.note_by, reader.name_units)} at {at}: {tidy(facts.note, NOTE_UNITS)}"


def _difference(facts: Facts) -> str:
    return "" if facts.before is None or facts.value is None else difference(facts.before, facts.value)


def _lasted(item: Item, now_ms: int) -> str:
    """From firing to the end, or to now while it lasts."""
    facts = item.facts
    if facts.fired_ms is None:
        return ""
    ended_ms = item.created_ms if facts.ended_ms is None else facts.ended_ms
    return duration((ended_ms if item.kind in _ENDS else now_ms) - facts.fired_ms)


def _not_watched(item: Item, reader: Reader) -> tuple[str, ...]:
    named = () if item.kind in _ENDS else item.facts.not_watched[:_MOST_SHOWN]
    return tuple(tidy(one, reader.name_units) for one in named)


def _also(entry: tuple[str, str, str, str], facts: Facts) -> str:
    wallet, asset, field, amount = entry
    shown = wallet if len(facts.wallets) > 1 or wallet not in {facts.wallet, *facts.wallets} else ""
    words = [tidy(word, LABEL_UNITS) for word in (shown, asset, field) if word]
    return " ".join([*words, figure(amount)])


_BLANK = view(
    Item("", NotificationKind.TEST, Severity.INFO, Facts("", "", "", Severity.INFO), 0), Reader(UTC, 0)
)

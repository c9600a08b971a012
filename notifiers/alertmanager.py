"""A notifier that is an Alertmanager: alerts as labels and annotations, posted to its API v2 and kept alive.

The labels say what the alert is about and nothing of who says so, so that two daemons that watch the same exchange
are one alert there: deduplicated, grouped, silenced and routed by Alertmanager. What differs stands in annotations.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from notifiers.address import printable
from notifiers.alertmanager_api import SCHEMAS, Api
from notifiers.alertmanager_has import Has, Labels, UnseenError, labels_in, labels_of, queries
from notifiers.message import Item, Kept, Message, Wording
from notifiers.outcome import Result, SendOutcome
from notifiers.pictures import Charts
from notifiers.summary import one_line, words_of
from notifiers.text import tidy
from notifiers.times import zone
from notifiers.view import LABEL_UNITS, Reader, View, view
from notifiers.wording import LIMIT_UNITS
from rules.model import Severity
from rules.outcome import NotificationKind

KEEP_EVERY_SECONDS: Final = 60.0
LIVES_MS: Final = 5 * 60_000
"""How long an alert lives there without a word of ours: several missed ones are no end."""

MOST_ALERTS: Final = 500  # in one request
FRESH_MS: Final = 10_000
"""An event older than this has waited, and another daemon may have told of its end meanwhile."""

LOOK_SECONDS: Final = 5.0
_MOST_UNITS = 2_000
_NEVER_STALE = {NotificationKind.RESOLVED, NotificationKind.CLOSED, NotificationKind.TEST}
_OF_NO_READING = {NotificationKind.REMINDER, NotificationKind.ESCALATED}
_MANY_EVENTS = {"account_status", "balance_change"}
"""One rule of these types tells of different events of one subject: without a label of it they would be one alert."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AlertmanagerWay:
    """Posts to the one Alertmanager that `url` names. Raises BadUrl."""

    limit_units = LIMIT_UNITS
    charts = Charts.NONE
    keep_every_seconds = KEEP_EVERY_SECONDS

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._has = Has()
        self._kept_ms = 0  # when what is active was last looked at to keep it alive
        self._api = Api(url)
        self.address = printable(url, host_is_public=True)

    def __repr__(self) -> str:
        return f"AlertmanagerWay({self.name!r}, {self.address!r})"

    def close(self) -> None:
        """There is nothing to let go of: every request has a connection of its own."""

    async def send(self, wording: Wording, timeout_seconds: float, message: Message | None = None) -> Result:
        """Post every alert of the message as it now is; `wording` gives the first one's words."""
        if message is None:
            raise ValueError("an Alertmanager takes alerts, not words alone")
        last: dict[str, Item] = {}
        for item in message.items:
            last[item.alert_id] = item  # of several events of one alert the last one counts
        now_ms = _now_ms()
        posts = [(item, one) for item in last.values() for one in _alerts(item, now_ms, message.id)]
        if len(last) == 1:
            posts[0][1]["annotations"]["description"] = tidy(wording.body.replace("\n", " · "), _MOST_UNITS)
        waited = {
            item.alert_id: _alertname(item)
            for item in last.values()
            if item.kind not in _NEVER_STALE and now_ms - item.created_ms > FRESH_MS
        }
        if waited and not await self._look(set(waited.values()), set(), timeout_seconds):
            posts = [
                (item, one)
                for item, one in posts
                if item.alert_id not in waited or _is_lesser(item, one) or self._is_news(item, one)
            ]
        return await self._post([one for _, one in posts], timeout_seconds)

    async def keep(self, kept: Sequence[Kept], timeout_seconds: float) -> Result:
        """Say that these alerts still fire; Alertmanager would call them resolved after a time without a word."""
        now_ms = _now_ms()
        posts = [(one, _alert(one.item, one.item.severity, now_ms, ended=False)) for one in kept if one.told]
        names = {_alertname(one.item) for one in kept}
        self._has.forget_others(names)
        unseen = await self._look(names, {labels_of(alert) for _, alert in posts}, timeout_seconds)
        if not unseen:
            posts = [(one, alert) for one, alert in posts if self._stands(one, labels_of(alert))]
            self._kept_ms = _now_ms()
        result = await self._post([alert for _, alert in posts], timeout_seconds)
        return replace(result, reason=result.reason or unseen)

    def _is_news(self, item: Item, alert: dict[str, Any]) -> bool:
        """Whether an event that waited is told: not where another daemon has raised it or ended it meanwhile."""
        labels = labels_of(alert)
        gone_ms = self._has.gone_ms(labels)
        if gone_ms is None:
            return self._has.is_active(labels) or not self._has.graver_is_active(labels)
        return item.kind not in _OF_NO_READING and item.created_ms > gone_ms

    def _stands(self, kept: Kept, labels: Labels) -> bool:
        """Whether an alert is kept alive: where it is there, or where a reading of ours is newer than its absence.

        Then nobody has ended it: Alertmanager has lost it.
        """
        if self._has.is_active(labels):
            return True
        gone_ms = self._has.gone_ms(labels)
        if gone_ms is None or self._has.graver_is_active(labels):
            return False
        shown_ms = kept.shown_since_ms()
        # What no reading judges this daemon judges by time: it has done so since the last look.
        return gone_ms <= self._kept_ms if shown_ms is None else gone_ms < shown_ms

    async def _look(self, names: AbstractSet[str], told: AbstractSet[Labels], timeout_seconds: float) -> str:
        """See what is active of these names; why that cannot be seen, "" where it was."""
        found: set[Labels] = set()
        try:
            for query in queries(names):
                found |= labels_in(await self._api.active(query, min(timeout_seconds, LOOK_SECONDS)))
        except UnseenError as error:
            return f"what is active there cannot be seen: {error}"
        self._has.looked(names, found, told, _now_ms())
        return ""

    async def _post(self, alerts: Sequence[dict[str, Any]], timeout_seconds: float) -> Result:
        result = Result(SendOutcome.DELIVERED)
        for begin in range(0, len(alerts), MOST_ALERTS):
            some = alerts[begin : begin + MOST_ALERTS]
            result = await self._api.post(some, timeout_seconds)
            if result.outcome is not SendOutcome.DELIVERED:
                break  # to post again what arrived changes nothing there
            now = _iso(_now_ms())
            for alert in some:
                (self._has.ended if alert["endsAt"] <= now else self._has.posted)(labels_of(alert))
        return result


def _alerts(item: Item, now_ms: int, message_id: str) -> Iterator[dict[str, Any]]:
    """The alert as it now is, and where it was raised the end of the lesser one: severity is a label."""
    ended = item.kind in {NotificationKind.RESOLVED, NotificationKind.CLOSED}
    yield _alert(item, item.severity, now_ms, ended=ended, message_id=message_id)
    lesser = item.facts.raised_from
    if lesser is not None and lesser is not item.severity:
        yield _alert(item, lesser, now_ms, ended=True, message_id=message_id)


def _is_lesser(item: Item, alert: dict[str, Any]) -> bool:
    return bool(alert["labels"]["severity"] != item.severity.value)


def _alert(
    item: Item, severity: Severity, now_ms: int, *, ended: bool, message_id: str = ""
) -> dict[str, Any]:
    a = view(item, Reader(zone("UTC"), now_ms))
    ends_ms = now_ms + LIVES_MS
    if ended:
        ends_ms = min(item.facts.ended_ms or now_ms, now_ms)
    starts_ms = min(item.facts.fired_ms or item.created_ms, ends_ms)
    return {
        "labels": {name: value for name, value in _labels(item, a, severity) if value},
        "annotations": {name: value for name, value in _annotations(item, a, message_id) if value},
        "startsAt": _iso(starts_ms),
        "endsAt": _iso(ends_ms),
    }


def _labels(item: Item, a: View, severity: Severity) -> Iterator[tuple[str, str]]:
    """Whatever is the same on every daemon that sees this."""
    test = item.kind is NotificationKind.TEST
    yield "alertname", _alertname(item)
    yield from (("exchange", a.exchange), ("account", a.label), ("asset", a.asset), ("wallet", a.wallet))
    yield from (("field", a.field), ("severity", severity.value), ("test", "true" if test else ""))
    yield "event", a.headline if item.facts.type in _MANY_EVENTS else ""


def _alertname(item: Item) -> str:
    return tidy(item.facts.rule, LABEL_UNITS) or "subtally test"


def _annotations(item: Item, a: View, message_id: str) -> Iterator[tuple[str, str]]:
    yield "summary", f"{words_of(a)} {one_line(a, where=True)}".rstrip(" ·")
    yield "description", tidy(" · ".join([*a.details, a.description, a.reason]).strip(" ·"), _MOST_UNITS)
    yield "note", a.note
    yield from (("runbook_url", a.runbook), ("alert", item.alert_id), ("message", message_id))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _iso(at_ms: int) -> str:
    return (_EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


__all__ = ["SCHEMAS", "AlertmanagerWay"]

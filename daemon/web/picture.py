"""The chart of one alert as a PNG, for messages and for whoever follows their link."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from daemon.web.alerts import AlertPage, course_of, read_alert
from notifiers.drawing.chart import Chart, Event, Limit, draw
from notifiers.message import Item
from notifiers.times import zone
from notifiers.view import Reader, View, view
from rules.builtin_names import STALE_ACCOUNT, STALE_EXCHANGE
from rules.outcome import NotificationKind
from state.queries import AlertFilter, AlertRow
from state.store import Store

__all__ = ["gaps_of", "picture", "read_picture"]

GAPS_MOST: Final = 20
_UNREAD_MS: Final = 120_000
"""Without a reading for longer than this the course ends there; less is the ordinary wait for the next one."""

_ENDS: Final = {"resolved": NotificationKind.RESOLVED, "closed": NotificationKind.CLOSED}
_EVENT_INKS: Final = {"resolved": "good", "closed": "muted"}

Gap = tuple[int, int]


def read_picture(store: Store, alert_id: str, now_ms: int, timezone: str) -> bytes | None:
    """The chart of the alert with this id; None where there is none, or it has no figure to draw."""
    page = read_alert(store, alert_id, now_ms, timezone)
    return None if page is None else picture(page, gaps_of(store, page))


def picture(page: AlertPage, gaps: tuple[Gap, ...] = ()) -> bytes | None:
    """The course of the judged figure around the event; `gaps` are known times without readings."""
    course = course_of(page)
    if course is None:
        return None
    a = _told(page)
    facts, row = page.facts, page.row
    severity = row.alert.severity.value
    end_ms = course.end_ms
    if page.traces and row.ended_ms is None:
        read_ms = max(trace.read_ms for trace in page.traces)
        if page.now_ms - read_ms > _UNREAD_MS:
            end_ms = page.now_ms
            gaps = (*gaps, (read_ms, end_ms))
    threshold, clear_at = course.limits
    limits: tuple[Limit, ...] = ()
    if threshold is not None and facts.window_ms is None:  # of a change it is a step, and no level
        limits = (Limit(threshold, "threshold", severity),)
        if clear_at is not None and clear_at != threshold:
            limits = (*limits, Limit(clear_at, "ends at", "good"))
    return draw(
        Chart(
            points=tuple(course.points),
            start_ms=_begin(course.points, course.start_ms),
            end_ms=end_ms,
            who=" · ".join(part for part in (a.exchange, a.label) if part),
            what=" ".join(part for part in (a.wallet, a.asset, a.field) if part),
            says=_says(a),
            says_ink="good" if row.state in _ENDS else severity,
            limits=limits,
            events=tuple(Event(at, kind, _EVENT_INKS.get(kind, severity)) for at, kind in course.marks),
            gaps=gaps,
            where=zone(page.timezone),
        )
    )


def _says(a: View) -> str:
    """`18,250.5 < 20,000`, and what it is measured in."""
    limit = (a.relation.sign, a.relation.limit) if a.relation.sign and a.kind != "closed" else ()
    return " ".join(part for part in (a.value, *limit, a.quote) if part)


def _told(page: AlertPage) -> View:
    """The words and figures that the message has."""
    row = page.row
    kind = _ENDS.get(row.state, NotificationKind.FIRING)
    item = Item(row.alert.id, kind, row.alert.severity, page.facts, row.alert.since_ms)
    return view(item, Reader(zone(page.timezone), page.now_ms))


def _begin(points: list[tuple[int, Decimal | None]], start_ms: int) -> int:
    """What was never seen is no gap: the chart of a young account begins with its first reading."""
    return max(start_ms, min((at_ms for at_ms, _ in points), default=start_ms))


def gaps_of(store: Store, page: AlertPage) -> tuple[Gap, ...]:
    """When the account, or all of its exchange, was told as stale: from the last reading before to the end."""
    subject = page.row.alert.key.subject
    found = store.alerts_where(
        AlertFilter(exchange=subject.exchange, rule=STALE_EXCHANGE), limit=GAPS_MOST
    ).rows
    if subject.account is not None:
        own = AlertFilter(exchange=subject.exchange, accounts=(subject.account,), rule=STALE_ACCOUNT)
        found += store.alerts_where(own, limit=GAPS_MOST).rows
    return tuple((_last_read(one), page.now_ms if one.ended_ms is None else one.ended_ms) for one in found)


def _last_read(row: AlertRow) -> int:
    read_ms = row.alert.facts.read_ms
    return row.alert.since_ms if read_ms is None else read_ms

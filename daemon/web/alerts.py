"""Everything known of one alert: read on the reader's thread, and drawn."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from daemon.silencing import end_of
from daemon.web.chart import Chart, chart
from daemon.web.series import Point, of_field
from rules.facts import Facts
from rules.outcome import Transition
from rules.ruleset import Silence
from rules.silences import covers
from state.orders import Order
from state.queries import AlertRow, NotificationRow
from state.store import Store
from state.traces import Trace

__all__ = ["AlertPage", "Course", "acked", "chart_of", "course_of", "points_of", "read_alert", "silenced"]

TOLD_MOST: Final = 200
_MINUTE_MS: Final = 60_000
_LEAD_LEAST_MS: Final = 30 * _MINUTE_MS
_LEAD_MOST_MS: Final = 24 * 60 * _MINUTE_MS
_MARKED: Final = frozenset({"firing", "resolved", "closed"})


@dataclass(frozen=True, slots=True)
class AlertPage:
    """All that the page of one alert shows. `transitions` and `orders` are in their order, `notifications` in any.

    `traces` are the balances that the judged figure is made of, `silences` those that people made and that cover it.
    """

    now_ms: int
    row: AlertRow
    transitions: tuple[Transition, ...] = ()
    notifications: tuple[NotificationRow, ...] = ()
    orders: tuple[Order, ...] = ()
    timezone: str = "UTC"
    traces: tuple[Trace, ...] = ()
    silences: tuple[Silence, ...] = ()

    @property
    def facts(self) -> Facts:
        """As last judged, or as its end was told."""
        return self.row.ending or self.row.alert.facts


def read_alert(store: Store, alert_id: str, now_ms: int, timezone: str) -> AlertPage | None:
    """The page of the alert with this id; None where no alert ever had it."""
    row = store.alert(alert_id)
    if row is None:
        return None
    facts = row.ending or row.alert.facts
    subject = row.alert.key.subject
    traces: tuple[Trace, ...] = ()
    if subject.account is not None and facts.field and facts.field != "value":
        since_ms = _start_ms(row, now_ms)
        wallets = {facts.wallet} if facts.wallet else set(facts.wallets)
        found = store.trace(subject.account, subject.asset, since_ms)
        traces = tuple(trace for trace in found if not wallets or trace.wallet in wallets)
    return AlertPage(
        now_ms=now_ms,
        row=row,
        transitions=store.transitions(alert_id),
        notifications=store.notifications(alert_id=alert_id, limit=TOLD_MOST).rows,
        orders=store.orders_of(alert_id),
        timezone=timezone,
        traces=traces,
        silences=tuple(one for one in store.live_silences(now_ms) if covers(one, alert_id, row.alert.facts)),
    )


def acked(page: AlertPage) -> tuple[int | None, str]:
    """When and by whom it was acked; also where the engine has yet to hear of it."""
    alert = page.row.alert
    acks = [order for order in page.orders if order.kind == "ack"]
    if alert.acked_ms is not None or not acks:
        return alert.acked_ms, alert.acked_by
    last_ms = max((step.at_ms for step in page.transitions), default=0)
    # A raise after it was acked undoes the ack: that nobody has seen.
    return (acks[-1].at_ms, acks[-1].by) if acks[-1].at_ms >= last_ms else (None, "")


def silenced(page: AlertPage) -> list[str]:
    """Who keeps it silent until when, in words."""
    return [f"{one.id} by {one.by} until {end_of(one, page.now_ms)}: {one.reason}" for one in page.silences]


def points_of(page: AlertPage) -> list[Point]:
    """The judged figure over time: from the balances it is made of, else as it was at each step of the alert."""
    if page.traces:
        return of_field(page.traces, page.facts.field)
    facts = page.facts
    found: list[Point] = []
    before = _number(facts.before)
    if before is not None and facts.before_ms is not None:
        found.append((facts.before_ms, before))
    found += [(step.at_ms, value) for step in page.transitions if (value := _number(step.value)) is not None]
    return sorted(found, key=lambda point: point[0])


@dataclass(frozen=True, slots=True)
class Course:
    """A figure from `start_ms` to `end_ms`, with threshold and end of its alert, and what happened as (when, what)."""

    points: list[Point]
    start_ms: int
    end_ms: int
    limits: tuple[Decimal | None, Decimal | None]
    marks: list[tuple[int, str]]


def chart_of(page: AlertPage) -> Chart | None:
    """The figure around the event with its threshold; None where the alert has no figure."""
    course = course_of(page)
    return (
        None
        if course is None
        else chart(course.points, course.start_ms, course.end_ms, course.limits, course.marks)
    )


def course_of(page: AlertPage) -> Course | None:
    """What charts of the alert are drawn from; None where it has no figure."""
    points = points_of(page)
    if not points:
        return None
    facts, row = page.facts, page.row
    end_ms = min(
        page.now_ms, page.now_ms if row.ended_ms is None else row.ended_ms + _lead_ms(row, page.now_ms)
    )
    if page.traces and row.ended_ms is None:
        end_ms = max(trace.read_ms for trace in page.traces)
    limits = (_number(facts.threshold), _number(facts.clear_at))
    marks = [(step.at_ms, step.after) for step in page.transitions if step.after in _MARKED]
    return Course(points, _start_ms(row, page.now_ms), end_ms, limits, marks)


def _start_ms(row: AlertRow, now_ms: int) -> int:
    return row.alert.since_ms - _lead_ms(row, now_ms)


def _lead_ms(row: AlertRow, now_ms: int) -> int:
    """How much is shown of the time before, and after: as long as it lasted, within reason."""
    end_ms = now_ms if row.ended_ms is None else row.ended_ms
    return min(max(end_ms - row.alert.since_ms, _LEAD_LEAST_MS), _LEAD_MOST_MS)


def _number(text: str | None) -> Decimal | None:
    try:
        return Decimal(text) if text else None
    except InvalidOperation:  # a step in percent
        return None

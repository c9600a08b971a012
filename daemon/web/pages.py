"""The pages: what is watched and what is wrong, and everything known of one alert. Plain HTML."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from daemon.snapshot import Snapshot
from daemon.web.times import Clock
from notifiers.figures import figure
from notifiers.message import Item
from notifiers.text import clean, tidy
from notifiers.times import duration, zone
from notifiers.view import Reader, View, view
from rules.outcome import NotificationKind, Transition
from rules.world import Alert
from state.orders import Order
from state.queries import AlertRow, NotificationRow

__all__ = ["AlertPage", "alert_page", "error_page", "load", "status_page"]

ALERTS_MOST = 300
"""Alerts on the status page, the gravest first; the others are counted. It is loaded every few seconds."""

STEPS_MOST = 200
TEXT_UNITS = 300
_ENDS = {"resolved": NotificationKind.RESOLVED, "closed": NotificationKind.CLOSED}
_STATE_ORDER = {"firing": 0, "pending": 1}
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class AlertPage:
    """All that the page of one alert shows. `transitions` and `orders` are in their order, `notifications` in any."""

    now_ms: int
    row: AlertRow
    transitions: tuple[Transition, ...] = ()
    notifications: tuple[NotificationRow, ...] = ()
    orders: tuple[Order, ...] = ()
    timezone: str = "UTC"


def load() -> None:
    """Compile the pages now: the first reader would otherwise hold up the watch for a tenth of a second."""
    for name in ("status", "alert", "error"):
        _template(name)


def status_page(snapshot: Snapshot, *, root: str) -> str:
    """Exchanges, alerts and notifiers. `root` is the relative link to this page."""
    reader = Reader(zone(snapshot.timezone), snapshot.now_ms)
    ordered = sorted(snapshot.alerts, key=_gravity)
    return _template("status").render(
        root=root,
        now=snapshot,
        clock=Clock(snapshot.now_ms, snapshot.timezone),
        alerts=[(alert, _view(alert, alert.state, reader)) for alert in ordered[:ALERTS_MOST]],
        more=len(ordered[ALERTS_MOST:]),
        counts={state: sum(alert.state == state for alert in ordered) for state in _STATE_ORDER},
    )


def alert_page(page: AlertPage, *, root: str, can_ack: bool = False) -> str:
    """The facts, the life and the telling of one alert, and how to ack it; `can_ack` puts a form there."""
    row = page.row
    acked_ms, acked_by = _acked(page)
    unseen = row.state == "firing" and acked_ms is None
    reader = Reader(zone(page.timezone), page.now_ms, name_units=TEXT_UNITS)
    facts = row.ending or row.alert.facts
    runbook = clean(facts.runbook)
    return _template("alert").render(
        root=root,
        clock=Clock(page.now_ms, page.timezone),
        alert=row.alert,
        a=_view(row.alert, row.state, reader, row),
        state=row.state,
        ended_ms=row.ended_ms,
        reason=tidy(row.reason or facts.reason, TEXT_UNITS),
        runbook=runbook,
        linked=runbook.casefold().startswith(("https://", "http://")),
        acked_ms=acked_ms,
        acked_by=acked_by,
        form=unseen and can_ack,
        hint=unseen and not can_ack,
        # A page that renews itself would take away what is being typed.
        renewed=row.ended_ms is None and not (unseen and can_ack),
        steps=page.transitions[-STEPS_MOST:],
        told=sorted(page.notifications, key=lambda row: (row.notification.created_ms, row.id))[-STEPS_MOST:],
    )


def error_page(status: HTTPStatus, text: str, *, root: str) -> str:
    """What went wrong, in one sentence."""
    return _template("error").render(root=root, status=int(status), phrase=status.phrase, text=text)


def _acked(page: AlertPage) -> tuple[int | None, str]:
    """When and by whom it was acked; also where the engine has yet to hear of it."""
    alert = page.row.alert
    acks = [order for order in page.orders if order.kind == "ack"]
    if alert.acked_ms is not None or not acks:
        return alert.acked_ms, alert.acked_by
    last_ms = max((step.at_ms for step in page.transitions), default=0)
    # A raise after it was acked undoes the ack: that nobody has seen.
    return (acks[-1].at_ms, acks[-1].by) if acks[-1].at_ms >= last_ms else (None, "")


def _gravity(alert: Alert) -> tuple[int, int, int, str]:
    """Firing before pending, then the most severe, then the newest."""
    return (_STATE_ORDER.get(alert.state, 2), -alert.severity.rank, -alert.since_ms, alert.id)


def _view(alert: Alert, state: str, reader: Reader, row: AlertRow | None = None) -> View:
    """The words and figures that a message would have: the page must not say it differently."""
    kind = _ENDS.get(state, NotificationKind.FIRING)
    facts = alert.facts if row is None else row.ending or alert.facts
    ended_ms = None if row is None else row.ended_ms
    happened_ms = alert.since_ms if ended_ms is None else ended_ms
    return view(Item(alert.id, kind, alert.severity, facts, happened_ms), reader)


def _subject(parts: Iterable[str]) -> str:
    return " ".join(part for part in parts if part)


@cache
def _template(name: str) -> Template:
    return _environment().get_template(f"{name}.html")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    # Foreign text loses what could rewrite its line (direction marks, controls); autoescape sees to markup.
    environment.filters |= {
        "figure": figure,
        "duration": duration,
        "subject": _subject,
        "tidy": lambda text: tidy(text, TEXT_UNITS),
    }
    return environment

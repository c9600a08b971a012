"""The pages as HTML: pure, from plain values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.exchanges.base import Usage
from daemon.snapshot import Snapshot
from daemon.web.alerts import AlertPage, acked, chart_of, silenced
from daemon.web.board import AccountPage, Accounts, Board, RuleLine, Told
from daemon.web.timeline import steps_of
from daemon.web.times import Clock
from notifiers.figures import figure
from notifiers.message import Item
from notifiers.text import clean, tidy
from notifiers.times import duration, zone
from notifiers.view import Reader, View, view
from rules.outcome import NotificationKind
from rules.world import Alert
from state.queries import BREAK_TYPE, AlertRow

if TYPE_CHECKING:
    from jinja2 import Environment, Template

__all__ = [
    "Viewer",
    "account_page",
    "accounts_page",
    "alert_page",
    "error_page",
    "load",
    "login_page",
    "rules_page",
    "status_page",
    "told_page",
]

ALERTS_MOST = 300
"""Alerts on the status page, the gravest first; the others are counted. It is loaded every few seconds."""

STEPS_MOST = 200
BREAKS_MOST = 50
RULES_SHOWN = 20
LIMITS_SHOWN = 3
TEXT_UNITS = 300
_ENDS = {"resolved": NotificationKind.RESOLVED, "closed": NotificationKind.CLOSED}
_STATE_ORDER = {"firing": 0, "pending": 1}
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: `root` is the relative link to the status page, `by` who has logged in."""

    root: str
    can_change: bool = False
    by: str = ""


def load() -> None:
    """Compile the pages now: the first reader would otherwise hold up the watch for a tenth of a second."""
    for name in ("status", "alert", "error", "accounts", "account", "notifications", "rules", "login"):
        _template(name)


def status_page(snapshot: Snapshot, viewer: Viewer, board: Board | None = None) -> str:
    """What fires, and everything that is watched; `board` is None where the state cannot be read."""
    reader = Reader(zone(snapshot.timezone), snapshot.now_ms)
    ordered = sorted(snapshot.alerts, key=_gravity)
    unseen = [alert for alert in ordered if alert.state == "firing" and alert.acked_ms is None]
    return _template("status").render(
        viewer=viewer,
        root=viewer.root,
        here="status",
        now=snapshot,
        clock=Clock(snapshot.now_ms, snapshot.timezone),
        alerts=[(alert, _view(alert, alert.state, reader)) for alert in ordered[:ALERTS_MOST]],
        more=len(ordered[ALERTS_MOST:]),
        breaks=[(alert, _view(alert, alert.state, reader)) for alert in ordered if alert.type == BREAK_TYPE][
            :BREAKS_MOST
        ],
        counts={state: sum(alert.state == state for alert in ordered) for state in _STATE_ORDER},
        gravest=unseen[0].severity.value if unseen else "",
        dead=sum(one.dead for one in snapshot.notifiers),
        board=board,
        rules_most=RULES_SHOWN,
    )


def alert_page(page: AlertPage, viewer: Viewer) -> str:
    """The facts, the course, the life and the telling of one alert, and what can be ordered about it."""
    row = page.row
    acked_ms, acked_by = acked(page)
    facts = page.facts
    reader = Reader(zone(page.timezone), page.now_ms, name_units=TEXT_UNITS)
    runbook = clean(facts.runbook)
    firing = row.state == "firing"
    return _template("alert").render(
        viewer=viewer,
        root=viewer.root,
        here="alert",
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
        notes=row.notes,
        silences=silenced(page),
        can_ack=firing and acked_ms is None,
        can_silence=row.ended_ms is None,
        chart=chart_of(page),
        steps=steps_of(page)[:STEPS_MOST],
        told=sorted(page.notifications, key=lambda row: (row.notification.created_ms, row.id))[-STEPS_MOST:],
    )


def accounts_page(snapshot: Snapshot, viewer: Viewer, accounts: Accounts) -> str:
    """One page of accounts."""
    return _template("accounts").render(**_frame(snapshot, viewer, "accounts"), accounts=accounts)


def account_page(snapshot: Snapshot, viewer: Viewer, page: AccountPage) -> str:
    """One account with all that it holds and what is wrong with it."""
    reader = Reader(zone(snapshot.timezone), snapshot.now_ms)
    key = page.line.account.key
    alerts = sorted((one for one in snapshot.alerts if one.key.subject.account == key), key=_gravity)
    return _template("account").render(
        **_frame(snapshot, viewer, "account"),
        page=page,
        line=page.line,
        account=page.line.account,
        alerts=[(alert, _view(alert, alert.state, reader)) for alert in alerts[:ALERTS_MOST]],
    )


def told_page(snapshot: Snapshot, viewer: Viewer, told: Told) -> str:
    """One page of notifications, the dead ones first."""
    return _template("notifications").render(**_frame(snapshot, viewer, "notifications"), told=told)


def rules_page(snapshot: Snapshot, viewer: Viewer, rules: Sequence[RuleLine]) -> str:
    """Every rule with its subjects and when it fired last."""
    return _template("rules").render(**_frame(snapshot, viewer, "rules"), rules=rules, rules_most=len(rules))


def login_page(*, root: str, wanted: str = "", fault: str = "") -> str:
    """The form to log in with; `wanted` is the page that follows."""
    return _template("login").render(root=root, wanted=wanted, fault=fault, viewer=Viewer(root), here="login")


def error_page(status: HTTPStatus, text: str, *, root: str) -> str:
    """What went wrong, in one sentence."""
    return _template("error").render(
        root=root, status=int(status), phrase=status.phrase, text=text, viewer=Viewer(root), here="error"
    )


def _frame(snapshot: Snapshot, viewer: Viewer, here: str) -> dict[str, Any]:
    """What every page about the daemon needs."""
    clock = Clock(snapshot.now_ms, snapshot.timezone)
    return {"viewer": viewer, "root": viewer.root, "here": here, "now": snapshot, "clock": clock}


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


def _busiest(usage: Sequence[Usage]) -> list[Usage]:
    """The limits of which most is in use."""
    used = [one for one in usage if one.used]
    return sorted(used, key=lambda one: (-one.used / max(one.slots, 1), one.endpoint))[:LIMITS_SHOWN]


@cache
def _template(name: str) -> Template:
    return _environment().get_template(f"{name}.html")


@cache
def _environment() -> Environment:
    # The pages are served before anybody asks for one: a start does not wait for what makes them.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

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
        "busiest": _busiest,
        "tidy": lambda text: tidy(text, TEXT_UNITS),
    }
    return environment

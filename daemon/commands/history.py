"""`subtally history`: what happened, who was told, and who did what, in the order of time."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from daemon.commands.options import wants_json
from daemon.commands.output import Column, amount, note, now_ms, print_json, print_table
from daemon.commands.sparkline import sparkline
from daemon.commands.state_file import PAGE_ROWS, accounts_called, every_row, open_state
from daemon.commands.watching import shown, watch_option
from daemon.errors import FoundFault
from daemon.plain import label_of, plain_happened, silence_in
from daemon.silencing import end_of, selection_of
from daemon.web.alerts import points_of, read_alert
from daemon.web.series import Point
from notifiers.times import moment, zone
from rules.outcome import Transition
from state.history import HISTORY_MOST, Happened, Tried
from state.orders import Order
from state.queries import NotificationRow
from state.store import Store


class Duration(click.ParamType[int]):
    """As in the rules file: `24h`, `90m`, `1d12h`; in milliseconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        from pydantic_core import PydanticCustomError

        from daemon.config.scalars import read_duration

        try:
            return read_duration(value)
        except PydanticCustomError as error:
            said = error.context or {}
            self.fail(f"{said.get('message')}: {said.get('hint')}", param, ctx)


@click.command(
    epilog="Example: subtally history --alert A7F3    Example: subtally history --since 24h --json"
)
@click.option("--alert", metavar="ID", help="Only what concerns this alert.")
@click.option(
    "--account",
    metavar="NAME",
    help="Only what concerns alerts of this account: any of its names, or our id.",
)
@click.option("--since", type=Duration(), metavar="DURATION", help="Only what happened so long ago or later.")
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=HISTORY_MOST - 1),
    default=200,
    show_default=True,
    metavar="ROWS",
    help="Print so many rows at most: the last ones.",
)
@watch_option
@click.pass_context
def history(
    context: click.Context,
    alert: str | None,
    account: str | None,
    since: int | None,
    limit: int,
    watch: float | None,
) -> None:
    """Tell what happened, the oldest first and of much the last: steps of alerts, notifications and every
    attempt to deliver them, silences, acks, notes and retries with who made them, edits of the rules file.

    Of an alert or an account that includes the silences that cover it. Balances are not part of it; on a terminal
    a small line shows how the judged figure had moved until each step of its alert.
    """
    shown(watch, lambda: _show(context, alert, account, since, limit))


def _show(
    context: click.Context, alert: str | None, account: str | None, since: int | None, limit: int
) -> None:
    now = now_ms()
    since_ms = 0 if since is None else now - since
    with open_state(context) as store:
        found = store.history(_alerts(store, alert, account), since_ms=since_ms, limit=limit + 1)
        labels = _labels(store)
        rows = found[-limit:]
        courses = _courses(store, rows, now) if sys.stdout.isatty() else []
    if len(found) > limit:
        note(f"only the last {limit} are shown: --limit shows more")
    if wants_json(context):
        print_json([plain_happened(one, labels) for one in rows])
        return
    if not rows:
        note("nothing on record")
    titles = ["at", "event", "id", "by", "what"]
    cells = [_cells(one, labels, now) for one in rows]
    if any(courses):
        titles.insert(4, "course")
        for line, course in zip(cells, courses, strict=True):
            line.insert(4, course)
    print_table([Column(title) for title in titles], cells)


def _courses(store: Store, rows: Sequence[Happened], now: int) -> list[str]:
    """How the judged figure had moved until each step of an alert; "" where there is no figure."""
    points: dict[str, list[Point]] = {}
    courses = []
    for one in rows:
        if not isinstance(one.what, Transition) or one.what.value is None:
            courses.append("")
            continue
        ident = one.what.alert
        if ident not in points:
            page = read_alert(store, ident, now, "UTC")
            points[ident] = [] if page is None else points_of(page)
        until = [point for point in points[ident] if point[0] <= one.at_ms]
        courses.append(sparkline(until, 0, one.at_ms))
    return courses


def _alerts(store: Store, alert: str | None, account: str | None) -> frozenset[str] | None:
    """The alerts that are meant, None for all."""
    wanted: frozenset[str] | None = None
    if account is not None:
        keys = [found.key for found in accounts_called(store, None, account)]
        wanted = store.alerts_of_accounts(keys)
    if alert is not None:
        ident = alert.strip().upper()
        if not store.transitions(ident):
            raise FoundFault(f"nothing is on record of an alert {alert!r}")
        wanted = frozenset({ident}) if wanted is None else wanted & {ident}
    return wanted


def _labels(store: Store) -> Mapping[int, str]:
    every = every_row(lambda after: store.accounts(after=after, limit=PAGE_ROWS))
    return {account.key: account.label for account in every}


def _cells(one: Happened, labels: Mapping[int, str], now: int) -> list[str]:
    at = moment(one.at_ms, now, zone("UTC"))
    match one.what:
        case Transition() as step:
            return [at, step.after, step.alert, "", _step(step, labels)]
        case NotificationRow() as row:
            told = row.notification
            became = f"{row.state}{f' in {row.message}' if row.message else ''}"
            return [at, "notification", told.alert, told.notifier, f"{told.kind.value}: {became}"]
        case Tried() as tried:
            attempt = tried.attempt
            carries = ", ".join(tried.alerts[:5]) + (", …" if len(tried.alerts) > 5 else "")  # noqa: PLR2004
            said = "; ".join(
                part for part in (attempt.reason, f"carries {carries}" if carries else "") if part
            )
            return [at, f"attempt {attempt.outcome}", attempt.message, attempt.notifier, said]
        case Order() as order:
            return [at, order.kind, order.subject, order.by, _order(order, now)]


def _step(step: Transition, labels: Mapping[int, str]) -> str:
    value = "" if step.value is None else amount(step.value)
    subject = step.key.subject
    where = " ".join(
        part
        for part in (subject.exchange, label_of(step, labels), subject.wallet, subject.asset, value)
        if part
    )
    return "; ".join(
        part for part in (f'{step.severity.value} rule "{step.rule}"', where, step.reason) if part
    )


def _order(order: Order, now: int) -> str:
    if order.kind in {"rules", "note"}:
        return order.body
    made = silence_in(order)
    return "" if made is None else f"{selection_of(made)} until {end_of(made, now)}: {made.reason}"

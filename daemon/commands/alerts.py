"""`subtally alerts`: what is wrong now, or was."""

from __future__ import annotations

import sys

import click

from daemon.commands.options import wants_json
from daemon.commands.output import (
    UNKNOWN,
    Column,
    age,
    amount,
    last_note,
    note,
    now_ms,
    print_json,
    print_table,
)
from daemon.commands.sparkline import sparkline
from daemon.commands.state_file import PAGE_ROWS, every_row, first_rows, limit_option, open_state
from daemon.commands.watching import shown, watch_option
from daemon.plain import plain_alert, told_facts
from daemon.web.alerts import points_of, read_alert
from notifiers.figures import difference, figure
from notifiers.outlooks import words_of
from notifiers.relation import relation
from notifiers.times import duration
from rules.facts import Facts
from state.queries import AlertRow
from state.store import Store

STATES = ("open", "pending", "firing", "resolved", "closed")


@click.command(epilog="Example: subtally alerts --state firing --json")
@click.option("--all", "every", is_flag=True, help="Ended ones too.")
@click.option(
    "--state",
    type=click.Choice(STATES),
    help="Only those in this state. Default: open, which is pending or firing.",
)
@limit_option
@watch_option
@click.pass_context
def alerts(
    context: click.Context,
    every: bool,  # noqa: FBT001  as click calls it
    state: str | None,
    limit: int,
    watch: float | None,
) -> None:
    """List alerts, the newest first: the open ones, or all.

    On a terminal a small line shows how the judged figure has moved around the event.
    """
    if every and state is not None:
        raise click.UsageError("--all and --state exclude each other")
    wanted = None if every else state or "open"
    shown(watch, lambda: _show(context, wanted, limit))


def _show(context: click.Context, wanted: str | None, limit: int) -> None:
    now = now_ms()
    with open_state(context) as store:
        found = every_row(lambda after: store.alerts(wanted, after=after, limit=PAGE_ROWS))
        rows = first_rows(found, limit)
        courses = [_course(store, row, now) for row in rows] if sys.stdout.isatty() else None
    if wants_json(context):
        print_json([plain_alert(row) for row in rows])
        return
    if not rows:
        note("no alerts" if wanted is None else f"no {wanted} alerts")
    _print(rows, courses, now)


def _course(store: Store, row: AlertRow, now: int) -> str:
    page = read_alert(store, row.alert.id, now, "UTC")
    return "" if page is None else sparkline(points_of(page), 0, row.ended_ms or now)


def _print(rows: list[AlertRow], courses: list[str] | None, now: int) -> None:
    ended = any(row.ended_ms is not None for row in rows)
    columns = [
        Column("id"),
        Column("state"),
        Column("severity"),
        Column("exchange"),
        Column("account"),
        Column("what"),
    ]
    columns += [Column("figure", right=True), Column("limit"), Column("since")]
    columns += [Column("ended")] if ended else []
    columns += [Column("rule"), Column("acked")]
    cells = [_cells(row, now, ended=ended) for row in rows]
    if any(row.notes for row in rows):
        columns.append(Column("last note"))
        for line, row in zip(cells, rows, strict=True):
            line.append(last_note(row.notes))
    if courses is not None and any(courses):
        columns.insert(7, Column("course"))
        for line, course in zip(cells, courses, strict=True):
            line.insert(7, course)
    print_table(columns, cells)


def _cells(row: AlertRow, now: int, *, ended: bool) -> list[str]:
    alert, facts = row.alert, told_facts(row)
    # A headline like "is off by" goes on with the figure, and may say that it is the least of it.
    said = facts.headline if facts.value is not None and facts.window_ms is None else ""
    parts = (facts.wallet or "+".join(facts.wallets), facts.asset, facts.field, said)
    what = " ".join(part for part in parts if part)
    figured = facts.value is not None or not facts.headline
    cells = [alert.id, row.state, alert.severity.value, facts.exchange, facts.label]
    cells += [what if figured else facts.headline, amount(facts.value) if figured else "", _limit(row, facts)]
    cells.append(age(alert.since_ms if alert.fired_ms is None else alert.fired_ms, now))
    if ended:
        cells.append("" if row.ended_ms is None else age(row.ended_ms, now))
    acked = "" if alert.acked_ms is None else f"{age(alert.acked_ms, now)} by {alert.acked_by or UNKNOWN}"
    return [*cells, alert.rule, acked]


def _limit(row: AlertRow, facts: Facts) -> str:
    """`< 20,000`, always a true inequality; of a change its step and time; what else a break may be."""
    if facts.window_ms is not None:
        change = difference(facts.before or "", facts.value or "")
        return f"{change or figure(facts.threshold or '')} within {duration(facts.window_ms)}"
    if facts.outlook is not None:
        return words_of(facts.outlook).empty
    if facts.perhaps is not None and row.ended_ms is None:
        return f"perhaps by {figure(facts.perhaps)}"
    found = relation(facts, ended=row.ended_ms is not None)
    return f"{found.sign} {found.limit}".strip()

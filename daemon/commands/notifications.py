"""`subtally notifications`: what is told to whom, and what of it is dead; `retry` sends dead ones again."""

from __future__ import annotations

from collections.abc import Iterator

import click

from daemon import orders
from daemon.commands.options import config_path, wants_json
from daemon.commands.ordering import by_option, open_for_order
from daemon.commands.output import Column, age, counted, note, now_ms, print_json, print_table
from daemon.commands.state_file import (
    PAGE_ROWS,
    every_row,
    first_rows,
    limit_option,
    open_state,
    rules_in_force,
)
from daemon.plain import plain_notification
from state.queries import NotificationRow
from state.store import Store

STATES = ("queued", "claimed", "delivered", "dead", "cancelled")
SOMEBODY = "somebody with a shell"


@click.group(
    invoke_without_command=True,
    epilog="Example: subtally notifications --state dead    Example: subtally notifications retry M19C",
)
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("--notifier", metavar="NAME", help="Only those for this notifier.")
@click.option("--alert", metavar="ID", help="Only those of this alert.")
@limit_option
@click.pass_context
def notifications(
    context: click.Context, state: str | None, notifier: str | None, alert: str | None, limit: int
) -> None:
    """List notifications: the dead ones first, then the newest first. `retry ID` sends dead ones again."""
    if context.invoked_subcommand is not None:
        return
    with open_state(context) as store:
        ident = None if alert is None else alert.strip().upper()
        rows = first_rows(_rows(store, state, notifier, ident), limit)
    if wants_json(context):
        print_json([plain_notification(row) for row in rows])
        return
    if not rows:
        note("no notifications" if state is None else f"no {state} notifications")
    now = now_ms()
    titles = ("id", "state", "notifier", "alert", "event", "what", "created", "message", "attempts", "reason")
    print_table(
        [Column(title, right=title in {"id", "attempts"}) for title in titles],
        [_cells(row, now) for row in rows],
    )


@notifications.command(epilog="Example: subtally notifications retry M19C --by kim")
@click.argument("ident", metavar="ID")
@by_option(f"Who wants it. Default: {SOMEBODY!r}.", default=SOMEBODY)
@click.pass_context
def retry(context: click.Context, ident: str, by: str) -> None:
    """Send a dead message again: ID is the message's (M…), or an alert's (A…) for all dead ones that carry it.

    It goes out under the same id, when the daemon runs, and is tried for give_up_after as if it were new.
    """
    now = now_ms()
    with open_for_order(context) as store:
        ruleset = rules_in_force(store.accepted_rules(), config_path(context).parent)
        known = None if ruleset is None else ruleset.notifiers
        revived = orders.retry(store, ident, by, now, known)
    if wants_json(context):
        print_json([{"message": row.id, "notifier": row.notifier, "died_of": row.reason} for row in revived])
        return
    for row in revived:
        click.echo(f"{row.id} goes to {row.notifier} again; it died of: {row.reason}")
    note(f"{counted(len(revived), 'message')} to send again")


def _rows(
    store: Store, state: str | None, notifier: str | None, alert: str | None
) -> Iterator[NotificationRow]:
    def of(wanted: str | None) -> Iterator[NotificationRow]:
        return every_row(
            lambda after: store.notifications(wanted, alert, notifier, after=after, limit=PAGE_ROWS)
        )

    if state is not None:
        yield from of(state)
        return
    yield from of("dead")
    yield from (row for row in of(None) if row.state != "dead")


def _cells(row: NotificationRow, now: int) -> list[str]:
    told = row.notification
    facts = told.facts
    what = " ".join(part for part in (told.severity.value, facts.exchange, facts.label, facts.asset) if part)
    cells = [str(row.id), row.state, told.notifier, told.alert, told.kind.value, what]
    return [*cells, age(told.created_ms, now), row.message or "", str(row.attempts), row.reason]

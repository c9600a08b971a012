"""`subtally note`: a person writes down something about an alert."""

from __future__ import annotations

import click

from daemon import orders
from daemon.commands.options import wants_json
from daemon.commands.ordering import by_option, open_for_order
from daemon.commands.output import now_ms, print_json
from daemon.orders import InvalidOrderError, check_note
from daemon.plain import plain_note
from notifiers.text import clean


def _text(_context: click.Context, _param: click.Parameter, value: str) -> str:
    try:
        return check_note(value)
    except InvalidOrderError as error:
        raise click.BadParameter(error.reason) from error


@click.command(epilog='Example: subtally note A7F3 "the venue has a ticket: 4711" --by kim')
@click.argument("alert", metavar="ALERT")
@click.argument("text", metavar="TEXT", callback=_text)
@by_option("Who writes it.")
@click.pass_context
def note(context: click.Context, alert: str, text: str, by: str) -> None:
    """Write TEXT, one line, about the alert ALERT, for whoever looks at it next. It may be over already.

    Its page, `alerts`, `explain`, `history` and `reconcile` show all notes; what is told of it from now on, the last.
    """
    with open_for_order(context) as store:
        row, made = orders.note(store, alert, text, by, now_ms())
    if wants_json(context):
        print_json({"alert": row.alert.id, **plain_note(made)})
        return
    facts = row.alert.facts
    what = (facts.exchange, facts.label, facts.asset, f'rule "{row.alert.rule}"')
    named = " ".join(clean(part) for part in what if part)
    click.echo(f"noted by {made.by} on {row.alert.id}: {row.alert.severity.value} {named}")

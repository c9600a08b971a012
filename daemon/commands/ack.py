"""`subtally ack`: a person has seen an alert."""

from __future__ import annotations

import click

from daemon import orders
from daemon.commands.options import wants_json
from daemon.commands.ordering import by_option, open_for_order
from daemon.commands.output import now_ms, print_json
from daemon.plain import iso
from notifiers.text import clean


@click.command(epilog="Example: subtally ack A7F3 --by kim")
@click.argument("alert", metavar="ALERT")
@by_option("Who has seen it.")
@click.pass_context
def ack(context: click.Context, alert: str, by: str) -> None:
    """Say that you have seen the firing alert ALERT: no more reminders of it, and no escalation.

    Its end is still told, and so is a raise. It counts from now on, with the daemon running or not.
    """
    now = now_ms()
    with open_for_order(context) as store:
        row = orders.ack(store, alert, by, now)
    facts = row.alert.facts
    if wants_json(context):
        print_json({"alert": row.alert.id, "acked": iso(now), "acked_by": by})
        return
    what = (facts.exchange, facts.label, facts.asset, f'rule "{row.alert.rule}"')
    named = " ".join(clean(part) for part in what if part)
    click.echo(f"acked {row.alert.id} by {by}: {row.alert.severity.value} {named}")

"""`subtally accounts`: who is watched, under which names."""

from __future__ import annotations

import click

from daemon.commands.options import wants_json
from daemon.commands.output import Column, age, note, now_ms, print_json, print_table
from daemon.commands.state_file import (
    PAGE_ROWS,
    every_row,
    first_rows,
    limit_option,
    open_state,
    require_exchange,
)
from daemon.plain import plain_account, state_of
from rules.world import Account


@click.command(epilog="Example: subtally accounts --exchange binance-main")
@click.option("--exchange", metavar="NAME", help="Only those of this exchange.")
@limit_option
@click.pass_context
def accounts(context: click.Context, exchange: str | None, limit: int) -> None:
    """List the accounts that are known, in the order in which they became known."""
    with open_state(context) as store:
        require_exchange(store, exchange)
        found = every_row(lambda after: store.accounts(exchange, after=after, limit=PAGE_ROWS))
        rows = first_rows(found, limit)
    if wants_json(context):
        print_json([plain_account(account) for account in rows])
        return
    if not rows:
        note("no account is known yet")
    now = now_ms()
    titles = ("id", "exchange", "account", "state", "also known as", "first seen", "trouble")
    print_table(
        [Column(title, right=title == "id") for title in titles], [_cells(account, now) for account in rows]
    )


def _cells(account: Account, now: int) -> list[str]:
    others = [name for name in account.identity.identifiers if name != account.label]
    trouble = account.failing_reason
    if account.failing_since_ms is not None:
        trouble = f"since {age(account.failing_since_ms, now)}: {trouble or 'cannot be read'}"
    seen = age(account.first_seen_ms or None, now)
    return [
        str(account.key),
        account.exchange,
        account.label,
        state_of(account),
        ", ".join(others),
        seen,
        trouble,
    ]

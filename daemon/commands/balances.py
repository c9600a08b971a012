"""`subtally balances`: the last known quantities, each with the age of the reading that showed it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from daemon.commands.options import wants_json
from daemon.commands.output import Column, age, amount, note, now_ms, print_json, print_table
from daemon.commands.state_file import (
    PAGE_ROWS,
    accounts_called,
    every_row,
    first_rows,
    limit_option,
    open_state,
    require_exchange,
)
from daemon.plain import plain_balance
from state.queries import BalanceRow
from state.store import Store

# What is common to venues comes first, in the order in which people ask for it.
_FIRST_FIELDS: Final = ("free", "locked", "frozen", "withdrawing", "total")


@click.command(epilog="Example: subtally balances --account mm-1@desk.example --asset USDT")
@click.option("--exchange", metavar="NAME", help="Only those of this exchange.")
@click.option(
    "--account",
    metavar="NAME",
    help="Only those of this account: any of its names, its venue's id, or our id.",
)
@click.option("--asset", metavar="COIN", help="Only this coin.")
@limit_option
@click.pass_context
def balances(
    context: click.Context, exchange: str | None, account: str | None, asset: str | None, limit: int
) -> None:
    """List the last known balances. A figure that is not known is shown as "?", in JSON as null: it is not zero."""
    with open_state(context) as store:
        require_exchange(store, exchange)
        keys = None if account is None else [found.key for found in accounts_called(store, exchange, account)]
        rows = first_rows(_rows(store, exchange, keys, asset), limit)
    if wants_json(context):
        print_json([plain_balance(row) for row in rows])
        return
    if not rows:
        note("no balance is known")
    _print(rows)


def _rows(
    store: Store, exchange: str | None, accounts: list[int] | None, asset: str | None
) -> Iterator[BalanceRow]:
    return every_row(lambda after: store.balances(exchange, accounts, asset, after=after, limit=PAGE_ROWS))


def _print(rows: list[BalanceRow]) -> None:
    now = now_ms()
    fields = _fields(rows)
    columns = [Column("exchange"), Column("account"), Column("wallet"), Column("asset")]
    columns += [Column(field, right=True) for field in fields]
    columns += [Column("changed"), Column("read")]
    print_table(columns, [_cells(row, fields, now) for row in rows])


def _cells(row: BalanceRow, fields: list[str], now: int) -> list[str]:
    # A field that this wallet does not have stays empty; one that it has and does not tell is not known.
    figures = [amount(row.amounts[field]) if field in row.amounts else "" for field in fields]
    head = [row.exchange, row.label, row.wallet, row.asset]
    return [*head, *figures, age(row.changed_ms, now), age(row.read_ms, now)]


def _fields(rows: list[BalanceRow]) -> list[str]:
    met = dict.fromkeys(field for row in rows for field in row.amounts)
    return [*(field for field in _FIRST_FIELDS if field in met), *(f for f in met if f not in _FIRST_FIELDS)]

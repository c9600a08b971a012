"""`subtally balances`: the last known quantities, each with the age of the reading that showed it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

import click

from daemon.commands.options import wants_json
from daemon.commands.output import Column, age, amount, note, now_ms, print_json, print_table
from daemon.commands.sparkline import sparkline
from daemon.commands.state_file import (
    PAGE_ROWS,
    accounts_called,
    every_row,
    first_rows,
    limit_option,
    open_state,
    require_exchange,
)
from daemon.commands.watching import shown, watch_option
from daemon.plain import plain_balance
from daemon.web.series import of_trace
from state.queries import BalanceRow
from state.store import Store

DAY_MS: Final = 24 * 3_600_000

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
@watch_option
@click.pass_context
def balances(
    context: click.Context,
    exchange: str | None,
    account: str | None,
    asset: str | None,
    limit: int,
    watch: float | None,
) -> None:
    """List the last known balances. A figure that is not known is shown as "?", in JSON as null: it is not zero.

    On a terminal a small line shows how each has moved in the last day.
    """
    shown(watch, lambda: _show(context, exchange, account, asset, limit))


def _show(
    context: click.Context, exchange: str | None, account: str | None, asset: str | None, limit: int
) -> None:
    now = now_ms()
    with open_state(context) as store:
        require_exchange(store, exchange)
        keys = None if account is None else [found.key for found in accounts_called(store, exchange, account)]
        rows = first_rows(_rows(store, exchange, keys, asset), limit)
        courses = [_course(store, row, now) for row in rows] if sys.stdout.isatty() else None
    if wants_json(context):
        print_json([plain_balance(row) for row in rows])
        return
    if not rows:
        note("no balance is known")
    _print(rows, courses, now)


def _rows(
    store: Store, exchange: str | None, accounts: list[int] | None, asset: str | None
) -> Iterator[BalanceRow]:
    return every_row(lambda after: store.balances(exchange, accounts, asset, after=after, limit=PAGE_ROWS))


def _course(store: Store, row: BalanceRow, now: int) -> str:
    """How what people ask for first has moved in the last day."""
    for trace in store.trace(row.account, row.asset, now - DAY_MS):
        if trace.wallet == row.wallet and trace.fields:
            field = "total" if "total" in trace.fields or "free" in trace.fields else trace.fields[0]
            return sparkline(of_trace(trace, field), now - DAY_MS, now)
    return ""


def _print(rows: list[BalanceRow], courses: list[str] | None, now: int) -> None:
    fields = _fields(rows)
    columns = [Column("exchange"), Column("account"), Column("wallet"), Column("asset")]
    columns += [Column(field, right=True) for field in fields]
    columns += [Column("changed"), Column("read")]
    cells = [_cells(row, fields, now) for row in rows]
    if courses is not None and any(courses):
        columns.insert(4, Column("last day"))
        for line, course in zip(cells, courses, strict=True):
            line.insert(4, course)
    print_table(columns, cells)


def _cells(row: BalanceRow, fields: list[str], now: int) -> list[str]:
    # A field that this wallet does not have stays empty; one that it has and does not tell is not known.
    figures = [amount(row.amounts[field]) if field in row.amounts else "" for field in fields]
    head = [row.exchange, row.label, row.wallet, row.asset]
    return [*head, *figures, age(row.changed_ms, now), age(row.read_ms, now)]


def _fields(rows: list[BalanceRow]) -> list[str]:
    met = dict.fromkeys(field for row in rows for field in row.amounts)
    return [*(field for field in _FIRST_FIELDS if field in met), *(f for f in met if f not in _FIRST_FIELDS)]

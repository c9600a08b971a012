"""`subtally reconcile`: does the money add up? Every comparison of the rules of type reconciliation, as last judged."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from daemon.commands.options import config_path, wants_json
from daemon.commands.output import (
    UNKNOWN,
    Column,
    age,
    amount,
    counted,
    last_note,
    note,
    now_ms,
    print_json,
    print_table,
)
from daemon.commands.state_file import open_state, require_exchange, rules_in_force
from daemon.errors import CannotRun, FoundFault
from daemon.plain import iso, plain_note
from notifiers.figures import MINUS, difference
from rules.builtin_names import EXPECT
from rules.judge import judge
from rules.reconciling.finding import Finding, Standing
from rules.reconciling.report import findings
from rules.records import Note
from rules.ruleset import Ruleset
from rules.types.base import Family
from rules.world import World
from state.orders import inputs_of
from state.store import Store

Notes = Mapping[str, Sequence[Note]]
"""By the id of the alert."""

CSV_KEYS = (
    "state",
    "check",
    "rule",
    "exchange",
    "account",
    "wallet",
    "asset",
    "ours",
    "theirs",
    "difference",
    "quote",
    "alert",
    "severity",
    "since",
    "as_of",
    "acked_by",
    "note",
    "reason",
)


@click.command(epilog="Example: subtally reconcile --exchange binance-main --csv")
@click.option("--exchange", metavar="NAME", help="Only this exchange.")
@click.option("--csv", "as_csv", is_flag=True, help="Print data as CSV: amounts as stored, times are UTC.")
@click.pass_context
def reconcile(context: click.Context, exchange: str | None, as_csv: bool) -> None:  # noqa: FBT001  as click calls it
    """Compare what should agree: the figures of both sides, the signed difference, and how they stand.

    The exit code is 1 while a break is open, else 3 while something cannot be compared because it is not read.
    """
    if as_csv and wants_json(context):
        raise click.UsageError("--csv and --json exclude each other")
    folder = config_path(context).parent
    with open_state(context) as store:
        require_exchange(store, exchange)
        ruleset = rules_in_force(store.accepted_rules(), folder)
        if ruleset is None:
            raise CannotRun("no rules were accepted yet: start `subtally run`")
        found = findings(_heard(store, ruleset), now_ms())
        found = tuple(one for one in found if _is_of(ruleset, one, exchange))
        rows = {one.alert: store.alert(one.alert) for one in found if one.alert}
    notes = {ident: row.notes for ident, row in rows.items() if row is not None and row.notes}
    if wants_json(context):
        print_json([_plain(one, notes) for one in found])
    elif as_csv:
        _print_csv(found, notes)
    else:
        _print(found, notes)
    if not found:
        note(_nothing(ruleset))
    breaks = sum(one.standing is Standing.BREAK for one in found)
    if breaks:
        raise FoundFault(counted(breaks, "open break"))
    unread = sum(one.unread for one in found)
    if unread:
        raise CannotRun(f"{counted(unread, 'comparison')} could not be made: nobody knows whether it agrees")


def _heard(store: Store, ruleset: Ruleset) -> World:
    """What is known, with what people ordered since the daemon looked last, or while none runs."""
    world = store.load(ruleset)
    for order in store.orders_after(world.orders_seq):
        for event in inputs_of([order]):
            judge(world, event, order.at_ms)
    return world


def _is_of(ruleset: Ruleset, one: Finding, exchange: str | None) -> bool:
    """Whether a line is about an exchange; what is about the books as such is about all those of its rule."""
    if exchange is None or exchange == one.exchange:
        return True
    if one.rule == EXPECT:  # until it has come it is about all exchanges that its pattern fits
        meant = [expect.exchange for expect in ruleset.expects if expect.name == one.check]
        return any(str(patterns) == one.exchange and patterns.match(exchange) for patterns in meant)
    ours = (rule.exchange for rule in ruleset.rules if rule.name == one.rule)
    return not one.exchange and any(patterns.match(exchange) for patterns in ours)


def _nothing(ruleset: Ruleset) -> str:
    if any(rule.enabled and rule.spec.family is Family.RECONCILIATION for rule in ruleset.rules):
        return "nothing was compared yet"
    return 'no rule of type "reconciliation" is in force, so nothing is compared'


def _print(found: Sequence[Finding], notes: Notes) -> None:
    now = now_ms()
    columns = [Column("state"), Column("check"), Column("exchange"), Column("account"), Column("asset")]
    columns += [Column("ours", right=True), Column("theirs", right=True), Column("difference", right=True)]
    columns += [Column("break"), Column("since"), Column("acked"), Column("rule"), Column("why")]
    cells = [_cells(one, now) for one in found]
    if notes:
        columns.append(Column("last note"))
        for line, one in zip(cells, found, strict=True):
            line.append(last_note(notes.get(one.alert, ())))
    print_table(columns, cells)


def _cells(one: Finding, now: int) -> list[str]:
    asset = " ".join(part for part in (one.wallet, one.asset, one.quote and f"in {one.quote}") if part)
    away = "" if one.difference is None else _signed(one.difference)
    since = "" if one.since_ms is None else age(one.since_ms, now)
    cells = [one.standing.value, one.check, one.exchange, one.account or "(all)", asset]
    cells += [amount(one.ours), amount(one.theirs), away or UNKNOWN]
    return [*cells, one.alert, since, one.acked_by, one.rule, one.reason]


def _signed(text: str) -> str:
    """A difference with its sign, the one that the figures beside it have: all of them can be searched and pasted."""
    return difference("0", text).replace(MINUS, "-") or "0"


def _plain(one: Finding, notes: Notes) -> dict[str, Any]:
    return {
        "state": one.standing.value,
        "check": one.check,
        "rule": one.rule,
        "exchange": one.exchange,
        "account": one.account or None,
        "wallet": one.wallet or None,
        "asset": one.asset or None,
        "ours": one.ours,
        "theirs": one.theirs,
        "difference": one.difference,
        "quote": one.quote or None,
        "alert": one.alert or None,
        "severity": one.severity or None,
        "since": iso(one.since_ms),
        "as_of": iso(one.as_of_ms),
        "acked_by": one.acked_by or None,
        "notes": [plain_note(note) for note in notes.get(one.alert, ())],
        "reason": one.reason or None,
    }


def _print_csv(found: Sequence[Finding], notes: Notes) -> None:
    """Also without rows there is a header. What a spreadsheet would take for a formula is told as text."""
    writer = csv.DictWriter(sys.stdout, CSV_KEYS, lineterminator="\n")
    writer.writeheader()
    for one in found:
        told = _plain(one, notes) | {"note": last_note(notes.get(one.alert, ()))}
        writer.writerow({key: _cell(key, told[key]) for key in CSV_KEYS})


def _cell(key: str, value: str | None) -> str:
    text = value or ""
    figures = ("ours", "theirs", "difference")
    return f"'{text}" if key not in figures and text[:1] in ("=", "+", "-", "@") else text

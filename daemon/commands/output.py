"""How commands print: tables on a terminal, aligned plain text in a pipe, JSON where it is asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from time import time_ns
from typing import TYPE_CHECKING, Final

import click

from notifiers.figures import figure
from notifiers.text import clean
from notifiers.times import duration

if TYPE_CHECKING:  # a rules file is checked without the tables of the World
    from rules.records import Note

__all__ = [
    "UNKNOWN",
    "Column",
    "age",
    "amount",
    "counted",
    "last_note",
    "note",
    "now_ms",
    "print_json",
    "print_table",
]

UNKNOWN: Final = "?"
"""What stands for a figure or a time that is not known: never a zero, never empty (law 1)."""

_GAP: Final = "  "

# Whole cells that are coloured wherever they stand.
_STYLES: Final = {
    "critical": "bold red",
    "warning": "yellow",
    "firing": "bold",
    "stopped": "bold red",
    "stale": "red",
    "unwatched": "red",
    "starting": "yellow",
    "fresh": "green",
    "gone": "red",
    "frozen": "red",
    "delivered": "green",
    "failed": "bold red",
    "not known": "yellow",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column; figures stand at its right."""

    title: str
    right: bool = False


def now_ms() -> int:
    """The wall clock in UTC milliseconds."""
    return time_ns() // 1_000_000


def age(at_ms: int | None, now: int) -> str:
    """`12m 5s ago`."""
    return UNKNOWN if at_ms is None else f"{duration(now - at_ms)} ago"


def amount(text: str | None) -> str:
    """A figure with its digits grouped, exactly; one that is not known is no zero."""
    return figure(text) if text else UNKNOWN


def counted(count: int, noun: str) -> str:
    """`1 rule`, `2 rules`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def last_note(notes: Sequence[Note]) -> str:
    """The newest note on an alert, and whose it is; "" without one."""
    return f"{notes[-1].by}: {notes[-1].text}" if notes else ""


def print_json(value: object) -> None:
    """One JSON value on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def note(text: str) -> None:
    """A message for the person, on stderr."""
    click.echo(text, err=True)


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """The rows, and nothing where there are none. No cell is ever shortened."""
    if not rows:
        return
    cells = [[clean(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_rich(columns, cells)
    else:
        _print_plain(columns, cells)


def _print_plain(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    lines = [[column.title.upper() for column in columns], *rows]
    widths = [max(_cells(line[at]) for line in lines) for at in range(len(columns))]
    for line in lines:
        padded = (
            " " * (width - _cells(text)) + text if column.right else text + " " * (width - _cells(text))
            for column, width, text in zip(columns, widths, line, strict=True)
        )
        click.echo(_GAP.join(padded).rstrip())


def _print_rich(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left", no_wrap=True)
    for row in rows:
        # Text, never markup: a label may hold brackets.
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    console = Console()
    wide = Console(width=1_000_000)
    # As wide as it is: the terminal wraps a long line, where rich would cut a figure short.
    needed = Measurement.get(wide, wide.options, table).maximum
    Console(width=max(console.width, needed)).print(table, soft_wrap=True)


def _cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)

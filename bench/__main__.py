"""`python -m bench [NUMBER …]`: the goals with must, stretch, measured and verdict."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from bench import commands, cycle
from bench.goals import GOALS, Result

ACCOUNTS = 10_000
ROUNDS = 5

MEASURES: tuple[tuple[frozenset[int], Callable[[], list[Result]]], ...] = (
    (frozenset({1, 2, 3, 4, 5, 18}), lambda: cycle.measure(ACCOUNTS, ROUNDS)),
    (frozenset({16}), lambda: commands.measure(ROUNDS)),
)


def main(wanted: set[int]) -> None:
    """Measure the wanted goals, all of them without a number, and print the table."""
    results: dict[int, Result] = {}
    for numbers, measure in MEASURES:
        if not wanted or numbers & wanted:
            results |= {result.number: result for result in measure()}
    table = Table(
        title=f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}"
    )
    for column in ("#", "figure", "must", "stretch", "measured", "verdict", "made of"):
        table.add_column(column)
    for number, goal in GOALS.items():
        if wanted and number not in wanted:
            continue
        result = results.get(number)
        sign = "≥" if goal.least else "≤"
        measured = (
            ("–", "not measured", "")
            if result is None
            else (f"{result.value:.3g}", result.verdict, result.note)
        )
        table.add_row(
            str(number), goal.figure, f"{sign} {goal.must:g}", f"{sign} {goal.stretch:g}", *measured
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)


if __name__ == "__main__":
    main({int(number) for number in sys.argv[1:]})

"""The table of goals for a terminal, and for docs/performance.md between its two markers."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.goals import GOALS, Result

DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
BUSY = 0.5
"""Of the machine's cores, above which what else ran has to be said beside the figures."""


def machine(load: float) -> str:
    """Date, processor, cores, Python, and what else the machine did when the run began."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    cores = os.cpu_count() or 1
    busy = ", **measured while other work ran**" if load > BUSY * cores else ""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {cores} × {model}, Python {platform.python_version()},"
        f" load {load:.1f} at the start{busy}"
    )


def rows(
    results: Collection[Result], wanted: Collection[int], faults: Mapping[int, str]
) -> list[tuple[str, ...]]:
    """number, figure, must, stretch, measured, verdict, made of."""
    found: list[tuple[str, ...]] = []
    taken = {(result.number, result.small): result for result in results}
    for key, goal in GOALS.items():
        number = goal.number
        if wanted and number not in wanted:
            continue
        result = taken.get(key)
        sign = "≥" if goal.least else "≤"
        measured = (
            ("–", "not measured", faults.get(number, ""))
            if result is None
            else (f"{result.value:.3g}", result.verdict, result.note)
        )
        found.append(
            (str(number), goal.figure, f"{sign} {goal.must:g}", f"{sign} {goal.stretch:g}", *measured)
        )
    return found


COLUMNS = ("#", "figure", "must", "stretch", "measured", "verdict", "made of")


def show(told: list[tuple[str, ...]], title: str) -> None:
    """On the terminal."""
    table = Table(title=title)
    for column in COLUMNS:
        table.add_column(column)
    for row in told:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def write(told: list[tuple[str, ...]], title: str, growth: str) -> None:
    """Into the document, in place of the run before."""
    lines = ["", f"{title}.", "", f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in told]
    if growth:
        lines += ["", "Growth:", "", *(f"- {line}" for line in growth.splitlines())]
    text = DOCUMENT.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    DOCUMENT.write_text("\n".join((head + BEGIN, *lines, "", END + tail)), encoding="utf-8")

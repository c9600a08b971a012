"""`python -m bench [NUMBER …]`: the goals with must, stretch, measured and verdict.

All of them take about three quarters of an hour, most of it waiting for lawful sweeps; `--accounts 200` makes it small.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import chain, commands, cycle, daemon, growth, pace, peers, promptness, reads, report, storm
from bench.goals import Result

ACCOUNTS = 10_000
ROUNDS = 5
CYCLES = 3
CROSSINGS = 200
ALERTS = 1_000
GROWN_ACCOUNTS = 20


@dataclass(frozen=True, slots=True)
class Measure:
    """What one module measures, and what of others' it needs for it."""

    numbers: frozenset[int]
    run: Callable[[int, int], list[Result]]
    needs: Callable[[], list[str]] = list


def no_ccxt() -> list[str]:
    """The peer of the figures about reads and starts."""
    return [] if importlib.util.find_spec("ccxt") else ["ccxt"]


MEASURES = (
    Measure(frozenset({1, 2, 3, 4, 5, 18}), cycle.measure),
    Measure(frozenset({6, 7}), reads.measure, no_ccxt),
    Measure(frozenset({8}), lambda accounts, _: pace.measure(accounts)),
    Measure(
        frozenset({9, 10, 17}),
        lambda accounts, rounds: chain.measure(accounts, min(rounds, CYCLES)),
        peers.missing,
    ),
    Measure(frozenset({11}), lambda accounts, _: promptness.measure(min(accounts, CROSSINGS))),
    Measure(
        frozenset({12}),
        lambda accounts, _: promptness.measure_beside(min(accounts, CROSSINGS)),
        peers.missing,
    ),
    Measure(
        frozenset({13}), lambda accounts, rounds: storm.measure(min(accounts, ALERTS), min(rounds, CYCLES))
    ),
    Measure(frozenset({14}), lambda _, __: daemon.measure_idle()),
    Measure(frozenset({15}), lambda _, rounds: daemon.measure_start(rounds), no_ccxt),
    Measure(frozenset({16}), lambda _, rounds: commands.measure(rounds), no_ccxt),
)


def measured(wanted: set[int], accounts: int, rounds: int) -> tuple[list[Result], dict[int, str]]:
    """The results, and why there is none where there is none."""
    results: list[Result] = []
    faults: dict[int, str] = {}
    for measure in MEASURES:
        if wanted and not measure.numbers & wanted:
            continue
        missing = measure.needs()
        if missing:
            faults |= dict.fromkeys(measure.numbers, f"not installed: {', '.join(missing)}")
            continue
        print(f"measuring {', '.join(map(str, sorted(measure.numbers)))} …", file=sys.stderr, flush=True)
        try:
            found = measure.run(accounts, rounds)
        except (OSError, RuntimeError, ValueError) as error:
            # The other figures are worth having all the same.
            faults |= dict.fromkeys(measure.numbers, str(error))
            continue
        results += found
        for result in found:
            print(f"  {result.number}: {result.value:.3g} {result.verdict}; {result.note}", file=sys.stderr)
    return results, faults


def main() -> None:
    """Measure the wanted goals, all of them without a number, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("numbers", type=int, nargs="*", metavar="NUMBER", help="goals; all without one")
    parser.add_argument("--accounts", type=int, default=ACCOUNTS, help=f"of the desk ({ACCOUNTS})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of each figure ({ROUNDS})")
    parser.add_argument("--days", type=float, default=0, help="also grow a state for so many days (30)")
    parser.add_argument("--write", action="store_true", help="record it all in docs/performance.md")
    given = parser.parse_args()
    load = os.getloadavg()[0]
    wanted = set(given.numbers)
    results, faults = measured(wanted, given.accounts, given.rounds)
    grown, days = "", given.days or (30 if given.write and not wanted else 0)
    if days:
        print("growing a state …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            grown = str(growth.grow(GROWN_ACCOUNTS, int(days * growth.DAY_MINUTES), Path(folder)))
    told, title = report.rows(results, wanted, faults), report.machine(load)
    report.show(told, title)
    print(grown)
    if given.write:
        report.write(told, title, grown)


if __name__ == "__main__":
    main()

"""How a state grows: a month of readings at 1 % churn a minute, through the core and a real state file, no network.

`python -m bench.growth` makes it small: what grows is a sum over balances and minutes, so the bytes of a change and of
a reading are what counts, and any desk's month is their multiple. Checkpoints are kept as the daemon keeps them.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from bench.cycle import House
from bench.desk import ASSETS, Desk, ruleset
from bench.process import MEBI
from rules.model import Severity
from rules.patterns import Patterns
from rules.ruleset import Rule, Ruleset
from rules.types.levels import Tier
from rules.types.low_balance import LowBalance
from state.checkpoints import encode
from state.store import Store

DAY_MINUTES = 24 * 60
MINUTE_MS = 60_000
CHURN = 0.01
CHECKPOINT_MINUTES = 10
SCARCE = Decimal(20_000)  # two of a hundred amounts are below


@dataclass(frozen=True, slots=True)
class Growth:
    """A month and what it costs. Bytes, and seconds of CPU."""

    minutes: int
    accounts: int
    changes: int
    file_bytes: int
    log_bytes: int
    history: float
    day_of_log: float
    load: float
    steps: int
    retention: float
    longest: float
    left_bytes: int

    def __str__(self) -> str:
        reads = self.minutes * self.accounts
        month = 30 * DAY_MINUTES / self.minutes
        scale = 10_000 / self.accounts * month
        lines = (
            f"{self.minutes / DAY_MINUTES:g} days, {self.accounts} × {ASSETS} balances read every minute",
            (
                f"{self.changes:,} changes and {reads:,} readings: file {self.file_bytes / MEBI:.1f} MiB, of which log"
                f" {self.log_bytes / MEBI:.1f} MiB, or {self.log_bytes / self.changes:.1f} bytes a change"
            ),
            f"at this pace 10,000 accounts grow by {self.file_bytes * scale / 2**30:.1f} GiB a month",
            (
                f"history of 200 rows {self.history * 1000:.0f} ms, a day of the log read {self.day_of_log:.2f} s,"
                f" the state loaded {self.load * 1000:.0f} ms of CPU"
            ),
            (
                f"retention of the older half {self.retention:.2f} s in {self.steps} steps, the longest"
                f" {self.longest * 1000:.0f} ms; {self.left_bytes / MEBI:.1f} MiB left"
            ),
        )
        return "\n".join(lines)


def _timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def rules_of(accounts: int) -> Ruleset:
    """One floor for the first coin, which some accounts cross every day."""
    base = ruleset(accounts, rules=1)
    floor = LowBalance((Tier(SCARCE, Severity.WARNING),))
    return replace(base, rules=(Rule("floor", "low_balance", floor, asset=Patterns.of("USDT")),))


def grow(accounts: int, minutes: int, folder: Path) -> Growth:
    """Read every account every minute, then ask and forget."""
    desk, path, changes = Desk(accounts), folder / "state.db", 0
    rules = rules_of(accounts)
    house = House(desk, rules, path)
    for minute in range(minutes):
        at_ms = house.now_ms
        changes += desk.change(CHURN)
        house.sweep()
        house.now_ms = max(house.now_ms, at_ms + MINUTE_MS)
        if minute % CHECKPOINT_MINUTES == 0:
            store = house.store
            store.keep_checkpoint(encode(store.cut(house.world, house.now_ms)))
    now_ms, log_bytes = house.now_ms, house.log_bytes()
    house.close()
    file_bytes = path.stat().st_size
    with Store.open(path, migrate=True) as store:
        history = _timed(lambda: store.history(None, since_ms=0, limit=200))
        origin_ms = now_ms - min(minutes, DAY_MINUTES) * MINUTE_MS
        day_of_log = _timed(lambda: _read_log(store, rules, origin_ms))
        load = _timed(lambda: store.load(rules))
        steps, longest, retention, gone = 0, 0.0, 0.0, 1
        while gone:
            began = time.process_time()
            gone = store.retention(now_ms, minutes * MINUTE_MS // 2)
            took = time.process_time() - began
            steps, longest, retention = steps + 1, max(longest, took), retention + took
    with sqlite3.connect(path) as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    return Growth(
        minutes,
        accounts,
        changes,
        file_bytes,
        log_bytes,
        history,
        day_of_log,
        load,
        steps,
        retention,
        longest,
        int(pages) * int(size),
    )


def _read_log(store: Store, rules: Ruleset, from_ms: int) -> None:
    """What a replay, an explanation or a chart of a day begins with."""
    origin = store.origin(from_ms)
    for _ in store.log(lambda _: rules, origin.seq):
        pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A month of readings, and what it costs.")
    parser.add_argument("--days", type=float, default=30)
    parser.add_argument("--accounts", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        sys.stdout.write(f"{grow(given.accounts, int(given.days * DAY_MINUTES), Path(made))}\n")

"""Goals 1 to 5: one sweep from bodies to the committed transaction, against decoding the same bodies."""

from __future__ import annotations

import gc
import sqlite3
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import msgspec

from bench.desk import ASSETS, EXCHANGE, Desk, memo, ruleset
from bench.figures import cpu_seconds
from bench.goals import Result
from daemon.exchanges.binance_wire import Balances
from daemon.exchanges.memo import Memo
from daemon.garbage import Settled
from daemon.gathering import GATHER_SECONDS, Gathering
from daemon.running import GARBAGE_AFTER
from rules.judge import Input, judge
from rules.model import Contents, ListedAccount, Listing, Reading, Row, Start
from rules.repeats import take
from rules.ruleset import RulesAccepted, Ruleset
from rules.world import World
from state.prepared import Entry
from state.store import Store
from state.wal import Wal

BATCH = round(4_500 * GATHER_SECONDS)
"""Readings that come in the time for which the daemon gathers, when nothing throttles (goal 7), and few have news."""


@dataclass(slots=True)
class House:
    """The daemon without its edges: the decoder's memory, the World and a real state file."""

    desk: Desk
    rules: Ruleset
    path: Path
    now_ms: int = 1_700_000_000_000
    memo: Memo[Mapping[str, Row], Contents] = field(default_factory=memo)
    world: World = field(default_factory=World)
    waiting: Gathering = field(default_factory=Gathering)
    store: Store = field(init=False)
    wal: Wal = field(init=False)
    settled: Settled = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store.open(self.path, migrate=True)
        self.wal = Wal(self.store.connection)
        self.settled = Settled(self.world)
        people = tuple(map(ListedAccount, self.desk.people))
        for one in (
            Start(self.now_ms),
            RulesAccepted(self.now_ms, self.rules),
            Listing(EXCHANGE, "list", self.now_ms, self.now_ms, True, people),
        ):
            self._judge(one)
        self._commit()

    def sweep(self) -> int:
        """Take every body in once; the number of changed rows."""
        recall, world, waiting, changed, gathered = self.memo.recall, self.world, self.waiting, 0, 0
        for who, body in zip(self.desk.people, self.desk.bodies, strict=True):
            now_ms = self.now_ms = self.now_ms + 20
            reading = Reading((recall(who.email or "", who, body), now_ms - 15, now_ms))
            gathered += 1
            if not take(world, reading, now_ms, waiting.run):
                changed += self._judge(reading)
                gathered = BATCH if waiting.is_enough else gathered
            if gathered >= BATCH:
                self._commit()
                gathered = 0
        self._commit()
        return changed

    def close(self) -> None:
        self.store.close()

    def log_bytes(self) -> int:
        """The bytes of all records of the log."""
        with sqlite3.connect(self.path) as db:
            (size,) = db.execute("SELECT coalesce(sum(length(body)), 0) FROM log").fetchone()
        return int(size)

    def _judge(self, event: Input) -> int:
        """The number of rows that it changed."""
        outcome = judge(self.world, event, self.now_ms)
        self.waiting.add(Entry(event, self.now_ms, outcome))
        return len(outcome.changes)

    def _commit(self) -> None:
        batch = self.waiting.take()
        if batch:
            self.store.write(self.store.prepare(batch, self.world))
            if self.wal.is_due():
                self.wal.carry()
            self.settled.look(len(batch))


def decode_only(desk: Desk) -> None:
    """The measure: msgspec alone, into the same structs."""
    decode = msgspec.json.Decoder(Balances).decode
    for body in desk.bodies:
        decode(body)


@dataclass(frozen=True, slots=True)
class Sweeps:
    """CPU seconds of one round: decoding alone, and sweeps with each kind of bodies."""

    decode: float
    changed: float
    same: float
    doubled: float
    shuffled: float


def rounds(accounts: int, count: int, *, unmatched: int = 0) -> tuple[list[Sweeps], float]:
    """`count` rounds, after one that reads everything for the first time; and the log's bytes per change."""
    desk = Desk(accounts)
    gc.set_threshold(GARBAGE_AFTER, 20, 20)  # as the daemon has it
    with tempfile.TemporaryDirectory() as folder:
        house = House(desk, ruleset(accounts, unmatched=unmatched), Path(folder) / "state.db")
        house.sweep()
        first, changes = house.log_bytes(), 0
        house.sweep()
        per_sweep = house.log_bytes() - first  # of the times of readings that changed nothing
        first, sweeps, found = house.log_bytes(), 0, []
        for _ in range(count):
            changes += desk.change(0.01)
            changed = cpu_seconds(house.sweep)
            decode = cpu_seconds(lambda: decode_only(desk))
            desk.renew()
            same = cpu_seconds(house.sweep)
            changes += desk.change(0.02)
            doubled = cpu_seconds(house.sweep)
            desk.shuffle()
            shuffled = cpu_seconds(house.sweep)
            desk.tidy()
            house.sweep()
            sweeps += 5
            found.append(Sweeps(decode, changed, same, doubled, shuffled))
        grown = house.log_bytes() - first - sweeps * per_sweep
        house.close()
    return found, grown / changes


def measure(accounts: int, count: int) -> list[Result]:
    """Goals 1 to 5 and 18."""
    found, log_bytes = rounds(accounts, count)
    more, _ = rounds(accounts, max(2, count // 2), unmatched=9_000)
    decode = median(one.decode for one in found)
    changed, same, doubled, shuffled = (
        median(getattr(one, name) / one.decode for one in found)
        for name in ("changed", "same", "doubled", "shuffled")
    )
    unmatched = median(one.changed / one.decode for one in more)
    note = f"decode {decode * 1000:.0f} ms for {accounts:,} bodies of {ASSETS} rows"
    return [
        Result(1, changed, f"{note}; sweep {changed * decode * 1000:.0f} ms"),
        Result(2, same, f"sweep {same * decode * 1000:.0f} ms"),
        Result(3, shuffled, f"sweep {shuffled * decode * 1000:.0f} ms"),
        Result(4, (doubled - same) / (changed - same), "what the changed rows cost over a sweep without any"),
        Result(5, unmatched / changed, f"sweep {unmatched * decode * 1000:.0f} ms"),
        Result(18, log_bytes, "bytes of log over those of readings that changed nothing"),
    ]

"""Goals 1 to 5: one sweep from bodies to the committed transaction, against decoding the same bodies."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bench.desk import EXCHANGE, Desk, ruleset
from bench.figures import cpu_seconds
from daemon.exchanges.binance_wire import FIELDS, Balances, read_balances
from daemon.exchanges.decode import Memo
from rules.judge import judge
from rules.model import ListedAccount, Listing, Reading, Start
from rules.ruleset import RulesAccepted, Ruleset
from rules.world import World
from state.prepared import Entry
from state.store import Store

BATCH = 250
"""Readings of one commit: what arrives within some milliseconds when nothing throttles."""


@dataclass(slots=True)
class House:
    """The daemon without its edges: the decoder's memory, the World and a real state file."""

    desk: Desk
    rules: Ruleset
    path: Path
    now_ms: int = 1_700_000_000_000
    memo: Memo = field(default_factory=Memo)
    world: World = field(default_factory=World)
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store.open(self.path, migrate=True)
        people = tuple(map(ListedAccount, self.desk.people))
        self._commit(
            [
                self._judged(one)
                for one in (
                    Start(self.now_ms),
                    RulesAccepted(self.now_ms, self.rules),
                    Listing(EXCHANGE, "list", self.now_ms, self.now_ms, True, people),
                )
            ]
        )

    def sweep(self) -> int:
        """Take every body in once; the number of changed rows."""
        batch: list[Entry] = []
        changed = 0
        for who, body in zip(self.desk.people, self.desk.bodies, strict=True):
            self.now_ms += 20
            rows = self.memo.recall((who.email or "",), body, read_balances)
            reading = Reading(EXCHANGE, who, "spot", self.now_ms - 15, self.now_ms, FIELDS, rows)
            batch.append(self._judged(reading))
            changed += len(batch[-1].outcome.changes)
            if len(batch) == BATCH:
                self._commit(batch)
                batch = []
        self._commit(batch)
        return changed

    def close(self) -> None:
        self.store.close()

    def _judged(self, event: object) -> Entry:
        return Entry(event, self.now_ms, judge(self.world, event, self.now_ms))  # type: ignore[arg-type]

    def _commit(self, batch: list[Entry]) -> None:
        if batch:
            self.store.write(self.store.prepare(batch, self.world))


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
    shuffled: float
    doubled: float
    rows: int


def rounds(accounts: int, count: int, *, unmatched: int = 0) -> list[Sweeps]:
    """`count` rounds, after one that reads everything for the first time."""
    desk = Desk(accounts)
    with tempfile.TemporaryDirectory() as folder:
        house = House(desk, ruleset(accounts, unmatched=unmatched), Path(folder) / "state.db")
        house.sweep()
        found = []
        for _ in range(count):
            rows = desk.change(0.01)
            changed = cpu_seconds(house.sweep)
            decode = cpu_seconds(lambda: decode_only(desk))
            same = cpu_seconds(house.sweep)
            desk.change(0.02)
            doubled = cpu_seconds(house.sweep)
            desk.shuffle()
            shuffled = cpu_seconds(house.sweep)
            desk.tidy()
            house.sweep()
            found.append(Sweeps(decode, changed, same, shuffled, doubled, rows))
        house.close()
    return found


if __name__ == "__main__":
    for one in rounds(10_000, 3):
        print(one)

"""What was judged and is not durable yet: the next commit, as it fills.

Each commit costs the same, however little it holds, and holds up whoever waits for it, the more it holds. So answers
of which nothing is to be told wait a moment for others, but not for many.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from rules.outcome import Outcome
from rules.records import Holding
from rules.repeats import Repeats
from state.prepared import Entry

GATHER_SECONDS: Final = 1.0
"""Answers of which nothing is to be told are committed together with those that come so soon after the first."""

ENOUGH: Final = 1_000
"""Weight at which they wait no longer: what is to be told meanwhile waits for a commit of some milliseconds."""

MOST_WAITING: Final = 5_000
"""Judged inputs that wait for the disk: beyond it the readers wait."""

MOST_WEIGHT: Final = 2_500
"""The weight of which they wait, too: to prepare this for a commit holds the loop for some 20 ms."""

EACH_INPUT: Final = 10
"""The weight is in changed rows. An input that was judged counts as so many: its times, its alerts and its record."""

NOTHING: Final = Outcome()
"""What follows from a reading that repeats the last one. Nobody writes to it."""


class Gathering:
    """Judged inputs in their order; readings in a row of which nothing follows are one entry.

    `run` is for `rules.repeats.take`: what it takes in comes after the inputs that were added before.
    """

    __slots__ = ("_enough", "_entries", "_inputs", "_most", "_whole", "run", "weight")

    def __init__(self) -> None:
        self.run = Repeats()
        self.weight = 0
        self._entries: list[Entry] = []
        self._inputs = 0  # of the entries
        self._whole = 0  # so many inputs from now on may be whole in the log
        self._enough = self._most = MOST_WAITING  # inputs

    @property
    def inputs(self) -> int:
        """How many there are, each reading of a run counted."""
        return self._inputs + len(self.run)

    @property
    def is_enough(self) -> bool:
        """Whether it is worth a commit of its own."""
        return self.weight >= ENOUGH or self.inputs >= self._enough

    @property
    def is_full(self) -> bool:
        """Whether no more may be judged before it is on its way to the disk."""
        return self.weight >= MOST_WEIGHT or self.inputs >= self._most

    def log_begins(self, wallets: Collection[Holding]) -> None:
        """The log begins anew: of each of these wallets it will say all at its next reading, whether or not it is news.

        Some are read twice before others are read once.
        """
        if wallets:
            rows = sum(len(wallet.rows) for wallet in wallets) // len(wallets)
            self._whole = 2 * len(wallets)
            self._enough = max(1, ENOUGH // (EACH_INPUT + rows))
            self._most = max(1, MOST_WEIGHT // (EACH_INPUT + rows))

    def add(self, entry: Entry) -> None:
        """One that was judged."""
        self._end_run()
        self._entries.append(entry)
        self._inputs += 1
        self.weight += EACH_INPUT + len(entry.outcome.changes)

    def take(self) -> list[Entry]:
        """All of it; from here on the next one fills."""
        self._end_run()
        taken, self._entries = self._entries, []
        if self._whole:
            self._whole = max(0, self._whole - self._inputs)
            if not self._whole:
                self._enough = self._most = MOST_WAITING
        self._inputs = self.weight = 0
        return taken

    def _end_run(self) -> None:
        if self.run.taken:
            self._inputs += len(self.run)
            self._entries.append(Entry(self.run, self.run.taken[3], NOTHING))
            self.run = Repeats()

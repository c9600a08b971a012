"""When each wallet was last read, as the database holds it: many wallets in one row, because a sweep moves them all.

A row is a block of BLOCK accounts, three times each in WIDTH digits: begin and end of the last reading, and the end of
the last complete look (0 for none). The view `holdings` takes them apart again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from rules.records import Holding
from rules.repeats import Repeats

BLOCK: Final = 64
WIDTH: Final = 14
_TIMES: Final = 3
_FORMAT: Final = f"%0{WIDTH}d" * (BLOCK * _TIMES)

PUT_TIMES: Final = (
    "INSERT INTO times (wallet, block, times) VALUES (?, ?, ?)"
    " ON CONFLICT (wallet, block) DO UPDATE SET times = excluded.times"
)

Times = tuple[int, int, int | None]
"""Begin, end, and the end of the last complete look, in ms."""


Place = tuple[int, int]
"""The id of a wallet, and the number of a block."""


class Blocks:
    """Every block as it is, or will be with the next commit, in the database."""

    def __init__(self) -> None:
        self._blocks: dict[Place, list[int]] = {}
        self._slots: dict[tuple[int, str], tuple[Place, list[int], int]] = {}
        self._touched: set[Place] = set()

    def put(self, key: tuple[int, str], wallet: int, holding: Holding) -> None:
        """Take over the times of a wallet, whose name is in its key, and which has this id."""
        slot = self._slots.get(key)
        if slot is None:
            number, at = divmod(key[0], BLOCK)
            block = self._blocks.setdefault((wallet, number), [0] * (BLOCK * _TIMES))
            slot = self._slots[key] = ((wallet, number), block, at * _TIMES)
        place, block, at = slot
        block[at], block[at + 1], block[at + 2] = holding.began_ms, holding.ended_ms, holding.whole_ms or 0
        self._touched.add(place)

    def put_again(self, run: Repeats) -> None:
        """As `put`, of wallets whose last reading was a complete look; not of those that it does not know yet."""
        slots, touched, last = self._slots, self._touched, None
        for line, began_ms, ended_ms in zip(run.lines, run.began_ms, run.ended_ms, strict=True):
            slot = slots.get(line.place)
            if slot is None:
                continue
            place, block, at = slot
            block[at] = began_ms
            block[at + 1] = block[at + 2] = ended_ms
            if place is not last:
                touched.add(place)
                last = place

    def restore(self, key: tuple[int, str], wallet: int, holding: Holding) -> None:
        """As `put`, of what the database holds already."""
        self.put(key, wallet, holding)
        self._touched.clear()

    def take(self) -> list[tuple[int, int, str]]:
        """(wallet, number, text) of the blocks that changed since the last call."""
        taken = [(*place, _FORMAT % tuple(self._blocks[place])) for place in sorted(self._touched)]
        self._touched.clear()
        return taken


def written(times: Iterable[tuple[int, int, Times]]) -> list[tuple[int, int, str]]:
    """(wallet, number, text) of the blocks that hold these (account, wallet, times)."""
    blocks = Blocks()
    for account, wallet, (began_ms, ended_ms, whole_ms) in times:
        blocks.put((account, str(wallet)), wallet, Holding((), {}, None, began_ms, ended_ms, whole_ms))
    return blocks.take()


def read(number: int, text: str) -> Iterator[tuple[int, Times]]:
    """(account, times) of every place of a block; those of no wallet are zeros."""
    for slot in range(BLOCK):
        at = slot * _TIMES * WIDTH
        began_ms, ended_ms, whole_ms = (
            int(text[begin : begin + WIDTH]) for begin in range(at, at + _TIMES * WIDTH, WIDTH)
        )
        yield number * BLOCK + slot, (began_ms, ended_ms, whole_ms or None)

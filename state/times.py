"""When each wallet was last read, as the database holds it: many wallets in one row, because a sweep moves them all.

A row is a block of BLOCK accounts, three times each in WIDTH digits: begin and end of the last reading, and the end of
the last complete look (0 for none). The view `holdings` takes them apart again.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from rules.records import Holding
from rules.repeats import Repeats

BLOCK: Final = 64
WIDTH: Final = 14
_TIMES: Final = 3
_FORMAT: Final = f"%0{WIDTH}d" * (BLOCK * _TIMES)
_SHORTEST_MS: Final = 10 ** (WIDTH - 2)
"""From here on, for some centuries, times have one digit less than their place."""

_json = msgspec.json.Encoder().encode

PUT_TIMES: Final = (
    "INSERT INTO times (wallet, block, times) VALUES (?, ?, ?)"
    " ON CONFLICT (wallet, block) DO UPDATE SET times = excluded.times"
)

Times = tuple[int, int, int | None]
"""Begin, end, and the end of the last complete look, in ms."""


class Blocks:
    """Every time as it is, or will be with the next commit, in the database. `wallet_id` is of a wallet's name."""

    def __init__(self, wallet_id: Callable[[str], int]) -> None:
        self._wallet_id = wallet_id
        self._times: dict[str, array[int]] = {}  # of all accounts, by their keys
        self._touched: set[tuple[str, int]] = set()

    def put(self, key: tuple[int, str], holding: Holding) -> None:
        """Take over the times of a wallet."""
        times, at = self._block(key[1], key[0] // BLOCK), key[0] * _TIMES
        times[at], times[at + 1], times[at + 2] = holding.began_ms, holding.ended_ms, holding.whole_ms or 0

    def put_again(self, run: Repeats) -> None:
        """As `put`, of wallets whose last reading was a complete look."""
        wallet, block, times = "", -1, array("q")
        for line, began_ms, ended_ms in zip(run.lines, run.began_ms, run.ended_ms, strict=True):
            account, name = line.place
            if account // BLOCK != block or name != wallet:
                wallet, block = name, account // BLOCK
                times = self._block(wallet, block)
            at = account * _TIMES
            times[at] = began_ms
            times[at + 1] = times[at + 2] = ended_ms

    def restore(self, holdings: Mapping[tuple[int, str], Holding]) -> None:
        """As `put`, of what the database holds already."""
        for key, holding in holdings.items():
            self.put(key, holding)
        self._touched.clear()

    def take(self) -> list[tuple[int, int, str]]:
        """(wallet, number, text) of the blocks that changed since the last call."""
        touched, self._touched = sorted(self._touched), set()
        return [(self._wallet_id(name), number, self._text(name, number)) for name, number in touched]

    def _block(self, wallet: str, number: int) -> array[int]:
        """The times of a wallet, of which those of a block are about to change."""
        times = self._times.setdefault(wallet, array("q"))
        missing = (number + 1) * BLOCK * _TIMES - len(times)
        if missing > 0:
            times.extend([0] * missing)
        self._touched.add((wallet, number))
        return times

    def _text(self, wallet: str, number: int) -> str:
        """The times of a block, each in WIDTH digits."""
        size = BLOCK * _TIMES
        times = self._times[wallet][number * size : (number + 1) * size].tolist()
        # A list in JSON has one character before each number, and is written ten times as fast as a format.
        text = _json(times)[1:-1].replace(b",", b"0")
        if min(times) >= _SHORTEST_MS and len(text) == size * WIDTH - 1:
            return "0" + text.decode()
        return _FORMAT % tuple(times)


def written(times: Iterable[tuple[int, int, Times]]) -> list[tuple[int, int, str]]:
    """(wallet, number, text) of the blocks that hold these (account, wallet, times)."""
    blocks = Blocks(int)
    for account, wallet, (began_ms, ended_ms, whole_ms) in times:
        blocks.put((account, str(wallet)), Holding((), {}, None, began_ms, ended_ms, whole_ms))
    return blocks.take()


def read(number: int, text: str) -> Iterator[tuple[int, Times]]:
    """(account, times) of every place of a block; those of no wallet are zeros."""
    for slot in range(BLOCK):
        at = slot * _TIMES * WIDTH
        began_ms, ended_ms, whole_ms = (
            int(text[begin : begin + WIDTH]) for begin in range(at, at + _TIMES * WIDTH, WIDTH)
        )
        yield number * BLOCK + slot, (began_ms, ended_ms, whole_ms or None)

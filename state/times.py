"""When each wallet was last read, as the database holds it: many wallets in one row, because a sweep moves them all.

A row is a block of BLOCK accounts, three times each in WIDTH digits: begin and end of the last reading, and the end of
the last complete look (0 for none). The view `holdings` takes them apart again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from rules.records import Holding
from rules.repeats import Repeats

BLOCK: Final = 64
WIDTH: Final = 14
_TIMES: Final = 3
_FORMAT: Final = f"%0{WIDTH}d" * (BLOCK * _TIMES)
_LENGTH: Final = BLOCK * _TIMES * WIDTH - 1
_COMMAS: Final = b"," * (BLOCK * _TIMES - 1)
"""For some centuries times have one digit less than their place: there the commas are, and no number is shorter."""

_NOTHING: Final = Holding((), {}, None, 0, 0)
"""In the place of an account without such a wallet."""

_json = msgspec.json.Encoder().encode

PUT_TIMES: Final = (
    "INSERT INTO times (wallet, block, times) VALUES (?, ?, ?)"
    " ON CONFLICT (wallet, block) DO UPDATE SET times = excluded.times"
)

Times = tuple[int, int, int | None]
"""Begin, end, and the end of the last complete look, in ms."""


class Blocks:
    """The holdings whose times the database has, or will with the next commit. `wallet_id` is of a wallet's name."""

    def __init__(self, wallet_id: Callable[[str], int]) -> None:
        self._wallet_id = wallet_id
        self._held: dict[str, list[Holding]] = {}  # of all accounts, by their keys
        self._touched: set[tuple[str, int]] = set()

    def put(self, key: tuple[int, str], holding: Holding = _NOTHING) -> None:
        """A wallet holds something else, or is no longer there."""
        account, wallet = key
        held = self._held.setdefault(wallet, [])
        if account >= len(held):
            held += [_NOTHING] * ((account // BLOCK + 1) * BLOCK - len(held))
        held[account] = holding
        self._touched.add((wallet, account // BLOCK))

    def put_again(self, run: Repeats) -> None:
        """The times of holdings moved on."""
        told = run.contents
        wallets = {one.wallet for one in told}
        for wallet in wallets:
            own = told if len(wallets) == 1 else [one for one in told if one.wallet == wallet]
            self._touched |= {(wallet, number) for number in {one.owner // BLOCK for one in own}}

    def restore(self, holdings: Mapping[tuple[int, str], Holding]) -> None:
        """As `put`, of what the database holds already."""
        for key, holding in holdings.items():
            self.put(key, holding)
        self._touched.clear()

    def take(self) -> list[tuple[int, int, str]]:
        """(wallet, number, text) of the blocks that changed since the last call."""
        touched, self._touched = sorted(self._touched), set()
        return [(self._wallet_id(name), number, self._text(name, number)) for name, number in touched]

    def _text(self, wallet: str, number: int) -> str:
        """The times of a block, each in WIDTH digits."""
        held = self._held[wallet][number * BLOCK : (number + 1) * BLOCK]
        times: list[int | None] = [None] * (BLOCK * _TIMES)
        times[0::_TIMES] = [one.began_ms for one in held]
        times[1::_TIMES] = [one.ended_ms for one in held]
        times[2::_TIMES] = [one.whole_ms for one in held]
        # A list in JSON has one character before each number, and is written ten times as fast as a format.
        text = _json(times)[1:-1]
        if len(text) == _LENGTH and text[WIDTH - 1 :: WIDTH] == _COMMAS and b"-" not in text:
            return "0" + text.replace(b",", b"0").decode()
        return _FORMAT % tuple(one or 0 for one in times)


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

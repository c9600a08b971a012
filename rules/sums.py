"""Exact sums over many wallets, kept in blocks: where one wallet moved, its block alone is added up anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from math import isqrt
from typing import TypeAlias

from rules.records import AlertKey
from rules.values import add

Part: TypeAlias = tuple[int, str]
"""An account's key and a wallet."""

FEWEST_PARTS = 32
"""Sums of fewer wallets are added up as fast as looked up."""

BEHIND = 16
"""More answers than these are seldom under way: a sweep that is so far into a block has read the one before."""


def over_assets(key: AlertKey) -> AlertKey:
    """What the sums of one rule over the same wallets have in common."""
    return AlertKey(key.rule, key.subject._replace(asset=""))


class Sums:
    """The sums of one rule over the same wallets, one an asset: of quantities, or of valuations (`valued`).

    What it gives is what adding up all figures gives, to the digit and to the number of decimals: sums are exact.
    """

    __slots__ = ("_block_of", "_blocks", "_size", "_totals", "parts", "valued")

    def __init__(self, parts: tuple[Part, ...], *, valued: bool) -> None:
        self.parts = parts
        self.valued = valued
        self._size = isqrt(len(parts)) + 1
        self._block_of = {part: place // self._size for place, part in enumerate(parts)}
        self._blocks: dict[str, list[Decimal | None]] = {}
        self._totals: dict[str, Decimal] = {}  # of which no block moved since

    def keep(self, asset: str, figures: Iterable[Decimal]) -> Decimal:
        """Learn the figure of every part, in the order of the parts; their sum."""
        every = list(figures)
        blocks = [add(every[begin : begin + self._size]) for begin in range(0, len(every), self._size)]
        self._blocks[asset] = [*blocks]
        total = self._totals[asset] = add(blocks)
        return total

    def fill(self, asset: str, figure: Callable[[Part], Decimal | None]) -> Iterator[None]:
        """Learn what is known of it in steps of one block each, between which parts may move."""
        blocks = self._of(asset)
        for place, block in enumerate(blocks):
            if block is None:
                self._known(blocks, place, figure)
            yield

    def keep_behind(self, part: Part, asset: str, figure: Callable[[Part], Decimal | None]) -> None:
        """In a first sweep, which comes by early in a block: learn the one before, so that the last part finds it."""
        place = self._block_of.get(part, 0)
        if place and self.parts[place * self._size : place * self._size + BEHIND][-1] == part:
            blocks = self._of(asset)
            if blocks[place - 1] is None:
                self._known(blocks, place - 1, figure)

    def total(self, asset: str, figure: Callable[[Part], Decimal | None]) -> Decimal | None:
        """The sum of an asset that is kept; None where it is not, or where a figure is unknown now."""
        total = self._totals.get(asset)
        if total is not None:
            return total
        blocks = self._blocks.get(asset)
        if blocks is None:
            return None
        known: list[Decimal] = []
        for place, block in enumerate(blocks):
            one = self._known(blocks, place, figure) if block is None else block
            if one is None:
                return None
            known.append(one)
        total = self._totals[asset] = add(known)
        return total

    def moved(self, part: Part, assets: Iterable[str] | None) -> None:
        """The figures of some assets in a part may be others now; of all assets where it is None."""
        place = self._block_of.get(part)
        if place is None:
            return
        for asset in self._blocks if assets is None else assets:
            blocks = self._blocks.get(asset)
            if blocks is not None:
                blocks[place] = None
                self._totals.pop(asset, None)

    def _of(self, asset: str) -> list[Decimal | None]:
        return self._blocks.setdefault(asset, [None] * -(-len(self.parts) // self._size))

    def _known(
        self, blocks: list[Decimal | None], place: int, figure: Callable[[Part], Decimal | None]
    ) -> Decimal | None:
        """The sum of one block, kept; None where a figure is unknown."""
        figures: list[Decimal] = []
        for part in self.parts[place * self._size : (place + 1) * self._size]:
            one = figure(part)
            if one is None:
                return None
            figures.append(one)
        total = blocks[place] = add(figures)
        return total

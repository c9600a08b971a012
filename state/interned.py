"""Small integers for what repeats: names (of exchanges, wallets, coins, fields) and identities.

An integer id in every balance and log row is what keeps a change at some thirty bytes. Ids are given out in
memory, while a batch is prepared, and become durable in the transaction that first uses them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Interned(Generic[T]):
    """The ids given out so far, and those that the database does not know yet."""

    __slots__ = ("_ids", "_new", "_next")

    def __init__(self, stored: Iterable[tuple[int, T]] = ()) -> None:
        self._ids = {value: number for number, value in stored}
        self._next = max(self._ids.values(), default=0) + 1
        self._new: list[tuple[int, T]] = []

    def id(self, value: T) -> int:
        """The id of a value; a new one is given out where it has none."""
        found = self._ids.get(value)
        if found is None:
            found = self._next
            self._next += 1
            self._ids[value] = found
            self._new.append((found, value))
        return found

    def take_new(self) -> list[tuple[int, T]]:
        """What was given out since the last call; it must be stored before, or with, its first use."""
        taken, self._new = self._new, []
        return taken

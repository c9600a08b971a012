"""What a first judgement still waits for: asked of one account after the other, because thousands take long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import TypeAlias

Pair: TypeAlias = tuple[int, str]
"""An account's key and a wallet."""

ASKED_AT_ONCE = 8
"""Accounts that are asked at each look: soon all of them were, and no look takes long."""


class Unread:
    """The wallets that are awaited, as if all accounts had been asked at the beginning.

    `ahead` tells of each account that is not asked yet which of its wallets are; those of them that were looked at
    meanwhile no longer are.
    """

    __slots__ = ("_ahead", "_awaited", "_seen")

    def __init__(self, ahead: Iterable[AbstractSet[Pair]] = (), awaited: Iterable[Pair] = ()) -> None:
        self._ahead: Iterator[AbstractSet[Pair]] = iter(ahead)
        self._awaited: set[Pair] = set(awaited)
        self._seen: set[Pair] = set()

    def discard(self, pair: Pair) -> None:
        """A wallet was looked at, or is no longer there."""
        self._awaited.discard(pair)
        self._seen.add(pair)

    def is_over(self) -> bool:
        """Whether nothing is awaited any more; asks as many accounts as it takes to know that, and a few more."""
        self._ask(ASKED_AT_ONCE)
        while not self._awaited:
            pairs = next(self._ahead, None)
            if pairs is None:
                return True
            self._awaited |= pairs - self._seen
        return False

    def all(self) -> set[Pair]:
        """Everything that is awaited."""
        self._ask(None)
        return self._awaited.copy()

    def _ask(self, most: int | None) -> None:
        for pairs in islice(self._ahead, most):
            self._awaited |= pairs - self._seen

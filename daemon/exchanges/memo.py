"""The last body of each call and the answer to it: the very same bytes give the very same answer (`rules.model`)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final, Generic, Protocol, TypeVar

T = TypeVar("T")
A = TypeVar("A")

MEMO_MOST: Final = 50_000


class Read(Protocol[T]):
    """Reads a whole body."""

    def __call__(self, body: bytes, before: T | None, /) -> T:
        """What it says; `before` is what the last body said, where there was one. Raises Malformed."""


class Revise(Protocol[T]):
    """Reads a body by what differs from the last one."""

    def __call__(self, old: bytes, new: bytes, before: T, *, sure: bool) -> T | None:
        """What `new` says, where `old` said `before`; None where it must be read in full.

        `sure` tells that `before` is an answer of this very function to `old`.
        """


class Memo(Generic[T, A]):
    """The last bodies under the keys of their calls, what they said, and what that is told as.

    `tell` makes the answer of whose body it is and of what it says. It is asked again only where one of them is
    another object: what says the same in other bytes has the same answer, too.
    """

    __slots__ = ("_kept", "_read", "_revise", "_tell")

    def __init__(self, read: Read[T], tell: Callable[[Any, T], A], revise: Revise[T] | None = None) -> None:
        self._read = read
        self._tell = tell
        self._revise = revise
        self._kept: dict[str, tuple[bytes, T, bool, object, A]] = {}

    def recall(self, key: str, owner: object, body: bytes) -> A:
        """The answer to `body`, which is about `owner`. Raises Malformed."""
        kept = self._kept.get(key)
        if kept is None:
            said, revised = self._read(body, None), False
        else:
            old, before, revised, whose, answer = kept
            if old == body:
                if whose is owner:
                    return answer
                said = before
            else:
                said, revised = self._differing(old, before, body, sure=revised)
            if said is before and whose is owner:
                self._kept[key] = (body, said, revised, owner, answer)
                return answer
        answer = self._tell(owner, said)
        self._kept[key] = (body, said, revised, owner, answer)
        if len(self._kept) > MEMO_MOST:
            del self._kept[next(iter(self._kept))]  # accounts that are gone take no memory for ever
        return answer

    def keep_only(self, keys: Collection[str]) -> None:
        """Forget all others."""
        if len(self._kept) > len(keys):
            self._kept = {key: kept for key, kept in self._kept.items() if key in keys}

    def _differing(self, old: bytes, before: T, body: bytes, *, sure: bool) -> tuple[T, bool]:
        """What another body says, and whether it was revised: then `Revise` may be sure of it."""
        now = None if self._revise is None else self._revise(old, body, before, sure=sure)
        if now is not None:
            return now, True
        said = self._read(body, before)
        return (before if said == before else said), False  # other bytes, the same facts

"""What a commit will write, made on the event loop's thread while the database's thread is elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar, overload

from rules.outcome import Outcome
from rules.ruleset import Silence

if TYPE_CHECKING:  # the type alone: reading the state needs no judge
    from rules.judge import Input
    from rules.repeats import Repeats

Parameters: TypeAlias = "tuple[Any, ...]"
T = TypeVar("T")


class Entry(NamedTuple):
    """One input, or a run of readings of which nothing follows; when it was judged, and what followed."""

    input: Input | Repeats
    now_ms: int
    outcome: Outcome


class Wanted(NamedTuple):
    """The next message of a notifier, as it is claimed at `now_ms`: at most `limit` rows. `silences` are the file's."""

    notifier: str
    now_ms: int
    gather_ms: int
    limit: int
    silences: Sequence[Silence] = ()


class Later(Sequence[Parameters]):
    """Rows that are made of immutable values when they are written: to encode thousands would hold up the loop."""

    __slots__ = ("_row_of", "_values")

    def __init__(self, values: Sequence[T], row_of: Callable[[T], Parameters]) -> None:
        self._values: Sequence[Any] = values
        self._row_of: Callable[[Any], Parameters] = row_of

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Parameters]:
        return map(self._row_of, self._values)

    @overload
    def __getitem__(self, place: int) -> Parameters: ...

    @overload
    def __getitem__(self, place: slice) -> Later: ...

    def __getitem__(self, place: int | slice) -> Parameters | Later:
        if isinstance(place, slice):
            return Later(self._values[place], self._row_of)
        return self._row_of(self._values[place])


@dataclass(frozen=True, slots=True)
class Prepared:
    """One transaction as statements in their order, each with its rows. It holds no reference into the World.

    `first_seq` and `last_seq` are its rows in the log, by which a repeated write finds that it was done.
    """

    first_seq: int
    last_seq: int
    statements: tuple[tuple[str, Sequence[Parameters]], ...]

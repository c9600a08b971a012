"""The rows of one wallet in columns: of half a million balances every object of their own would count.

What tells which row stands where is shared by all wallets that name the same assets in the same order, and so is a
column that says the same of all assets, which most of them do. A row is made when it is asked for, of the same texts
every time.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from functools import lru_cache
from operator import itemgetter
from typing import Final, Self, TypeAlias, TypeVar, overload

from rules.model import Row

T = TypeVar("T")
Column: TypeAlias = "tuple[str | None, ...]"
"""One field of all assets, in their order."""

_SHARED_MOST: Final = 1_000
"""Where wallets differ more, each of the others has its own order: as much memory as a dict takes."""


@lru_cache(maxsize=_SHARED_MOST)
def _places(names: tuple[str, ...]) -> dict[str, int]:
    return {name: place for place, name in enumerate(names)}


@lru_cache(maxsize=_SHARED_MOST)
def _uniform(text: str | None, length: int) -> Column:
    return (text,) * length


def _shared(column: Column) -> Column:
    first, length = column[0], len(column)
    alike = first == column[-1] and column.count(first) == length
    return _uniform(first, length) if alike else column


class Rows(Mapping[str, Row]):
    """Assets to rows of one length, which nobody changes: `places` tells where in `columns` each of them stands."""

    __slots__ = ("columns", "places")

    def __init__(self, names: tuple[str, ...], columns: Iterable[Column]) -> None:
        """Names that differ, and as many texts in each column. Raises ValueError where there are others."""
        self.places = _places(names)
        self.columns = tuple(map(_shared, columns))
        if {len(self.places), *map(len, self.columns)} != {len(names)} or not self.columns:
            raise ValueError("rows that are not alike")

    def __getitem__(self, name: str) -> Row:
        place = self.places[name]
        return tuple(map(itemgetter(place), self.columns))

    @overload
    def get(self, name: str, /) -> Row | None: ...
    @overload
    def get(self, name: str, default: Row | T, /) -> Row | T: ...
    def get(self, name: str, default: Row | T | None = None, /) -> Row | T | None:
        place = self.places.get(name)
        return default if place is None else tuple(map(itemgetter(place), self.columns))

    def __contains__(self, name: object) -> bool:
        return name in self.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def keys(self) -> KeysView[str]:
        return self.places.keys()

    def items(self) -> ItemsView[str, Row]:
        return self._whole().items()

    def values(self) -> ValuesView[Row]:
        return self._whole().values()

    def _whole(self) -> dict[str, Row]:
        return dict(zip(self.places, zip(*self.columns)))  # noqa: B905  they are as long, as it was made

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Rows) and other.places is self.places:
            return self.columns == other.columns
        if isinstance(other, Mapping):
            return self._whole() == dict(other.items())
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as of any mapping

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._whole()!r})"


class Revised(Rows):
    """The rows of a reading that were made from those of the reading before, `of`, by putting `fresh` rows in.

    Both are hints that save a walk over all rows: whoever does not hold `of` compares all of them. The log, which
    is the last to use them, has them let go, so that rows of the past take no memory.
    """

    __slots__ = ("fresh", "of")

    of: Mapping[str, Row] | None
    fresh: Mapping[str, Row]

    @classmethod
    def by(cls, of: Mapping[str, Row], rows: Mapping[str, Row]) -> Self:
        """`of` with these rows, all of names that it has. Raises ValueError where rows are not all alike."""
        whole = of if isinstance(of, Rows) else in_one(of)
        if not isinstance(whole, Rows) or {*map(len, rows.values())} != {len(whole.columns)}:
            raise ValueError("rows that are not alike")
        places, columns = whole.places, list(whole.columns)
        moved: dict[int, list[str | None]] = {}
        for name, row in rows.items():
            place = places[name]
            for number, text in enumerate(row):
                if text is not columns[number][place]:
                    if number not in moved:
                        moved[number] = [*columns[number]]
                    moved[number][place] = text
        for number, texts in moved.items():
            columns[number] = _shared(tuple(texts))
        made = cls.__new__(cls)
        made.places, made.columns, made.of = places, tuple(columns), of
        made.fresh = rows if len(rows) == 1 else {name: rows[name] for name in places if name in rows}
        return made

    def fresh_since(self, rows: Mapping[str, Row] | None) -> Mapping[str, Row] | None:
        """The rows that differ from `rows`, in the order of both; None where that is not known."""
        return self.fresh if rows is not None and self.of is rows else None

    def let_go(self) -> None:
        """Know no more what was before."""
        self.of, self.fresh = None, {}


def in_one(rows: Mapping[str, Row]) -> Mapping[str, Row]:
    """The same rows in columns; `rows` itself where there are none, or where they differ in length."""
    lengths = set() if isinstance(rows, Rows) else set(map(len, rows.values()))
    if len(lengths) != 1 or 0 in lengths:
        return rows
    return Rows(tuple(rows), zip(*rows.values(), strict=True))


def differing(before: Mapping[str, Row], after: Mapping[str, Row]) -> dict[str, Row]:
    """The rows of `after`, in its order, that are new or say something else than before."""
    known = dict(before.items()).get
    return {name: row for name, row in after.items() if (was := known(name)) is not row and was != row}

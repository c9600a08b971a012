"""The tables of reconciliation in one: each entry under the name of its table, key and value as JSON."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from rules.ledger import (
    Declared,
    Failing,
    Leg,
    LegKey,
    Mark,
    Match,
    PastKey,
    PastPoint,
    Round,
    Sheet,
    SheetKey,
    ShiftKey,
)
from rules.statements import Books, Prices, Transfer
from rules.world import Table, World
from state.codec import from_json, to_json
from state.prepared import Parameters

Statement = tuple[str, Sequence[Parameters]]

_PUT: Final = (
    "INSERT INTO reconciliation (kind, key, body) VALUES (?, ?, ?)"
    " ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
)
_DROP: Final = "DELETE FROM reconciliation WHERE kind = ? AND key = ?"

TABLES: Final[dict[str, tuple[Any, Any]]] = {
    "legs": (LegKey, Leg),
    "matches": (str, Match),
    "sheets": (SheetKey, Sheet),
    "rounds": (tuple[str, str], Round),
    "past": (PastKey, tuple[PastPoint, ...]),
    "shifts": (ShiftKey, tuple[Mark, ...]),
    "declared": (str, Declared),
    "stated": (tuple[str, str, str], Transfer),
    "prices": (str, Prices),
    "earlier": (tuple[str, int], Prices),
    "differing": (tuple[int, str], int),
    "books": (str, Books),
    "failing_books": (str, Failing),
}
"""The attribute of the World, and what its keys and values are."""

_PAIR: Final = "/"
"""Between base and quote: JSON has only texts for keys. No coin has it in its name."""


@dataclass(frozen=True, slots=True)
class BooksRow:
    """One `[[books]]` as the state knows it: `told_ms` is None where it was never read, `failing` where it is now."""

    name: str
    told_ms: int | None
    failing: Failing | None


def books(db: sqlite3.Connection) -> tuple[BooksRow, ...]:
    """By name. The rows of the books themselves are not read: there may be very many."""
    found = db.execute(
        "SELECT kind, key, iif(kind = 'books', json_extract(body, '$.at_ms'), body) FROM reconciliation"
        " WHERE kind IN ('books', 'failing_books')"
    ).fetchall()
    told_ms = {from_json(str, key): int(text) for kind, key, text in found if kind == "books"}
    failing = {
        from_json(str, key): from_json(Failing, text) for kind, key, text in found if kind == "failing_books"
    }
    return tuple(
        BooksRow(name, told_ms.get(name), failing.get(name)) for name in sorted({*told_ms, *failing})
    )


def reconciliation_statements(world: World) -> tuple[Statement, Statement]:
    """What was touched in any of the tables."""
    drops: list[Parameters] = []
    puts: list[Parameters] = []
    for kind in TABLES:
        table: Table[Any, Any] = getattr(world, kind)
        for key in table.touched:
            value = table.get(key)
            if value is None:
                drops.append((kind, to_json(key)))
            else:
                puts.append((kind, to_json(key), _text(value)))
    return (_DROP, drops), (_PUT, puts)


def load_reconciliation(db: sqlite3.Connection, world: World) -> None:
    """Fill the tables as the last commit left them."""
    found: dict[str, dict[Any, Any]] = {kind: {} for kind in TABLES}
    for kind, key, body in db.execute("SELECT kind, key, body FROM reconciliation ORDER BY kind, key"):
        if kind in TABLES:
            key_type, value_type = TABLES[kind]
            found[kind][from_json(key_type, key)] = _value(value_type, body)
    for kind, entries in found.items():
        getattr(world, kind).restore(entries)


def _text(value: object) -> str:
    if isinstance(value, Prices):
        return to_json(replace(value, prices=_joined(value.prices), bids=_joined(value.bids)))
    return to_json(value)


def _value(kind: Any, body: str) -> object:  # noqa: ANN401  a type, or a generic alias
    if kind is not Prices:
        return from_json(kind, body)
    plain = from_json(dict[str, Any], body)
    prices, bids = (_parted(plain.pop(name, {})) for name in ("prices", "bids"))
    return Prices(**plain, prices=prices, bids=bids)


def _joined(prices: Mapping[Any, str]) -> Mapping[Any, str]:
    return {_PAIR.join(pair): price for pair, price in prices.items()}


def _parted(plain: Mapping[str, str]) -> Mapping[Any, str]:
    return {tuple(pair.split(_PAIR, 1)): price for pair, price in plain.items()}

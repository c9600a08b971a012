"""Figures: what a holding says of one field of one asset, exactly, or None where it is not known."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a rules file is checked without the engine's inputs and the tables of the World
    from rules.model import Row
    from rules.records import Holding, Valuation

ZERO = Decimal(0)
EXACT = Context(prec=5_000, traps=[Inexact])
"""Wider than any figure that a client lets through, so that sums are exact; a rounding would raise (law 9)."""

SUMMED = ("free", "locked", "frozen", "withdrawing")
"""The fields whose sum is `total` where the venue gives none; others keep their names and are never added."""


def number(text: str | None) -> Decimal | None:
    """A venue's text as a figure; None and "" are unknown."""
    return Decimal(text) if text else None


def in_row(fields: tuple[str, ...], row: Row, field: str) -> Decimal | None:
    """One field of one row. A `total` of our own needs every part that the venue gave to be known."""
    if field in fields:
        text = row[fields.index(field)]
        if text is not None or field != "total":
            return number(text)
    if field != "total":
        return None
    total: Decimal | None = None
    for name, text in zip(fields, row, strict=True):
        if name not in SUMMED or text is None:
            continue
        if not text:
            return None
        if total is None:
            total = ZERO
        if text != "0":  # most parts are, and adding it changes nothing
            total = EXACT.add(total, Decimal(text))
    return total


def figure(holding: Holding | None, asset: str, field: str) -> Decimal | None:
    """One field of one asset of one wallet. An absent asset is zero only after a complete look (law 4)."""
    if holding is None:
        return None
    row, fields = holding.rows.get(asset), holding.fields
    if row is not None:
        text = row[fields.index(field)] if field in fields else None
        return Decimal(text) if text else in_row(fields, row, field)
    known = field in fields or field == "total"
    return ZERO if known and holding.whole_ms is not None else None


def valued(valuation: Valuation | None, quote: str) -> Decimal | None:
    """The venue's own valuation of one wallet in one quote coin."""
    return None if valuation is None else number(valuation.values.get(quote))


def add(figures: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    total = ZERO
    for one in figures:
        total = EXACT.add(total, one)
    return total


def zero_row(row: Row) -> Row:
    """The row of an asset that is no longer held: zero in every field that the venue gives."""
    return tuple(None if text is None else "0" for text in row)


def same_fields(before: tuple[str, ...], row: Row, fields: tuple[str, ...]) -> Row:
    """A row under the fields of a newer reading; a field that it never had is unknown."""
    return tuple(row[before.index(name)] if name in before else None for name in fields)


def is_held(fields: tuple[str, ...], row: Row) -> bool | None:
    """Whether anything of the asset is held: some part is not zero. None where that is not known."""
    parts = [text for name, text in zip(fields, row, strict=True) if name in SUMMED or name == "total"]
    if any(text and Decimal(text) != 0 for text in parts):
        return True
    return None if in_row(fields, row, "total") is None else False


def text_of(value: Decimal | None) -> str | None:
    """Plain decimal text without an exponent."""
    return None if value is None else format(value, "f")

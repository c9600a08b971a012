"""Figures: what a holding says of one field of one asset, exactly, or None where it is not known."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact

from rules.model import Row
from rules.world import Holding, Valuation

ZERO = Decimal(0)
EXACT = Context(prec=250, traps=[Inexact])
"""Wider than any figure that a client lets through, so that sums are exact; a rounding would raise (law 9)."""

SUMMED = ("free", "locked", "frozen", "withdrawing")
"""The fields whose sum is `total` where the venue gives none; others keep their names and are never added."""


def number(text: str | None) -> Decimal | None:
    """A venue's text as a figure; None and "" are unknown."""
    return Decimal(text) if text else None


def in_row(fields: tuple[str, ...], row: Row, field: str) -> Decimal | None:
    """One field of one row. A `total` of our own needs every part that the venue gave to be known."""
    if field in fields:
        return number(row[fields.index(field)])
    if field != "total":
        return None
    parts = [text for name, text in zip(fields, row, strict=True) if name in SUMMED and text is not None]
    if not parts or "" in parts:
        return None
    return add(Decimal(text) for text in parts)


def figure(holding: Holding | None, asset: str, field: str) -> Decimal | None:
    """One field of one asset of one wallet. An absent asset is zero only after a complete look (law 4)."""
    if holding is None:
        return None
    row = holding.rows.get(asset)
    if row is not None:
        return in_row(holding.fields, row, field)
    known = field in holding.fields or field == "total"
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
    """The row of an asset that is no longer held: what was known is zero, what was unknown stays so."""
    return tuple("0" if text else text for text in row)


def is_zero(fields: tuple[str, ...], row: Row) -> bool:
    """Whether nothing at all is held, by the total and every part that counts."""
    counted = [text for name, text in zip(fields, row, strict=True) if name != "limitAvailable"]
    return all(not text or Decimal(text) == 0 for text in counted)


def text_of(value: Decimal | None) -> str | None:
    """Plain decimal text without an exponent."""
    return None if value is None else format(value, "f")

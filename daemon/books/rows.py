"""CSV into rows: exact amounts, times with their zone, every fault with its line and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from pydantic_core import PydanticCustomError

from daemon.books.errors import BooksError
from daemon.config.scalars import read_amount
from daemon.config.wording import shown, suggestion
from rules.statements import BookRow

REQUIRED = ("exchange", "account", "asset", "amount", "as_of")
COLUMNS = (*REQUIRED, "wallet")
NAME_CHARACTERS = 256
ROWS_MOST = 100_000
TIME_HINT = "a date and a time with their zone, as in 2030-12-31T18:00:00Z"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(9999, 1, 1, tzinfo=UTC)


def read_rows(text: str) -> tuple[BookRow, ...]:
    """The rows of CSV with a header. Raises BooksError; one fault spoils all, for half of the books is no books."""
    lines = _lines(text)
    header = _header(next(lines, (1, [])))
    rows: list[BookRow] = []
    first: dict[tuple[object, ...], int] = {}
    for line, cells in lines:
        if len(cells) != len(header):
            raise _fault(line, "", f"has {len(cells)} columns, the header has {len(header)}")
        row = _row(line, dict(zip(header, cells, strict=True)))
        key = (row.exchange, row.account.casefold(), row.asset, row.wallet.casefold())
        if first.setdefault(key, line) != line:
            raise _fault(
                line, "", f"is about the same account and asset as line {first[key]}: one row for each"
            )
        rows.append(row)
        if len(rows) > ROWS_MOST:
            raise BooksError(f"more than {ROWS_MOST:,} rows")
    return tuple(rows)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold something, each with the line on which it begins."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    begins = 1
    try:
        for cells in reader:
            if cells:
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise _fault(reader.line_num, "", f"is not CSV: {error}") from None


def _header(first: tuple[int, list[str]]) -> list[str]:
    line, cells = first
    header = [cell.strip() for cell in cells]
    wanted = f"the first line names the columns {','.join(REQUIRED)} and perhaps wallet"
    if not header:
        raise BooksError(f"there is nothing; {wanted}")
    for name in header:
        if name not in COLUMNS:
            raise _fault(line, name, f"is no column of books; {suggestion(name, COLUMNS) or wanted}")
        if header.count(name) > 1:
            raise _fault(line, name, "is there twice")
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise _fault(line, missing[0], f"is missing; {wanted}")
    return header


def _row(line: int, cells: Mapping[str, str]) -> BookRow:
    return BookRow(
        exchange=_name(line, "exchange", cells),
        account=_name(line, "account", cells),
        asset=_name(line, "asset", cells).upper(),
        amount=_amount(line, cells["amount"]),
        as_of_ms=_as_of_ms(line, cells["as_of"]),
        wallet=_name(line, "wallet", cells) if cells.get("wallet", "").strip() else "",
        line=line,
    )


def _name(line: int, column: str, cells: Mapping[str, str]) -> str:
    text = cells[column].strip()
    if not text:
        raise _fault(line, column, "is empty")
    if not text.isprintable() or len(text) > NAME_CHARACTERS:
        raise _fault(line, column, f"{shown(text[:40])} is not a name")
    return text


def _amount(line: int, cell: str) -> str:
    text = cell.strip()
    try:
        read_amount(text)
    except PydanticCustomError as error:
        context = error.context or {}
        hint = (
            "write plain digits, as in 50000.25" if "not an amount" in context["message"] else context["hint"]
        )
        raise _fault(line, "amount", "; ".join(filter(None, (context["message"], hint)))) from None
    return text


def _as_of_ms(line: int, cell: str) -> int:
    """Also with a space in place of the T and hours alone as the zone, as PostgreSQL prints it."""
    text = cell.strip()
    try:
        at = datetime.fromisoformat(text.upper())
    except ValueError:
        raise _fault(line, "as_of", f"{shown(text[:40])} is not {TIME_HINT}") from None
    if at.tzinfo is None:
        raise _fault(line, "as_of", f"{shown(text[:40])} has no time zone; write {TIME_HINT}")
    if not _EPOCH + timedelta(days=1) <= at < _END - timedelta(days=1):
        raise _fault(line, "as_of", "must lie in the years from 1970 to 9998")
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _fault(line: int, column: str, message: str) -> BooksError:
    where = f"line {line}, column {column}: " if column else f"line {line}: "
    return BooksError(where + message)

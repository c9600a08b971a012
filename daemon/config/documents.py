"""One TOML text into a table whose numbers are exact, or one problem with its line."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal

from daemon.config.errors import Problem
from daemon.config.report import Document

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

ONE_A_LINE = "only one key = value stands on a line"

# TOML takes times with their seconds only, and no 25th hour; what it cannot read it takes for a number.
_MEANT_AS_TIME = re.compile(r"[^=\"]*=\s*([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ])?[0-9]{1,2}:[0-9]{2}")
_NO_TIME = 'there is no such time: as in 2030-12-31T18:00:00Z, or "08:30" in quotes'

_NO_VALUE = 'there is no valid value here: text stands in quotes, as in "text"'
_UNFINISHED = "a value, or a list, is not finished"

# tomllib speaks to programmers; these are the slips that people make.
_SLIPS = (
    (re.compile(r"Cannot overwrite a value|Cannot declare"), "this key or table was already written above"),
    (re.compile(r"Cannot mutate immutable namespace"), "this table was already closed above"),
    (re.compile(r"Duplicate inline table key"), "this key is written twice"),
    (re.compile(r"Expected '=' after a key"), 'a "=" is missing after the key'),
    (re.compile(r"Invalid value"), _NO_VALUE),
    (re.compile(r"Unterminated string|Illegal character '\\n'"), "a quote is not closed on this line"),
    (re.compile(r"Unclosed array"), 'a list is not closed with "]"'),
    (re.compile(r"Unclosed inline table"), 'a table is not closed with "}"'),
    (re.compile(r"Invalid date or datetime"), "there is no such date"),
    (re.compile(r"Expected newline or end of document after a statement"), ONE_A_LINE),
)


def document_of(name: str, file: str, text: str) -> Document | Problem:
    """Parse; a text that is no TOML is one problem, since nothing after it can be trusted."""
    try:
        table = tomllib.loads(text.removeprefix("\ufeff"), parse_float=_number)
    except tomllib.TOMLDecodeError as error:
        return _problem(file, str(error), text)
    except RecursionError:
        return _unplaced(file, "lists and tables are nested too deeply")
    except ValueError:
        # Python refuses to read integers of thousands of digits.
        return _unplaced(file, "holds a number that is too long")
    return Document(name, file, text, table)


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        return Decimal("1e999")  # an exponent beyond all bounds; refused wherever an amount is expected


def _problem(file: str, said: str, text: str) -> Problem:
    place = _PLACE.search(said)
    slip = next((words for pattern, words in _SLIPS if pattern.search(said)), "this is not valid TOML")
    if place is None:
        return _unplaced(file, slip)
    if place[1] is None:
        line = text.count("\n") + 1
        slip = _UNFINISHED if slip == _NO_VALUE else slip
        return Problem(file, line, None, None, "", f"{slip} (at the end of the file)")
    line, column = int(place[1]), int(place[2])
    if slip == ONE_A_LINE and _MEANT_AS_TIME.match(text.split("\n")[line - 1]):
        slip = _NO_TIME
    return Problem(file, line, column, column + 1, "", slip)


def _unplaced(file: str, message: str) -> Problem:
    return Problem(file, None, None, None, "", message)

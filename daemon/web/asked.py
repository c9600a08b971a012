"""What a request asks for: each parameter of the API once, for reading it and for the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from state.queries import MOST_ROWS

__all__ = ["AFTER", "LIMIT", "SINCE", "AskedError", "Parameter", "choice", "read_query", "text"]

TEXT_MOST: Final = 200
PARAMETERS_MOST: Final = 32
PAGE_ROWS: Final = 100

_CURSOR: Final = r"^\d{1,19}(\.\d{1,19}){0,2}$"
_CURSOR_RE: Final = re.compile(_CURSOR[:-1], re.ASCII)
_LARGEST: Final = 2**63 - 1
_WHOLE: Final = re.compile(r"[0-9]{1,19}", re.ASCII)


class AskedError(ValueError):
    """The request makes no sense; the text says which parameter, and what it may be."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter: `schema` as OpenAPI says it, `read` its value from text, ValueError with a hint."""

    name: str
    text: str
    schema: Mapping[str, Any]
    read: Callable[[str], Any]


def read_query(query: str, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """The values by name, None for those left out. Raises AskedError: an unknown name would be answered wrongly."""
    known = {parameter.name: parameter for parameter in parameters}
    found: dict[str, Any] = dict.fromkeys(known)
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=PARAMETERS_MOST, errors="strict")
    except (ValueError, UnicodeDecodeError) as error:
        raise AskedError(f"at most {PARAMETERS_MOST} parameters, in UTF-8") from error
    seen: set[str] = set()
    for name, value in pairs:
        if name not in known:
            raise AskedError(f"there is no parameter {name[:TEXT_MOST]!r}: known are {', '.join(known)}")
        if name in seen:
            raise AskedError(f"{name} is given twice")
        seen.add(name)
        try:
            found[name] = known[name].read(value)
        except ValueError as error:
            raise AskedError(f"{name}: {error}") from error
    return found


def text(name: str, told: str) -> Parameter:
    """A text to compare with."""
    schema = {"type": "string", "minLength": 1, "maxLength": TEXT_MOST, "pattern": r"^[^\u0000-\u001f]+$"}
    return Parameter(name, told, schema, _text)


def choice(name: str, told: str, choices: Sequence[str]) -> Parameter:
    """One of a few words."""

    def read(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return Parameter(name, told, {"type": "string", "enum": list(choices)}, read)


def _text(value: str) -> str:
    if not 1 <= len(value) <= TEXT_MOST or any(letter < " " for letter in value):
        raise ValueError(f"must be 1 to {TEXT_MOST} printable characters")
    return value


def _limit(value: str) -> int:
    if not _WHOLE.fullmatch(value) or not 1 <= int(value) <= MOST_ROWS:
        raise ValueError(f"must be a whole number from 1 to {MOST_ROWS}")
    return int(value)


def _cursor(value: str) -> str:
    if not _CURSOR_RE.fullmatch(value) or any(int(part) > _LARGEST for part in value.split(".")):
        raise ValueError("must be the `next` of the page before")
    return value


def _since(value: str) -> int:
    try:
        at = datetime.fromisoformat(value)
        at_ms = int(at.timestamp() * 1000) if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        at_ms = None
    if at_ms is None:
        raise ValueError("must be a time with its zone, as 2026-01-31T23:59:59Z")
    return at_ms


LIMIT: Final = Parameter(
    "limit",
    "How many items one page has at most.",
    {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": PAGE_ROWS},
    _limit,
)
AFTER: Final = Parameter(
    "after",
    "The `next` of the page before; left out for the first page.",
    {"type": "string", "pattern": _CURSOR},
    _cursor,
)
SINCE: Final = Parameter(
    "since",
    "Only what happened then or later: a time with its zone.",
    {"type": "string", "format": "date-time"},
    _since,
)

"""Instants, times of day and days of the week as the file writes them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from pydantic import PlainValidator, WithJsonSchema

from daemon.config.scalars import fault
from daemon.config.wording import kind_of, shown

DAY_MINUTES = 24 * 60
_HOUR_MINUTES = 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# No zone can move an instant before this one out of the years that a date may have.
_INSTANT_END = datetime(9999, 1, 1, tzinfo=UTC)

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?"
)
_MINUTE = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(:00)?")
_MIDNIGHT = "24:00"

INSTANT_HINT = "as in 2030-12-31T18:00:00Z or 2030-12-31T18:00:00+01:00"
MINUTE_HINT = 'hours and minutes, as in "08:30"'

Day = Literal[
    "mon", "tue", "wed", "thu", "fri", "sat", "sun",
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
]  # fmt: skip
_FIRST_LETTERS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def weekday_of(day: str) -> int:
    """0 is Monday."""
    return _FIRST_LETTERS.index(day[:3])


def read_instant(value: object) -> int:
    """Milliseconds since 1970 in UTC, of a date and a time with their zone; never a wall time."""
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, datetime):
        what = "a time without its date" if isinstance(value, time) else kind_of(value)
        said = "a date without its time" if isinstance(value, date) else what
        fault(f"must be a date and a time with their zone, not {said}", INSTANT_HINT)
    if value.tzinfo is None:
        fault("has no time zone", f"end it with Z for UTC or with the offset, {INSTANT_HINT}")
    if not _EPOCH <= value < _INSTANT_END:
        fault("must lie in the years from 1970 to 9998")
    return (value - _EPOCH) // timedelta(milliseconds=1)


def read_start(value: object) -> int:
    """Minutes since the local midnight."""
    if isinstance(value, time):
        if value.second or value.microsecond:
            fault("must be whole minutes", MINUTE_HINT)
        return value.hour * _HOUR_MINUTES + value.minute
    if not isinstance(value, str):
        fault(f"must be a time of day, not {kind_of(value)}", MINUTE_HINT)
    match = _MINUTE.fullmatch(value)
    if match is None:
        fault(f"{shown(value)} is not a time of day", MINUTE_HINT)
    return int(match[1]) * _HOUR_MINUTES + int(match[2])


def read_end(value: object) -> int:
    """The same, and also the end of the day."""
    return DAY_MINUTES if value == _MIDNIGHT else read_start(value)


def _parsed(text: str) -> datetime:
    if not _INSTANT.fullmatch(text):
        fault(f"{shown(text)} is not a date and a time with their zone", INSTANT_HINT)
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        fault(f"{shown(text)} is in no calendar or on no clock", INSTANT_HINT)


# Editors that check TOML hand its dates and times to the schema as text.
_INSTANT_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": f"^{_INSTANT.pattern.removesuffix('?')}$",
}
_START_SCHEMA: dict[str, Any] = {"type": "string", "pattern": f"^{_MINUTE.pattern}$"}
_END_SCHEMA: dict[str, Any] = {"type": "string", "pattern": f"^({_MINUTE.pattern}|{_MIDNIGHT})$"}

Instant = Annotated[int, PlainValidator(read_instant), WithJsonSchema(_INSTANT_SCHEMA)]
Start = Annotated[int, PlainValidator(read_start), WithJsonSchema(_START_SCHEMA)]
End = Annotated[int, PlainValidator(read_end), WithJsonSchema(_END_SCHEMA)]

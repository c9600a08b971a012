"""Times in words: every one with its zone, and the date where it is not today's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SECOND_MS = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def zone(name: str) -> tzinfo:
    """The time zone of that name, UTC where this machine does not know it: a message must go out."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def moment(at_ms: int, now_ms: int, where: tzinfo) -> str:
    """`02:58:40 UTC`, and with the date before it where `now_ms` is another day there."""
    at = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(where)
    now = (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(where)
    name = at.tzname() or "UTC"
    # Zones without a name of their own are called by their offset, as "+04".
    shown = name if name[:1].isalpha() else f"UTC{name}"
    pattern = "%H:%M:%S" if at.date() == now.date() else "%Y-%m-%d %H:%M:%S"
    return f"{at.strftime(pattern)} {shown}"


def duration(length_ms: int) -> str:
    """`12m 5s`, `1h 5m`, `2d 3h 20m`: whole seconds below a day, whole minutes from there on."""
    seconds = max(0, length_ms) // SECOND_MS
    if seconds == 0:
        return "under 1s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (0 if days else seconds, "s")]
    return " ".join(f"{count}{unit}" for count, unit in parts if count)

"""A silence that a person asks for: from the options of a command or the body of a request, and into words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from pydantic_core import PydanticCustomError

from daemon.config.scalars import check_text, read_duration, read_patterns
from daemon.config.times import read_instant
from daemon.config.wording import one_of, suggestion
from daemon.orders import InvalidOrderError, check_by
from notifiers.times import moment, zone
from rules.model import Severity
from rules.patterns import EVERYTHING, Patterns
from rules.ruleset import Silence, Weekly
from rules.silences import active
from state.ordered import SilenceRow

T = TypeVar("T")

PATTERNS: Final = ("rule", "exchange", "account", "asset")
ENDS: Final = ("for", "until", "until_resolved")
KEYS: Final = (*PATTERNS, "severity", "all", *ENDS, "reason", "by")

_SEVERITIES: Final = tuple(severity.value for severity in Severity)
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOUR_MINUTES: Final = 60


def silence_of(asked: Mapping[str, object], now_ms: int) -> Silence:
    """The silence, still without its id; absent keys are left out. Raises InvalidOrderError for the first fault.

    `rule`, `exchange`, `account`, `asset` and `severity` are a text or a list, `for` a duration, `until` an
    instant with its zone, `until_resolved` the id of an alert, which then is all that is silenced.
    """
    for key in asked:
        if key not in KEYS:
            raise InvalidOrderError(key, "unknown key", suggestion(key, KEYS) or one_of(KEYS))
    ends = [key for key in ENDS if key in asked]
    if len(ends) != 1:
        hint = f"give exactly one of {', '.join(ENDS)}"
        raise InvalidOrderError(ends[1] if ends else "for", "every silence has one end", hint)
    _check_selection(asked)
    patterns = {key: _read(read_patterns, asked, key) for key in PATTERNS if key in asked}
    return Silence(
        id="",
        reason=_reason(asked),
        by=check_by(_text(asked, "by")),
        rule=patterns.get("rule", EVERYTHING),
        exchange=patterns.get("exchange", EVERYTHING),
        account=patterns.get("account", EVERYTHING),
        asset=patterns.get("asset", EVERYTHING),
        severities=_severities(asked),
        from_ms=now_ms,
        until_ms=_until(asked, now_ms),
        until_resolved=_text(asked, "until_resolved").strip().upper() if "until_resolved" in asked else "",
    )


def _check_selection(asked: Mapping[str, object]) -> None:
    """What is silenced is said, and once."""
    every = asked.get("all", False)
    if not isinstance(every, bool):
        raise InvalidOrderError("all", "must be true or false")
    named = [key for key in (*PATTERNS, "severity") if key in asked]
    if "until_resolved" in asked and (named or every):
        raise InvalidOrderError(
            "until_resolved", "silences that alert alone", f"leave out {named[0] if named else 'all'}"
        )
    if every and named:
        raise InvalidOrderError("all", f"excludes {named[0]}")
    if not every and not named and "until_resolved" not in asked:
        raise InvalidOrderError(
            "all",
            "nothing is named that shall be silent",
            f"name {', '.join(PATTERNS)} or severity, or all for everything",
        )


def _until(asked: Mapping[str, object], now_ms: int) -> int | None:
    if "for" in asked:
        return now_ms + _read(read_duration, asked, "for")
    if "until" not in asked:
        return None
    until_ms = _read(read_instant, asked, "until")
    if until_ms <= now_ms:
        raise InvalidOrderError("until", "is past")
    return until_ms


def _severities(asked: Mapping[str, object]) -> frozenset[Severity]:
    given = asked.get("severity", list(_SEVERITIES))
    named = [given] if isinstance(given, str) else given
    if not isinstance(named, list) or not named or any(one not in _SEVERITIES for one in named):
        raise InvalidOrderError("severity", "must be a severity or a list of them", one_of(_SEVERITIES))
    return frozenset(map(Severity, named))


def _reason(asked: Mapping[str, object]) -> str:
    reason = _read(lambda text: check_text(str(text)), asked, "reason", _text(asked, "reason")).strip()
    if not reason:
        raise InvalidOrderError("reason", "must not be empty", "whoever reads it later was not there")
    return reason


def _text(asked: Mapping[str, object], key: str) -> str:
    if key not in asked:
        raise InvalidOrderError(key, "is required and missing")
    value = asked[key]
    if not isinstance(value, str):
        raise InvalidOrderError(key, "must be text")
    return value


def _read(reader: Callable[[object], T], asked: Mapping[str, object], key: str, value: object = None) -> T:
    """A value as the rules file would take it, with its own words where it would not."""
    try:
        return reader(asked[key] if value is None else value)
    except PydanticCustomError as error:
        said = error.context or {}
        raise InvalidOrderError(key, str(said.get("message")), str(said.get("hint") or "")) from None


def stage_of(row: SilenceRow, now_ms: int) -> str:
    """`active`; `waiting` outside of its window or before its begin; `ended` by a person; `over` by itself."""
    one = row.silence
    if row.ended_ms is not None:
        return "ended"
    if (one.until_ms is not None and one.until_ms <= now_ms) or not row.alert_open:
        return "over"
    return "active" if active(one, now_ms) else "waiting"


def end_of(silence: Silence, now_ms: int) -> str:
    """When it ends, in words."""
    if silence.until_resolved:
        return f"{silence.until_resolved} ends"
    if silence.weekly is not None:
        return _weekly(silence.weekly)
    return "" if silence.until_ms is None else moment(silence.until_ms, now_ms, zone("UTC"))


def selection_of(silence: Silence) -> str:
    """What it silences, in words."""
    if silence.until_resolved:
        return f"alert {silence.until_resolved}"
    named: list[tuple[str, Patterns]] = [
        ("rule", silence.rule),
        ("exchange", silence.exchange),
        ("account", silence.account),
        ("asset", silence.asset),
    ]
    parts = [f"{name} {patterns}" for name, patterns in named if patterns != EVERYTHING]
    if silence.severities != frozenset(Severity):
        gravest = [severity.value for severity in Severity if severity in silence.severities]
        parts.append(f"severity {', '.join(gravest)}")
    return "; ".join(parts) or "everything"


def written(patterns: Patterns) -> list[str]:
    """As they are written in a file or an option."""
    return [*patterns.wanted, *(f"!{one}" for one in patterns.excluded)]


def _weekly(weekly: Weekly) -> str:
    days = ", ".join(_DAYS[day] for day in sorted(weekly.days))
    start, end = (
        f"{at // _HOUR_MINUTES:02d}:{at % _HOUR_MINUTES:02d}"
        for at in (weekly.start_minute, weekly.end_minute)
    )
    return f"every {days} {start}–{end} {weekly.timezone}"
